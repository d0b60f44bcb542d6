"""What peers are sent, and what happens to those that don't read it."""

import asyncio
import errno
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from saga_core.engine import (
    CommandReceived,
    ConnectionClosed,
    ConnectionOpened,
    SendFailed,
)
from saga_shell.ipc import Limits, System
from saga_shell.ipc.acceptor import accept_one

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from tests.shell.ipc.conftest import Serve

Send = Callable[[bytes], int]


def system_with(alter: Callable[[Send, bytes], int]) -> System:
    """A system whose accepted sockets send as `alter` does, which gets the real way to send."""

    class Altered(socket.socket):
        def send(self, data: "ReadableBuffer", flags: int = 0, /) -> int:
            assert flags == 0
            return alter(super().send, bytes(data))

    def accept(listening: socket.socket) -> socket.socket:
        accepted = Altered(fileno=accept_one(listening).detach())
        accepted.setblocking(False)
        return accepted

    return System(accept=accept)


async def read_slowly(client: socket.socket) -> bytes:
    """All that is sent to a raw client, in small pieces, up to the end."""
    loop = asyncio.get_running_loop()
    received = b""
    while data := await loop.sock_recv(client, 7_000):
        received += data
    return received


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


@pytest.mark.parametrize("error", [errno.EPIPE, errno.ENOBUFS])
def test_a_write_that_fails_in_the_middle_is_the_last_one(serve: "Serve", error: int) -> None:
    """FACTS R-33: ten bytes, then an error: nothing is glued to them, the connection is closed."""
    writes: list[bytes] = []

    def cut(send: Send, data: bytes) -> int:
        if writes:
            raise OSError(error, "cut")
        writes.append(data)
        return send(data[:10])

    async def main() -> None:
        async with serve(system=system_with(cut)) as served:
            reader, writer = await served.client()
            served.server.send(1, b"short", served.command("handed over"))
            served.server.send(1, b"a long line", served.command("in part"))
            served.server.send(1, b"an event")
            served.server.send(1, b"more", served.command("not at all"))
            assert await reader.read() == b"short\na lo"
            assert served.of(1)[1:] == [
                SendFailed(1, served.command("in part")),
                SendFailed(1, served.command("not at all")),
                ConnectionClosed(1),
            ]
            counters = served.server.counters()
            assert (counters.lines_out, counters.lines_dropped) == (1, 3)
            assert counters.kicked_slow == 0
            writer.close()

    asyncio.run(main())


def test_what_a_dying_peer_had_said_is_heard_before_its_end(serve: "Serve") -> None:
    """FACTS R-17: an answer in the socket is not lost when our write finds the peer gone."""

    async def main() -> None:
        async with serve() as served:
            client = await served.silent()
            served.server.pause_reading()
            client.send(served.line("answer") + b"\n" + served.line("half")[:5])
            client.close()
            served.server.send(1, b"an order", served.command("order"))
            await served.closed(1)
            assert served.of(1)[1:3] == [
                CommandReceived(1, served.command("answer")),
                served.of(1)[2],
            ]
            assert served.of(1)[3:] == [
                SendFailed(1, served.command("order")),
                ConnectionClosed(1),
            ]

    asyncio.run(main())


def test_a_line_too_long_is_told_of_even_then(serve: "Serve") -> None:
    """FACTS R-62: a rejected line is counted, also when the connection breaks behind it."""

    async def main() -> None:
        async with serve(limits=Limits(line_bytes=10)) as served:
            client = await served.silent()
            served.server.pause_reading()
            client.send(b"x" * 11)
            client.close()
            served.server.send(1, b"hello")
            await served.closed(1)
            assert served.server.counters().lines_rejected == 1

    asyncio.run(main())


def test_a_new_connection_hears_what_comes_after_a_failed_write(serve: "Serve") -> None:
    """FACTS F-23: a broken connection ends its own delivery only; the next one starts afresh."""

    async def main() -> None:
        async with serve() as served:
            _, writer = await served.client()
            writer.close()
            served.server.send(1, b"lost")
            await served.closed(1)
            reader, writer = await served.client()
            served.server.send(2, b"event")
            assert await reader.readline() == b"event\n"
            writer.close()

    asyncio.run(main())


def test_a_close_writes_what_was_queued_and_refuses_the_rest(serve: "Serve") -> None:
    """FACTS F-04: what precedes the close arrives; a command behind it comes back, in order."""

    async def main() -> None:
        async with serve() as served:
            client = await served.silent()
            big = b"x" * 2_000_000
            served.server.send(1, big, served.command("big"))
            served.server.close_connection(1, "enough")
            served.server.close_connection(1, "said already")
            served.server.send(1, b"late", served.command("first"))
            served.server.send(1, b"late")
            served.server.send(1, b"late", served.command("second"))
            assert await read_slowly(client) == big + b"\n"
            await served.closed(1)
            assert served.of(1)[1:] == [
                SendFailed(1, served.command("first")),
                SendFailed(1, served.command("second")),
                ConnectionClosed(1),
            ]
            assert served.server.counters().lines_dropped == 3
            client.close()

    asyncio.run(main())


def test_a_close_does_not_wait_for_ever(serve: "Serve") -> None:
    """FACTS R-31: a peer that doesn't read can't put off its end; nor can it as a slow trickle."""

    async def main() -> None:
        async with serve(limits=Limits(write_timeout=0.05)) as served:
            client = await served.silent()
            served.server.send(1, b"x" * 900_000, served.command("big"))
            served.server.close_connection(1, "enough")
            await served.closed(1)
            assert served.of(1)[1:] == [
                SendFailed(1, served.command("big")),
                ConnectionClosed(1),
            ]
            client.close()

    asyncio.run(main())


def test_a_half_closed_peer_gets_no_command(serve: "Serve") -> None:
    """FACTS R-17: who can't answer must not be asked: the command comes back at once."""

    async def main() -> None:
        async with serve() as served:
            reader, writer = await served.client()
            writer.write_eof()
            await served.closed(1)
            served.server.send(1, b"order", served.command("order"))
            served.server.send(1, b"event")
            assert served.of(1)[2:] == [SendFailed(1, served.command("order"))]
            assert await reader.readline() == b"event\n"
            writer.close()

    asyncio.run(main())


def test_a_half_closed_peer_that_has_not_read_its_commands_is_ended(serve: "Serve") -> None:
    """FACTS R-17: its commands come back before its end is told."""

    async def main() -> None:
        async with serve() as served:
            client = await served.silent()
            served.server.send(1, b"x" * 900_000, served.command("order"))
            await asyncio.sleep(0)
            client.shutdown(socket.SHUT_WR)
            await served.closed(1)
            assert served.of(1)[1:] == [
                SendFailed(1, served.command("order")),
                ConnectionClosed(1),
            ]
            assert served.server.connections() == ()
            client.close()

    asyncio.run(main())


def test_a_line_for_nobody_is_counted_and_its_command_comes_back(serve: "Serve") -> None:
    """FACTS R-17: a dispatch that crosses the end of its connection is not lost in silence."""

    async def main() -> None:
        async with serve() as served:
            served.server.send(7, b"event")
            served.server.send(7, b"order", served.command("order"))
            served.server.close_connection(7, "nobody")
            assert served.events == [SendFailed(7, served.command("order"))]
            assert served.server.counters().lines_dropped == 2

    asyncio.run(main())
