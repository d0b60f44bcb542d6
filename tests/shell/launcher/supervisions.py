"""A child under supervision, for the length of a block."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from returns.result import Success

from saga_shell.launcher.supervisor import (
    Child,
    Ended,
    Supervisor,
)


def shell(script: str, *degraded: str) -> Child:
    """A child that runs a shell script; `$*` are its degraded arguments."""
    return Child("host", ("/bin/sh", "-c", script, "sh"), os.environ, degraded)


@asynccontextmanager
async def supervised(supervisor: Supervisor) -> AsyncIterator[asyncio.Task[Ended]]:
    """The supervision of a child that has been started; it is stopped at the end."""
    assert await supervisor.start() == Success(None)
    supervising = asyncio.create_task(supervisor.supervise())
    try:
        yield supervising
    finally:
        await supervisor.stop()
        await supervising


async def end_of(supervisor: Supervisor) -> Ended:
    """Start the child and wait for the end of its supervision."""
    async with supervised(supervisor) as supervising:
        return await supervising
