"""What peers are sent, and what happens to those that don't read it."""

import asyncio
import json
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

from tests.shell.ipc.sockets import Send, SlowSystem, read_slowly, system_with

from saga_core.engine import (
    ConnectionClosed,
    ConnectionOpened,
    SendFailed,
)
from saga_shell.ipc import Limits
from saga_shell.ipc.outbox import CHUNK_BYTES

if TYPE_CHECKING:
    from tests.shell.ipc.conftest import Serve


def test_many_large_lines_from_many_tasks_never_interleave(serve: "Serve") -> None:
    """FACTS F-28: replies, events and commands share one writer; every line parses, in order."""

    async def main() -> None:
        async with serve() as served:
            client = await served.silent()
            received = asyncio.create_task(read_slowly(client))

            async def talk(name: str) -> None:
                for number in range(40):
                    text = json.dumps([name, number, name * 20_000]).encode()
                    command = served.command(name) if name == "c" else None
                    served.server.send(1, text, command)
                    await asyncio.sleep(0)

            await asyncio.gather(*(talk(name) for name in "abcd"))
            served.server.close_connection(1, "all said")
            lines = [json.loads(line) for line in (await received).splitlines()]
            for name, told in groupby(sorted(lines), key=lambda line: line[0]):
                assert [(n, body) for _, n, body in told] == [(n, name * 20_000) for n in range(40)]
            assert len(lines) == served.server.counters().lines_out == 160
            client.close()

    asyncio.run(main())


def test_what_is_sent_in_one_turn_is_one_write(serve: "Serve") -> None:
    """DESIGN 5: a batch costs one system call per connection, not one per line."""
    writes: list[bytes] = []

    def noted(send: Send, data: bytes) -> int:
        writes.append(data)
        return send(data)

    async def main() -> None:
        async with serve(system=system_with(noted)) as served:
            reader, writer = await served.client()
            for number in range(100):
                served.server.send(1, b"line %d" % number)
            expected = b"".join(b"line %d\n" % number for number in range(100))
            assert await reader.readexactly(len(expected)) == expected
            assert writes == [expected]
            writer.close()

    asyncio.run(main())


def test_a_peer_that_does_not_read_is_ended_and_nobody_else_notices(serve: "Serve") -> None:
    """FACTS R-32, R-04: the queue's limit ends the silent peer; the other one gets every line."""

    async def main() -> None:
        async with serve(limits=Limits(queue_lines=50)) as served:
            silent = await served.silent()
            reader, writer = await served.client()
            for number in range(200):
                line = b"%d " % number + b"x" * 10_000
                served.server.send(1, line)
                served.server.send(2, line)
                assert await reader.readline() == line + b"\n"
            assert served.of(1) == [ConnectionOpened(1), ConnectionClosed(1)]
            assert served.of(2) == [ConnectionOpened(2)]
            counters = served.server.counters()
            assert counters.kicked_slow == 1
            assert counters.lines_out + counters.lines_dropped == 400
            silent.close()
            writer.close()

    asyncio.run(main())


def test_the_bytes_in_a_queue_are_bounded_too(serve: "Serve") -> None:
    """FACTS R-32: few lines can be much memory."""

    async def main() -> None:
        async with serve(limits=Limits(queue_bytes=1_000_000)) as served:
            silent = await served.silent()
            served.server.send(1, b"x" * 900_000)
            assert served.server.connections() == (1,)
            served.server.send(1, b"x" * 900_000)
            await served.closed(1)
            assert served.server.connections() == ()
            assert served.server.counters().kicked_slow == 1
            silent.close()

    asyncio.run(main())


def test_a_write_that_waits_too_long_ends_its_connection(serve: "Serve") -> None:
    """FACTS R-03, R-32: a write is bounded in time, without anything new being sent."""

    async def main() -> None:
        async with serve(limits=Limits(write_timeout=0.05)) as served:
            silent = await served.silent()
            served.server.send(1, b"x" * 900_000, served.command("a"))
            await served.closed(1)
            assert served.of(1)[1:] == [
                SendFailed(1, served.command("a")),
                ConnectionClosed(1),
            ]
            assert served.server.counters().kicked_slow == 1
            silent.close()
            reader, writer = await served.client()
            served.server.send(2, b"whoever gets the number of that file is served")
            assert (await reader.readline()).endswith(b"is served\n")
            writer.close()

    asyncio.run(main())


def test_it_is_one_write_that_may_not_wait_and_not_all_of_them(serve: "Serve") -> None:
    """FACTS R-32: a long queue that goes on going out is no reason to end a connection."""
    slow = SlowSystem(0.03, 40 * (CHUNK_BYTES + 1))

    async def main() -> None:
        limits = Limits(write_timeout=1, queue_bytes=2**30)
        async with serve(limits=limits, system=system_with(slow.send)) as served:
            client = await served.silent()
            for _ in range(40):
                served.server.send(1, b"x" * CHUNK_BYTES)
            await slow.took_all.wait()
            assert served.server.connections() == (1,)
            assert served.server.counters().kicked_slow == 0
            client.close()

    asyncio.run(main())


def test_a_peer_that_reads_during_a_long_burst_is_not_ended(serve: "Serve") -> None:
    """FACTS R-60: only who doesn't read is slow; one turn of the loop may bring any number."""

    async def main() -> None:
        async with serve(limits=Limits(queue_lines=30)) as served:
            client = await served.silent()
            line = b"x" * 10_000
            received = 0
            for _ in range(200):
                served.server.send(1, line)
                with suppress(BlockingIOError):
                    received += len(client.recv(50_000))
            assert served.server.connections() == (1,)
            served.server.close_connection(1, "all said")
            received += len(await read_slowly(client))
            assert received == 200 * (len(line) + 1)
            client.close()

    asyncio.run(main())
