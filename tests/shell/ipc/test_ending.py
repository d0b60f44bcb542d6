"""How a connection ends, and what comes back of what it was sent."""

import asyncio
import errno
import socket
from typing import TYPE_CHECKING

import pytest
from tests.shell.ipc.sockets import Send, SlowSystem, read_slowly, system_with

from saga_core.engine import (
    CommandReceived,
    ConnectionClosed,
    SendFailed,
)
from saga_shell.ipc import Limits
from saga_shell.ipc.outbox import CHUNK_BYTES

if TYPE_CHECKING:
    from tests.shell.ipc.conftest import Serve


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


def test_a_peer_gone_for_both_halves_at_once_ends_once(serve: "Serve") -> None:
    """FACTS R-33: a failed write and the end of the stream in one turn are one end."""

    async def main() -> None:
        async with serve() as served:
            client = await served.silent()
            client.close()
            served.server.send(1, b"order", served.command("order"))
            await served.closed(1)
            assert served.of(1)[1:] == [SendFailed(1, served.command("order")), ConnectionClosed(1)]

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
    """FACTS R-31: a peer that doesn't read can't put off its end."""

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


def test_a_close_has_one_time_for_all_its_writes(serve: "Serve") -> None:
    """FACTS R-31: a peer that takes its lines one by one can't put off its end by that."""
    slow = SlowSystem(0.03, 40 * (CHUNK_BYTES + 1))

    async def main() -> None:
        limits = Limits(write_timeout=0.1, queue_bytes=2**30)
        async with serve(limits=limits, system=system_with(slow.send)) as served:
            client = await served.silent()
            for _ in range(40):
                served.server.send(1, b"x" * CHUNK_BYTES)
            served.server.send(1, b"too late", served.command("last"))
            served.server.close_connection(1, "enough")
            await served.closed(1)
            assert served.of(1)[1:] == [SendFailed(1, served.command("last")), ConnectionClosed(1)]
            client.close()

    asyncio.run(main())


def test_a_half_closed_peer_gets_no_command(serve: "Serve") -> None:
    """FACTS R-17: who can't answer must not be asked: the command comes back, the peer is ended."""

    async def main() -> None:
        async with serve(limits=Limits(linger=3_600)) as served:
            reader, writer = await served.client()
            writer.write(served.line("last words") + b"\n")
            writer.write_eof()
            await served.heard(1)
            served.server.send(1, b"event")
            assert await reader.readline() == b"event\n"
            served.server.send(1, b"order", served.command("order"))
            assert await reader.read() == b""
            await served.closed(1)
            assert served.of(1)[2:] == [
                SendFailed(1, served.command("order")),
                ConnectionClosed(1),
            ]
            writer.close()

    asyncio.run(main())


def test_the_sink_hears_nothing_from_within_a_call(serve: "Serve") -> None:
    """DESIGN 5: a fan-out may go on over a subscriber that it ends; its end comes a turn later."""

    async def main() -> None:
        async with serve(limits=Limits(queue_lines=0)) as served:
            silent, (_, writer) = await served.silent(), await served.client()
            before = list(served.events)
            for number in range(5):
                served.server.send(1, b"x" * 900_000, served.command(str(number)))
            served.server.close_connection(1, "already ending")
            served.server.close_connection(2, "nothing is queued")
            assert served.events == before
            assert served.server.is_open(1)
            await served.closed(2)
            failed = [SendFailed(1, served.command(str(number))) for number in range(5)]
            assert served.of(1)[1:] == [*failed, ConnectionClosed(1)]
            assert not served.server.is_open(1)
            silent.close()
            writer.close()

    asyncio.run(main())


def test_a_half_closed_peer_that_has_not_read_its_commands_is_ended(serve: "Serve") -> None:
    """FACTS R-17: its commands come back before its end is told."""

    async def main() -> None:
        async with serve(limits=Limits(linger=3_600, write_timeout=60)) as served:
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
            assert served.server.counters().kicked_slow == 0
            client.close()

    asyncio.run(main())


def test_a_line_for_nobody_is_counted_and_its_command_comes_back(serve: "Serve") -> None:
    """FACTS R-17: a dispatch that crosses the end of its connection is not lost in silence."""

    async def main() -> None:
        async with serve() as served:
            served.server.send(7, b"event")
            served.server.send(7, b"order", served.command("order"))
            served.server.close_connection(7, "nobody")
            assert served.events == []
            await served.until(lambda: served.events == [SendFailed(7, served.command("order"))])
            assert served.server.counters().lines_dropped == 2

    asyncio.run(main())
