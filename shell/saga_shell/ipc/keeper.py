"""Keeping the socket where peers look for it: a launcher must not live on deaf (FACTS R-63).

The path is looked at while nobody comes: whoever does come proves that it leads here.
"""

import asyncio
import logging
import socket

from returns.result import Failure, Success

from saga_shell.ipc.counters import Tally
from saga_shell.ipc.listener import Listener

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How long nobody comes before the path is looked at."""

AGAIN_SECONDS = 5.0
"""How long it is waited after the path could not be had, before it is tried again."""


class Keeper:
    """Waits for peers, and listens anew at the same path when that leads here no more."""

    def __init__(self, listener: Listener, tally: Tally) -> None:
        self._listener = listener
        self._tally = tally
        self._lost = False
        self._trouble: str | None = None

    async def wait(self) -> None:
        """Wait until somebody may have come, or until it was looked whether anybody could.

        Call it when nobody waits to be accepted. It listens anew only in the call after the one
        that found the path lost: who came before that has been accepted in between.
        """
        if self._lost:
            await self._listen_anew()
            self._lost = False
        elif not await self._somebody_came():
            self._lost = await self._is_lost()

    async def _somebody_came(self) -> bool:
        seconds = LOOK_SECONDS if self._trouble is None else AGAIN_SECONDS
        return await readable(self._listener.sock, seconds)

    async def _is_lost(self) -> bool:
        """Once it could not be had it is taken for lost until taking it shows what is there."""
        if self._trouble is not None:
            return True
        return not await asyncio.to_thread(self._listener.is_in_place)

    async def _listen_anew(self) -> None:
        match await asyncio.to_thread(self._listener.listen_anew):
            case Failure(line):
                self._say_trouble(line)
            case Success(anew):
                self._tally.add("listened_anew", int(anew))
                self._trouble = None
                logger.warning(
                    "peers can connect again: socket %s was removed or replaced, and %s",
                    self._listener.path,
                    "is a new one now" if anew else "is back",
                )

    def _say_trouble(self, line: str) -> None:
        if line != self._trouble:
            logger.error(
                "nobody can connect: socket %s was removed or replaced, and it can't be made anew"
                " (it is tried again every %g s): %s",
                self._listener.path,
                AGAIN_SECONDS,
                line,
            )
        self._trouble = line


async def readable(sock: socket.socket, seconds: float) -> bool:
    """Wait for `sock` to be readable, so long at most; whether it is."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    loop.add_reader(sock, event.set)
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(sock)
    return True
