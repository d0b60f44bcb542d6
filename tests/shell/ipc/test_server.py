"""Accepting peers, refusing some, and the end of the server."""

import asyncio
import errno
import os
import socket
import threading
from typing import TYPE_CHECKING, NoReturn

import pytest
from blockbuster import blockbuster_ctx
from returns.result import Success

from saga_core.engine import ConnectionClosed, ConnectionOpened
from saga_shell.ipc import (
    Counters,
    Credentials,
    Limits,
    Server,
    System,
    chosen_endpoint,
    is_self_or_descendant,
    listen,
)
from saga_shell.ipc.acceptor import accept_one, back_off_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shell.ipc.conftest import Serve


class FailingAccept:
    """An `accept` that fails as often as it is told to, and notes how long it is waited."""

    def __init__(self, *failures: int) -> None:
        self.left = list(failures)
        self.waits: list[float] = []

    def accept(self, listening: socket.socket) -> socket.socket:
        """Fail if a failure is left."""
        if self.left:
            code = self.left.pop(0)
            raise OSError(code, os.strerror(code))
        return accept_one(listening)

    async def pause(self, seconds: float) -> None:
        """Take no time."""
        self.waits.append(seconds)
        await asyncio.sleep(0)

    def system(self) -> System:
        """As the server takes it."""
        return System(accept=self.accept, pause=self.pause)


async def refused(served_path: "Path") -> bool:
    """Whether a new connection is ended at once."""
    reader, writer = await asyncio.open_unix_connection(str(served_path))
    ended = await reader.read() == b""
    writer.close()
    return ended


def test_the_back_off_doubles_up_to_a_second() -> None:
    """FACTS 1.2: 2, 4, … 1024 ms, and no more."""
    waits = [back_off_seconds(errors) for errors in range(1, 33)]
    assert waits[:3] == [0.002, 0.004, 0.008]
    assert waits[9:] == [1.024] * 23


def test_failing_accepts_make_no_connection_and_the_next_client_is_served(serve: "Serve") -> None:
    """FACTS F-01, F-44: errors are waited out with growing pauses, and counted."""
    fault = FailingAccept(*[errno.EMFILE] * 31, errno.ECONNABORTED)
    fault.left.pop(0)

    async def main() -> None:
        async with serve(system=fault.system()) as served:
            reader, writer = await served.client()
            assert served.events == [ConnectionOpened(1)]
            served.server.send(1, b"welcome")
            assert await reader.readline() == b"welcome\n"
            assert fault.waits == [back_off_seconds(errors) for errors in range(1, 32)]
            assert served.server.counters() == Counters(accepted=1, accept_errors=31, lines_out=1)
            assert served.fatal == []
            writer.close()

    asyncio.run(main())


def test_an_error_is_waited_out_for_real(serve: "Serve") -> None:
    """FACTS 1.2: the pause between two tries is a real one, and short at first."""
    fault = FailingAccept(errno.ECONNABORTED)

    async def main() -> None:
        async with serve(system=System(accept=fault.accept)) as served:
            _, writer = await served.client()
            assert served.server.counters() == Counters(accepted=1, accept_errors=1)
            writer.close()

    asyncio.run(main())


def test_errors_count_in_a_row_only(serve: "Serve") -> None:
    """FACTS 1.2: a peer that got in starts the count afresh."""
    fault = FailingAccept(*[errno.EMFILE] * 20)

    async def main() -> None:
        async with serve(system=fault.system()) as served:
            _, first = await served.client()
            fault.left = [errno.EMFILE] * 20
            _, second = await served.client()
            assert fault.waits[20] == back_off_seconds(1)
            assert served.fatal == []
            first.close()
            second.close()

    asyncio.run(main())


def test_a_server_that_can_not_accept_says_so_and_serves_whom_it_has(serve: "Serve") -> None:
    """FACTS R-63: after 32 errors in a row the launcher is told in one line: not deaf and alive."""
    fault = FailingAccept()

    async def main() -> None:
        async with serve(system=fault.system()) as served:
            reader, writer = await served.client()
            fault.left = [errno.EMFILE] * 100
            with socket.socket(socket.AF_UNIX) as unlucky:
                unlucky.connect(str(served.path))
                await served.until(lambda: bool(served.fatal))
            (line,) = served.fatal
            assert str(served.path) in line
            assert "Too many open files, 32 times in a row" in line
            assert "\n" not in line
            assert len(fault.left) == 68
            served.server.send(1, b"still served")
            assert await reader.readline() == b"still served\n"
            writer.close()

    asyncio.run(main())


def test_a_bug_while_accepting_does_not_leave_the_launcher_deaf(
    serve: "Serve", caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS R-63: whatever ends it, the launcher hears of it; the log has the why."""

    def buggy(_pid: int) -> tuple[str, ...]:
        raise ZeroDivisionError

    async def main() -> None:
        async with serve(barred_roles=buggy) as served:
            assert await refused(served.path)
            await served.until(lambda: bool(served.fatal))
            assert "ZeroDivisionError" in served.fatal[0]
            assert served.events == []

    asyncio.run(main())
    assert "in buggy" in caplog.text


def test_the_roles_that_a_peer_may_not_take_come_with_it(serve: "Serve") -> None:
    """FACTS R-53: asked by the pid that the kernel names, on a thread, before anything is read."""
    asked: list[tuple[int, bool]] = []

    def barred(pid: int) -> tuple[str, ...]:
        asked.append((pid, threading.current_thread() is threading.main_thread()))
        return () if is_self_or_descendant(pid, os.getpid() + 1) else ("host",)

    async def main() -> None:
        async with serve(barred_roles=barred) as served:
            _, writer = await served.client()
            assert served.events == [ConnectionOpened(1, ("host",))]
            assert asked == [(os.getpid(), False)]
            writer.close()

    asyncio.run(main())


def test_another_user_is_closed_at_once(serve: "Serve") -> None:
    """DESIGN 5, FACTS R-53: the peer's uid must be ours; it is counted and makes no event."""
    strangers = System(credentials=lambda _sock: Credentials(1, os.geteuid() + 1))

    async def main() -> None:
        async with serve(system=strangers) as served:
            assert await refused(served.path)
            assert served.events == []
            assert served.server.counters() == Counters(refused_uid=1)

    asyncio.run(main())


def test_there_is_a_limit_to_connections(serve: "Serve") -> None:
    """DESIGN 5: one too many is closed at once and counted; a place that gets free is given."""

    async def main() -> None:
        async with serve(limits=Limits(max_connections=2)) as served:
            _, first = await served.client()
            _, second = await served.client()
            assert await refused(served.path)
            assert served.server.connections() == (1, 2)
            first.close()
            await served.closed(1)
            _, third = await served.client()
            assert served.server.connections() == (2, 3)
            assert served.server.counters() == Counters(accepted=3, refused_full=1)
            second.close()
            third.close()

    asyncio.run(main())


def test_a_crowd_of_clients_is_served(serve: "Serve") -> None:
    """FACTS F-01: those that come while another is let in wait in the kernel, and are let in."""

    async def main() -> None:
        async with serve() as served:
            connecting = [asyncio.open_unix_connection(str(served.path)) for _ in range(200)]
            clients = await asyncio.gather(*connecting)
            await served.until(lambda: served.opened() == 200)
            for number in served.server.connections():
                served.server.send(number, b"hello")
            for reader, writer in clients:
                assert await reader.readline() == b"hello\n"
                writer.close()

    asyncio.run(main())


def test_a_stop_writes_what_is_queued_and_removes_the_socket(serve: "Serve") -> None:
    """DESIGN 7: everybody gets the last lines, then the end; the lock file stays."""

    async def main() -> None:
        async with serve() as served:
            clients = [await served.client() for _ in range(3)]
            for number in served.server.connections():
                served.server.send(number, b"x" * 1_000_000)
            stopping = asyncio.create_task(served.server.stop())
            for reader, writer in clients:
                assert await reader.read() == b"x" * 1_000_000 + b"\n"
                writer.close()
            assert await stopping == Success(None)
            assert served.events[-3:] == [ConnectionClosed(n) for n in (1, 2, 3)]
            assert [file.name for file in served.path.parent.iterdir()] == ["s.sock.lock"]

    asyncio.run(main())


def test_a_stop_waits_for_those_that_came_after_all_had_left(serve: "Serve") -> None:
    """DESIGN 7: that there was nobody once says nothing of those who are there now."""

    async def main() -> None:
        async with serve(limits=Limits(write_timeout=0.1)) as served:
            _, first = await served.client()
            first.close()
            await served.closed(1)
            second = await served.silent()
            served.server.send(2, b"x" * 1_000_000)
            await served.server.stop()
            assert served.of(2)[-1] == ConnectionClosed(2)
            second.close()

    asyncio.run(main())


def test_a_stop_turns_away_a_peer_that_is_just_being_let_in(serve: "Serve") -> None:
    """DESIGN 7: no connection comes into being behind the end, and no socket is left open."""
    asked, answered = threading.Event(), threading.Event()

    def slow(_pid: int) -> tuple[str, ...]:
        asked.set()
        answered.wait()
        return ()

    async def main() -> None:
        async with serve(barred_roles=slow) as served:
            reader, writer = await asyncio.open_unix_connection(str(served.path))
            await asyncio.to_thread(asked.wait)
            stopping = asyncio.create_task(served.server.stop())
            assert await reader.read() == b""
            answered.set()
            await stopping
            assert served.events == []
            writer.close()

    asyncio.run(main())


def never(_: object) -> NoReturn:
    """What must not be called."""
    pytest.fail("called before the start")


def test_a_server_that_never_started_gives_the_path_back(short_dir: "Path") -> None:
    """DESIGN 7: a start-up that fails later on leaves no socket behind."""
    path = short_dir / "s.sock"

    async def main() -> None:
        listener = listen(chosen_endpoint(path)).unwrap()
        server = Server(
            listener,
            decode=never,
            sink=never,
            barred_roles=never,
            on_fatal=never,
        )
        assert await server.stop() == Success(None)

    asyncio.run(main())
    assert not path.exists()


def test_nothing_blocks_the_loop(serve: "Serve") -> None:
    """DESIGN 5, FACTS R-43: a server's whole life, with every call that blocks forbidden."""

    def by_procfs(pid: int) -> tuple[str, ...]:
        return () if is_self_or_descendant(pid, os.getpid()) else ("host",)

    async def main() -> None:
        async with serve(barred_roles=by_procfs) as served:
            with blockbuster_ctx("saga_shell.ipc"):
                reader, writer = await served.client()
                writer.write(served.line("a") + b"\n")
                await served.until(lambda: served.texts() == ["a"])
                served.server.send(1, b"answer")
                assert await reader.readline() == b"answer\n"
                await served.server.stop()
                writer.close()

    asyncio.run(main())
