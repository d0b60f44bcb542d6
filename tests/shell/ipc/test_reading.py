"""What peers send, as events."""

import asyncio
import socket
from typing import TYPE_CHECKING

from saga_core.engine import (
    CommandReceived,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    LineRejected,
)
from saga_shell.ipc import Limits

if TYPE_CHECKING:
    from tests.shell.ipc.conftest import Serve, Served

MIB = 1_048_576


def flood(sock: socket.socket, data: bytes) -> int:
    """Write until the kernel takes no more; how many bytes it took."""
    written = 0
    try:
        while written < len(data):
            written += sock.send(data[written : written + 65_536])
    except BlockingIOError:
        pass
    return written


async def turns(count: int = 20) -> None:
    """Let the loop read all that it is willing to read."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_connection_is_opened_heard_and_closed(serve: "Serve") -> None:
    """FACTS 2.8: its events come in this order, at once; numbers grow from 1."""

    async def main() -> None:
        async with serve(limits=Limits(linger=3_600)) as served:
            for number in (1, 2):
                _, writer = await served.client()
                writer.write(served.line("a") + b"\n" + served.line("b") + b"\n")
                writer.close()
                await served.closed(number)
                assert served.of(number) == [
                    ConnectionOpened(number),
                    CommandReceived(number, served.command("a")),
                    CommandReceived(number, served.command("b")),
                    ConnectionClosed(number),
                ]

    asyncio.run(main())


def test_lines_may_come_in_pieces_with_crlf_and_blanks_and_without_an_end(serve: "Serve") -> None:
    """FACTS 2.1: half lines are put together, CRLF and blank lines pass, the last needs no end."""

    async def main() -> None:
        async with serve() as served:
            client = await served.silent()
            stream = b"\r\n \n" + served.line("a") + b"\r\n\n\t\n" + served.line("b")
            for byte in stream:
                client.send(bytes([byte]))
                await asyncio.sleep(0)
            await served.until(lambda: served.texts() == ["a"])
            client.close()
            await served.closed(1)
            assert served.texts() == ["a", "b"]
            assert served.server.counters().lines_in == 2

    asyncio.run(main())


def test_a_bad_line_is_told_of_and_the_next_one_is_read(serve: "Serve") -> None:
    """FACTS 2.7, DESIGN 7: garbage and invalid UTF-8 are rejected lines, the connection stays."""

    async def main() -> None:
        async with serve() as served:
            reader, writer = await served.client()
            writer.write(b'nonsense\n{"cmd":"say","text":"\xff\xfe"}\n' + served.line("ok") + b"\n")
            await served.until(lambda: served.texts() == ["ok"])
            rejected = [event for event in served.events if isinstance(event, LineRejected)]
            assert [(event.connection, event.fatal) for event in rejected] == [(1, False)] * 2
            assert all(event.reason for event in rejected)
            served.server.send(1, b"still here")
            assert await reader.readline() == b"still here\n"
            assert served.server.counters().lines_rejected == 2
            writer.close()

    asyncio.run(main())


def test_a_line_of_the_limit_is_read(serve: "Serve") -> None:
    """DESIGN 7: 1 048 576 bytes without the newline are allowed."""

    async def main() -> None:
        async with serve() as served:
            _, writer = await served.client()
            line = served.line("x" * (MIB - len(served.line(""))))
            assert len(line) == MIB
            writer.write(line + b"\n")
            await served.heard(1)
            writer.close()

    asyncio.run(main())


def test_a_longer_line_is_fatal_and_the_peer_can_read_why(serve: "Serve") -> None:
    """FACTS R-62, F-04: one byte more, even unfinished, is told of; the answer precedes the end."""

    async def main() -> None:
        async with serve() as served:
            reader, writer = await served.client()
            writer.write(served.line("a") + b"\n" + b"x" * (MIB + 1))
            rejected = LineRejected(1, "line longer than 1 MiB", fatal=True)
            await served.until(lambda: rejected in served.events)
            writer.write(b"\n" + served.line("never read") + b"\n")
            served.server.send(1, b"parse failed: line longer than 1 MiB")
            served.server.close_connection(1, "parse failed")
            assert await reader.readline() == b"parse failed: line longer than 1 MiB\n"
            await served.closed(1)
            assert served.texts() == ["a"]
            writer.close()

    asyncio.run(main())


def test_another_limit_is_named_as_what_it_is(serve: "Serve") -> None:
    """FACTS R-62: the reason tells the peer the limit that it broke."""

    async def main() -> None:
        async with serve(limits=Limits(line_bytes=100)) as served:
            _, writer = await served.client()
            writer.write(b"x" * 101)
            rejected = LineRejected(1, "line longer than 100 bytes", fatal=True)
            await served.until(lambda: rejected in served.events)
            writer.close()

    asyncio.run(main())


def test_a_flood_waits_in_the_kernel_while_reading_is_paused(serve: "Serve") -> None:
    """FACTS R-05, R-62: nothing is delivered, memory stays bounded, and nothing is lost."""

    async def main() -> None:
        async with serve() as served:
            client = await served.silent()
            lines = [served.line(f"{number:06}") for number in range(500_000)]
            stream = b"\n".join(lines) + b"\n"
            served.server.pause_reading()
            written = flood(client, stream)
            await turns()
            written += flood(client, stream[written:])
            assert written < MIB
            assert served.texts() == []
            served.server.resume_reading()
            expected = [f"{number:06}" for number in range(stream[:written].count(b"\n"))]
            await served.until(lambda: served.texts() == expected)
            client.close()

    asyncio.run(main())


def test_a_pause_holds_from_the_very_next_line_on(serve: "Serve") -> None:
    """FACTS R-05: a runner that has enough gets no line more, however many came in one read."""

    async def main() -> None:
        async with serve() as served:
            _, writer = await served.client()

            def pause_after_each(event: Event) -> None:
                if isinstance(event, CommandReceived):
                    served.server.pause_reading()

            served.on_event = pause_after_each
            writer.write(b"".join(served.line(str(n)) + b"\n" for n in range(5)))
            writer.close()
            for count in range(1, 6):
                await served.heard(count)
                await turns()
                assert len(served.texts()) == count
                assert ConnectionClosed(1) not in served.events
                served.server.resume_reading()
                assert len(served.texts()) == count
            await served.closed(1)

    asyncio.run(main())


def test_a_peer_that_floods_does_not_keep_the_others_from_being_heard(serve: "Serve") -> None:
    """DESIGN 5: lines are delivered by turns, even if one read brought thousands of one peer."""

    async def main() -> None:
        async with serve() as served:
            loud, quiet = await served.silent(), await served.silent()
            flood(loud, b"".join(served.line(str(n)) + b"\n" for n in range(2_000)))
            quiet.send(served.line("quiet") + b"\n")
            await served.heard(2_001)
            assert served.texts(1) == [str(n) for n in range(2_000)]
            assert served.texts().index("quiet") < 1_000
            loud.close()
            quiet.close()

    asyncio.run(main())


def test_connections_that_end_while_reading_is_paused_are_told_of_later(serve: "Serve") -> None:
    """FACTS R-05: an end waits its turn behind the lines before it, and a stop does not hang."""

    async def main() -> None:
        async with serve() as served:
            served.server.pause_reading()
            first, second = await served.silent(), await served.silent()
            first.send(served.line("last words") + b"\n")
            first.close()
            second.send(served.line("unheard") + b"\n")
            await turns()
            served.server.close_connection(2, "enough")
            await served.closed(2)
            assert served.of(1) == [ConnectionOpened(1)]
            served.server.resume_reading()
            await served.closed(1)
            assert served.texts() == ["last words"]
            second.close()

    asyncio.run(main())


def test_a_sink_may_answer_at_once(serve: "Serve") -> None:
    """DESIGN 5: sending and closing from within the sink is safe, and stops the delivery."""

    async def main() -> None:
        async with serve() as served:
            reader, writer = await served.client()

            def answer(event: Event) -> None:
                if isinstance(event, CommandReceived):
                    served.server.send(event.connection, b"answer")
                    served.server.close_connection(event.connection, "one is enough")

            served.on_event = answer
            writer.write((served.line("a") + b"\n") * 3)
            assert await reader.read() == b"answer\n"
            await served.closed(1)
            assert served.texts() == ["a"]
            writer.close()

    asyncio.run(main())


async def half_closed(served: "Served") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that asked, shut its sending side and waits for the answer, as `nc -N` does."""
    reader, writer = await served.client()
    writer.write(served.line("question") + b"\n")
    writer.write_eof()
    await served.heard(1)
    await turns()
    return reader, writer


def test_a_peer_that_has_said_all_still_gets_its_answers(serve: "Serve") -> None:
    """FACTS 2.1: `printf … | nc -N -U` reads the replies, also those that take their time."""

    async def main() -> None:
        async with serve(limits=Limits(linger=2)) as served:
            reader, writer = await half_closed(served)
            big = b"x" * 4_000_000
            served.server.send(1, big)
            assert await reader.readline() == big + b"\n"
            served.server.send(1, b"one more")
            assert await reader.read() == b"one more\n"
            await served.closed(1)
            assert served.of(1)[2:] == [ConnectionClosed(1)]
            writer.close()

    asyncio.run(main())


def test_a_peer_that_has_said_all_can_be_closed_at_once(serve: "Serve") -> None:
    """FACTS 2.8: a close does not wait for the rest of the linger time."""

    async def main() -> None:
        async with serve(limits=Limits(linger=3_600)) as served:
            reader, writer = await half_closed(served)
            served.server.send(1, b"bye")
            served.server.close_connection(1, "goodbye")
            assert await reader.read() == b"bye\n"
            await served.closed(1)
            writer.close()

    asyncio.run(main())


def test_a_reset_is_an_end_like_any_other(serve: "Serve") -> None:
    """FACTS 2.8: a peer that leaves without reading what it was sent resets the connection."""

    async def main() -> None:
        async with serve() as served:
            client = await served.silent()
            served.server.send(1, b"unread")
            await turns()
            client.send(served.line("last words") + b"\n")
            client.close()
            await served.closed(1)
            assert served.texts() == ["last words"]
            assert served.of(1)[2:] == [ConnectionClosed(1)]

    asyncio.run(main())
