"""The loop with a virtual clock is right before anything is tested with it."""

import asyncio
import socket
import threading
import time

import pytest

from saga_shell.rehearsal.clock import StuckError, VirtualTimeLoop, rest, run_virtually


def test_a_day_passes_at_once_and_timers_fire_in_order() -> None:
    """Sleeps of a minute to a day end in the order of their times, without any waiting."""

    async def main() -> list[tuple[str, float]]:
        loop, told = asyncio.get_running_loop(), []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            told.append((name, loop.time()))

        await asyncio.gather(sleeper("day", 86_400), sleeper("hour", 3_600), sleeper("minute", 60))
        return told

    assert run_virtually(main()) == [("minute", 60), ("hour", 3_600), ("day", 86_400)]


def test_the_clock_stands_still_while_a_thread_works() -> None:
    """A deadline of a second doesn't overtake work on a thread, however long that takes."""

    async def main() -> float:
        started = threading.Event()

        def work() -> str:
            started.wait()
            time.sleep(0.01)
            return "done"

        asyncio.get_running_loop().call_soon(started.set)
        assert await asyncio.wait_for(asyncio.to_thread(work), 1) == "done"
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == 0


def test_sockets_are_heard_before_time_passes() -> None:
    """What a peer wrote is read before a timeout of a millisecond can fire.

    A Unix socket has it at once; the network's stack may take it later, on a busy machine.
    """
    ours, theirs = socket.socketpair()

    async def main() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            writer.close()

        reader, writer = await asyncio.open_unix_connection(sock=ours)
        echoing = asyncio.create_task(echo(*await asyncio.open_unix_connection(sock=theirs)))
        writer.write(b"hello\n")
        line = await asyncio.wait_for(reader.readline(), 0.001)
        writer.close()
        await echoing
        return line

    assert run_virtually(main()) == b"hello\n"


def test_a_wait_for_ever_is_an_error() -> None:
    """A test that waits for what can't come fails at once instead of hanging."""

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError):
        run_virtually(main())


def test_a_rest_lasts_until_nothing_more_can_happen() -> None:
    """All that is ready is done, work on threads and what follows from it too; no time passes."""

    async def main() -> tuple[list[str], float]:
        loop, told = asyncio.get_running_loop(), []

        async def work() -> None:
            await asyncio.to_thread(time.sleep, 0.01)
            told.append("worked")
            loop.call_soon(told.append, "afterwards")

        loop.call_later(1, told.append, "later")
        task = asyncio.create_task(work())
        await rest()
        assert task.done()
        return told, loop.time()

    assert run_virtually(main()) == (["worked", "afterwards"], 0)


def test_a_rest_that_is_given_up_harms_nobody() -> None:
    """Two rest at a time, one of them is cancelled."""

    async def main() -> bool:
        given_up, other = asyncio.create_task(rest()), asyncio.create_task(rest())
        await asyncio.sleep(0)
        given_up.cancel()
        await other
        return given_up.cancelled()

    assert run_virtually(main())


def test_only_a_virtual_clock_can_rest() -> None:
    """A loop in real time never knows that nothing more will happen."""
    with pytest.raises(AssertionError, match="virtual clock"):
        asyncio.run(rest())


def test_without_threads_work_is_done_on_the_loop() -> None:
    """DESIGN 3: a turn later, in the order in which it was given; errors reach whoever waits."""

    async def main() -> list[object]:
        told: list[object] = []
        here = threading.get_ident()
        first = asyncio.to_thread(lambda: told.append(threading.get_ident() == here))
        second = asyncio.to_thread(lambda: 1 / 0)
        waiting = [asyncio.create_task(first), asyncio.create_task(second)]
        asyncio.get_running_loop().call_soon(told.append, "meanwhile")
        given_up = asyncio.get_running_loop().run_in_executor(None, told.append, "never")
        given_up.cancel()
        told += await asyncio.gather(*waiting, return_exceptions=True)
        return told

    meanwhile, here, nothing, error = run_virtually(main(), threads=False)
    assert (meanwhile, here, nothing) == ("meanwhile", True, None)
    assert isinstance(error, ZeroDivisionError)


def test_without_threads_a_wait_for_ever_is_an_error_too() -> None:
    """Nothing outside can wake such a loop."""

    async def main() -> None:
        assert isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
        await asyncio.Event().wait()

    with pytest.raises(StuckError):
        run_virtually(main(), threads=False)
