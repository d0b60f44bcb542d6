"""A launcher that meets a bug, or a system that fails it: it ends, visibly and in good order."""

import asyncio
import errno
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
from tests.shell.launcher.children import FOR_EVER, run
from tests.shell.launcher.launches import Launched, Place, shell
from tests.shell.launcher.parts import Watch

from saga_core.agentmux import Mirror
from saga_core.engine import (
    ConnectionClosed,
    Effect,
    Event,
    RecoveryRequested,
    ShutdownRequested,
    State,
)
from saga_shell.ipc import Server, System
from saga_shell.launcher import launch as module


class Bug(Watch):
    """A watcher that fails at a certain kind of event, as a bug in `step` would."""

    def __init__(self, kind: type[Event]) -> None:
        super().__init__()
        self._kind = kind

    def __call__(
        self,
        before: State[Mirror],
        event: Event,
        after: State[Mirror],
        effects: tuple[Effect, ...],
    ) -> None:
        """One step."""
        if isinstance(event, self._kind):
            raise ZeroDivisionError("the bug")
        super().__call__(before, event, after, effects)


async def launch_with(place: Place, bug: type[Event]) -> None:
    """A launcher with a bug, a child and a client; the bug comes out of it."""
    async with place.launched(watcher=Bug(bug), srv_command=shell(FOR_EVER)) as it:
        tool = await it.client("tool")
        tool.say(cmd="goodbye")
        it.stop.set()
        with pytest.raises(ZeroDivisionError, match="the bug"):
            await it.ended
        await tool.until_end()
    assert not place.socket.exists()
    assert not await place.is_taken()


@pytest.mark.parametrize("bug", [ConnectionClosed, ShutdownRequested])
def test_a_bug_ends_the_launcher_visibly_and_in_order(place: Place, bug: type[Event]) -> None:
    """DESIGN 3: in the middle or at the very end: children stopped, socket and lock given back."""
    run(launch_with(place, bug))


def test_a_bug_during_recovery_ends_the_start(place: Place) -> None:
    """DESIGN 3: before anybody could connect, too."""

    async def main() -> None:
        async with place.launched(watcher=Bug(RecoveryRequested)) as it:
            with pytest.raises(ZeroDivisionError):
                await it.ended
            assert it.announced == []
        assert not await place.is_taken()

    run(main())


def test_an_announcement_that_fails_ends_the_launcher(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: nobody can be told where it listens: it doesn't live on unseen."""

    def fail(_launched: Launched, _path: Path) -> None:
        raise BrokenPipeError("standard output is closed")

    monkeypatch.setattr(Launched, "_announce", fail)

    async def main() -> None:
        async with place.launched(srv_command=shell(FOR_EVER)) as it:
            with pytest.raises(BrokenPipeError):
                await it.ended
        assert not place.socket.exists()

    run(main())


def test_a_launcher_that_can_not_accept_ends_with_1(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS R-63: it doesn't live on deaf; the line says what is short, and its host is stopped."""

    def fail(_listening: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(module, "Server", partial(Server, system=System(fail, pause=at_once)))

    async def main() -> None:
        ended = await place.launch_and_wait(host_command=shell(FOR_EVER))
        assert ended.code == 1
        assert ended.line is not None
        assert ended.line.startswith(f"can't accept connections on {place.socket}: Too many open")

    run(main())
