"""Which scenario is meant: AgentMux's own, or one of the user's that is named as `module:name`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from traceback import extract_tb

from saga_core.check import Scenario
from saga_core.check.agentmux import SCENARIO
from saga_shell.cli.refusal import EXIT_USAGE, Refusal


def scenario_of(place: str | None) -> Scenario:
    """The scenario at `module:name`; modules of the present directory are found too."""
    if place is None:
        return SCENARIO
    module, _, name = place.partition(":")
    if not module or not name:
        raise _refused(place, "write MODULE:NAME, such as shop.checks:SCENARIO")
    found = _found(place, module, name)
    if not isinstance(found, Scenario):
        shown = "nothing" if found is None else f"a {type(found).__name__}"
        raise _refused(place, f"{name} is {shown}, not a saga_core.check.Scenario")
    return found


@contextmanager
def staying(place: str | None) -> Iterator[None]:
    """What a scenario does wrong in here is one line: a traceback would look like a verdict."""
    try:
        yield
    except SystemExit:
        raise _refused(str(place), "it ends the program (sys.exit) while it is checked") from None
    except Exception as error:
        where = None if place is None else _place_in(place, error)
        if where is None:
            raise
        raise _refused(str(place), f"{where} raised {type(error).__name__}: {error}") from None


def _place_in(application: str, error: Exception) -> str | None:
    """Where in the application's package an error came from; None: it didn't come from there."""
    module = sys.modules.get(application.partition(":")[0])
    if module is None:
        return None
    folder = str(Path(str(module.__file__)).parent)
    frames = [one for one in extract_tb(error.__traceback__) if one.filename.startswith(folder)]
    return f"{frames[-1].name} ({frames[-1].filename}:{frames[-1].lineno})" if frames else None


def _found(place: str, module: str, name: str) -> object:
    _look_here_too()
    try:
        return getattr(import_module(module), name, None)
    except KeyboardInterrupt:
        raise
    except SystemExit:
        raise _refused(place, f"{module} ends the program when it is imported") from None
    except BaseException as error:  # noqa: BLE001 -- the module is the user's: whatever it does wrong is told
        raise _refused(place, f"{type(error).__name__}: {error}") from None


def _look_here_too() -> None:
    """Find modules of the present directory, unless that was removed."""
    with suppress(FileNotFoundError):
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)


def _refused(place: str, problem: str) -> Refusal:
    return Refusal(f"--application {place}: {problem}", EXIT_USAGE)
