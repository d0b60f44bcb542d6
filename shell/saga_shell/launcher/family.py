"""The processes that the launcher owns: the host, whose end ends the launcher, and srv."""

import asyncio
import logging
from collections.abc import Mapping

from returns.result import Failure, Success

from saga_shell.ipc import is_self_or_descendant
from saga_shell.launcher.options import EXIT_FAILED, EXIT_FINE, Exit, Options
from saga_shell.launcher.supervisor import Child, Ended, Supervisor

logger = logging.getLogger(__name__)

DEGRADED_HOST = ("--disable-gpu",)
"""What a host is told after the same abnormal end twice in a row (FACTS 1.4)."""


class Family:
    """The supervised processes; each role is supervised or left to whoever connects."""

    def __init__(self, options: Options, environment: Mapping[str, str]) -> None:
        self._host = _supervised("host", options.host_command, environment, DEGRADED_HOST)
        self._srv = _supervised("srv", options.srv_command, environment, ())

    async def start(self) -> Success[None] | Failure[str]:
        """Start all of them; the failure is one line for the user."""
        for supervisor in self._members():
            match await supervisor.start():
                case Failure(line):
                    return Failure(line)
                case Success():
                    pass
        return Success(None)

    async def ended(self) -> Exit:
        """Wait until the end of one of them ends the launcher.

        A host that ends cleanly ends it with 0, one whose budget is spent with its own code. An
        srv that ends cleanly is let go; one whose budget is spent ends the launcher with 1.
        """
        watching = [asyncio.create_task(self._watch_host()), asyncio.create_task(self._watch_srv())]
        try:
            done, _ = await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in watching:
                task.cancel()

    async def stop(self) -> None:
        """End all of them."""
        await asyncio.gather(*(supervisor.stop() for supervisor in self._members()))

    def barred_roles(self, pid: int) -> tuple[str, ...]:
        """The supervised roles that process `pid` may not take (FACTS R-53). Reads procfs."""
        roles = (("host", self._host), ("srv", self._srv))
        return tuple(role for role, member in roles if member and not _is_of(pid, member))

    def _members(self) -> list[Supervisor]:
        return [member for member in (self._srv, self._host) if member is not None]

    async def _watch_host(self) -> Exit:
        ended = await _end_of(self._host)
        if ended.clean:
            return Exit(EXIT_FINE)
        return Exit(ended.code, f"the host ended with code {ended.code} too often: see its output")

    async def _watch_srv(self) -> Exit:
        ended = await _end_of(self._srv)
        if ended.clean:
            logger.warning("the srv ended and is not started again")
            await _never()
        line = f"the srv ended with code {ended.code} too often: see its output"
        return Exit(EXIT_FAILED, line)


def _supervised(
    role: str,
    command: tuple[str, ...] | None,
    environment: Mapping[str, str],
    degraded_arguments: tuple[str, ...],
) -> Supervisor | None:
    if command is None:
        return None
    return Supervisor(Child(role, command, environment, degraded_arguments))


async def _end_of(supervisor: Supervisor | None) -> Ended:
    if supervisor is None:
        return await _never()
    return await supervisor.supervise()


async def _never() -> Ended:
    never: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    return await never


def _is_of(pid: int, supervisor: Supervisor) -> bool:
    return supervisor.pid is not None and is_self_or_descendant(pid, supervisor.pid)
