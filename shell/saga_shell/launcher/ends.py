"""Waiting for whichever of several things ends first."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def first(*ends: Awaitable[T]) -> T:
    """The result of the one that ends first; of several at once, of the one named first.

    The others are cancelled, and have ended when this returns: shield what has to live on.
    """
    waiting = [asyncio.ensure_future(end) for end in ends]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return next(end.result() for end in waiting if end.done())
    finally:
        for end in waiting:
            end.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def never() -> T:
    """Wait until cancelled."""
    forever: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    return await forever
