"""The processes that the launcher owns: the host, whose end ends the launcher, and srv."""

import asyncio
import logging
from collections.abc import Iterator, Mapping

from returns.result import Failure, Success

from saga_shell.launcher.ends import first, never
from saga_shell.launcher.options import EXIT_FAILED, EXIT_FINE, Exit, Options
from saga_shell.launcher.supervisor import Child, Supervisor, check_program

logger = logging.getLogger(__name__)

DEGRADED_HOST = ("--disable-gpu",)
"""What a host is told after the same abnormal end twice in a row (FACTS 1.4)."""


class Family:
    """The supervised processes; a role that has none is left to whoever connects."""

    def __init__(self, options: Options, environment: Mapping[str, str]) -> None:
        self._members = {child.role: Supervisor(child) for child in _children(options, environment)}

    @property
    def restarts(self) -> int:
        """How often any of them was started again."""
        return sum(member.restarts for member in self._members.values())

    async def start(self) -> Success[None] | Failure[str]:
        """Start all of them, srv first; the failure is one line for the user."""
        for member in self._members.values():
            match await member.start():
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
        return await first(
            _host_ended(self._members.get("host")), _srv_ended(self._members.get("srv"))
        )

    async def stop(self) -> None:
        """End all of them."""
        await asyncio.gather(*(member.stop() for member in self._members.values()))

    def barred_roles(self, pid: int) -> tuple[str, ...]:
        """The supervised roles that process `pid` may not take (FACTS R-53).

        Call it on a thread, not on the loop, for the same reasons as `Supervisor.owns`.
        """
        return tuple(role for role, member in self._members.items() if not member.owns(pid))


def check_programs(
    options: Options, environment: Mapping[str, str]
) -> Success[None] | Failure[str]:
    """Whether all programs can be found, before anything is taken or started.

    Looks at the file system: call it on a thread, not on the loop.
    """
    for child in _children(options, environment):
        match check_program(child):
            case Failure(line):
                return Failure(line)
            case Success():
                pass
    return Success(None)


def _children(options: Options, environment: Mapping[str, str]) -> Iterator[Child]:
    if options.srv_command is not None:
        yield Child("srv", options.srv_command, environment)
    if options.host_command is not None:
        yield Child("host", options.host_command, environment, DEGRADED_HOST)


async def _host_ended(host: Supervisor | None) -> Exit:
    if host is None:
        return await never()
    ended = await host.supervise()
    return Exit(EXIT_FINE) if ended.clean else Exit(ended.code, ended.reason)


async def _srv_ended(srv: Supervisor | None) -> Exit:
    if srv is None:
        return await never()
    ended = await srv.supervise()
    if ended.clean:
        logger.warning("the srv ended and is not started again")
        return await never()
    return Exit(EXIT_FAILED, ended.reason)
