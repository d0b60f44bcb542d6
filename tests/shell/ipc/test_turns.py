"""Whose lines are delivered when, while more comes in than can be done."""

import asyncio
from typing import TYPE_CHECKING

from tests.shell.ipc.test_reading import flood, turns

from saga_core.agentmux.commands import ReapPanes
from saga_shell.ipc import Limits
from saga_shell.ipc.reader import LINES_PER_COMMAND, LINES_PER_TURN

if TYPE_CHECKING:
    from tests.shell.ipc.conftest import Serve

LINES = 2_000


def test_a_peer_that_was_asked_comes_first(serve: "Serve") -> None:
    """RELIABILITY 15: beyond capacity, answers don't wait behind what others report."""

    async def main() -> None:
        async with serve() as served:
            loud, asked = await served.silent(), await served.silent()
            served.server.pause_reading()
            flood(loud, b"".join(served.line(str(n)) + b"\n" for n in range(10)))
            await turns()
            served.server.send(2, b"what is it?", ReapPanes("w", 1))
            asked.send(served.line("answer") + b"\n")
            await turns()
            served.server.resume_reading()
            await served.heard(11)
            assert served.texts()[0] == "answer"
            loud.close()
            asked.close()

    asyncio.run(main())


def test_a_peer_that_was_asked_may_say_more_in_its_turn(serve: "Serve") -> None:
    """RELIABILITY 15: two lines more for each command, once only; others are heard in between."""

    async def main() -> None:
        async with serve() as served:
            asked, quiet = await served.silent(), await served.silent()
            served.server.pause_reading()
            for _ in range(200):
                served.server.send(1, b"what is it?", ReapPanes("w", 1))
            flood(asked, b"".join(served.line(str(n)) + b"\n" for n in range(LINES)))
            await turns()
            quiet.send(served.line("quiet") + b"\n")
            await turns()
            served.server.resume_reading()
            await served.heard(LINES + 1)
            assert served.texts(1) == [str(n) for n in range(LINES)]
            before = served.texts().index("quiet") - 200 * LINES_PER_COMMAND
            assert LINES_PER_TURN <= before <= 2 * LINES_PER_TURN
            asked.close()
            quiet.close()

    asyncio.run(main())


def test_bytes_that_nobody_took_hold_all_peers_back(serve: "Serve") -> None:
    """RELIABILITY 11: few long lines are as much as many short ones; each pause is counted."""

    async def main() -> None:
        async with serve(limits=Limits(waiting_bytes=1_000)) as served:
            loud, quiet = await served.silent(), await served.silent()
            line = served.line("x" * 600) + b"\n"
            loud.send(line * 3)
            await served.heard(2)
            await turns()
            quiet.send(served.line("quiet") + b"\n")
            await turns()
            assert (len(served.texts()), served.server.byte_pauses) == (2, 1)
            served.server.pause_reading()
            served.server.nothing_waits()
            await turns()
            assert len(served.texts()) == 2
            served.server.resume_reading()
            await served.heard(4)
            assert (served.texts(2), served.server.byte_pauses) == (["quiet"], 1)
            loud.close()
            quiet.close()

    asyncio.run(main())
