"""A mutant in the place of the function that it is a wrong variant of.

Its code object takes the place of the function's own. So whoever holds the function, by whatever
name, runs the mutant: modules that import it by name, tables of rules, classes.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any
from unittest.mock import patch

from tests.mutants.generator import Mutant

from saga_core.engine import Effect, Event, Reducer, State

_STEP = Reducer.step
_SECONDS = 2.0
"""CPU time for one step. The longest runs a thousand commands and takes some hundredths of it."""


class StepError(Exception):
    """`step` raised something or never ended, which it must not: no promise has to name that."""


class HangError(BaseException):
    """A step runs for too long. No saga's guard may catch it."""


@contextmanager
def live(mutant: Mutant) -> Iterator[None]:
    """Run everything in here with the mutant; what `step` raises comes out as `StepError`.

    Steps are timed by a signal, so this is for the main thread.
    """
    function = _function(mutant.module, mutant.function)
    original = function.__code__
    before = signal.signal(signal.SIGVTALRM, _give_up)
    function.__code__ = _code(mutant)
    try:
        with patch.object(Reducer, "step", _watched):
            yield
    finally:
        function.__code__ = original
        signal.signal(signal.SIGVTALRM, before)


def _give_up(*_: object) -> None:
    raise HangError


def _watched(
    reducer: Reducer[Any], state: State[Any], event: Event
) -> tuple[State[Any], tuple[Effect, ...]]:
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        return _STEP(reducer, state, event)
    except HangError:
        raise StepError("never ends") from None
    except Exception as error:
        raise StepError(type(error).__name__) from error
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _function(module: str, qualified: str) -> FunctionType:
    found: object = import_module(module)
    for name in qualified.split("."):
        found = vars(found)[name]
    found = found.fget if isinstance(found, property) else found
    assert isinstance(found, FunctionType), f"{module}.{qualified} is a function"
    assert found.__closure__ is None, f"{module}.{qualified} has no variables of another function"
    return found


def _code(mutant: Mutant) -> CodeType:
    """The mutant's code, in a file of its own, so that no coverage is counted for it."""
    whole = compile(mutant.source, f"<{mutant.name}>", "exec")
    (code,) = (found for found in whole.co_consts if isinstance(found, CodeType))
    return code
