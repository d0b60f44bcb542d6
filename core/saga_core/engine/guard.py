"""Calling a saga's own code: whatever it does wrong becomes a reason for its own failure.

A saga that raises, answers with something else than a saga and an action, or describes itself
badly fails alone; the reducer and every other saga go on (FACTS R-10).
"""

from collections.abc import Callable
from math import inf
from typing import TypeVar, cast, get_args

import msgspec
from msgspec import Struct
from returns.result import Failure, Success

from saga_core.engine.config import Config
from saga_core.engine.saga import DEFAULT_TIMEOUT_SECONDS, Action, Saga

_ACTIONS = get_args(Action)
_REASON_LENGTH = 500
T = TypeVar("T")

Decision = Success[tuple[Saga, Action]] | Failure[str]


class Opening(Struct, frozen=True):
    """How a saga describes itself. `problem`: why it can't run, in which case it fails at once."""

    name: str
    input_json: str
    seconds: float
    problem: str | None


def decide(call: Callable[..., object], *arguments: object) -> Decision:
    """Call `start` or `on_event`; a failure says what the saga did wrong."""
    match attempt(call, *arguments):
        case Success((saga, action)) if isinstance(action, _ACTIONS):
            return Success((cast("Saga", saga), action))
        case Success(other):
            return Failure(f"saga returned {_shown(other)}, not its next value and an action")
        case Failure(problem):
            return Failure(problem)


def attempt(call: Callable[..., T], *arguments: object) -> Success[T] | Failure[str]:
    """Call a saga's function; an exception becomes a one-line reason."""
    try:
        return Success(call(*arguments))
    except Exception as error:  # noqa: BLE001  a saga's bug fails that saga alone (FACTS R-10)
        return Failure(f"saga raised {type(error).__name__}: {_text_of(error)}")


def describe(config: Config, saga: Saga) -> Opening:
    """Ask a saga for its name, input and deadline, with stand-ins for what it can't tell."""
    name, name_problem = _name_of(saga)
    input_json, input_problem = _input_of(saga)
    seconds, time_problem = _seconds_of(config, name, saga)
    return Opening(name, input_json, seconds, name_problem or input_problem or time_problem)


def line(text: object) -> str:
    """`text` as one encodable line of bounded length, for names and reasons."""
    flat = " ".join(str(text).split())
    encodable = flat.encode("utf-8", "backslashreplace").decode("utf-8")
    return encodable if len(encodable) <= _REASON_LENGTH else encodable[:_REASON_LENGTH] + "…"


def _name_of(saga: Saga) -> tuple[str, str | None]:
    match attempt(saga.name):
        case Success(str(name)) if name and name == line(name):
            return name, None
        case Success(other):
            return type(saga).__name__, f"saga name() returned {_shown(other)}, not a name"
        case Failure(problem):
            return type(saga).__name__, problem


def _input_of(saga: Saga) -> tuple[str, str | None]:
    match attempt(_encoded_input, saga):
        case Success(text):
            return text, None
        case Failure(problem):
            return "null", problem


def _encoded_input(saga: Saga) -> str:
    return msgspec.json.encode(saga.input_snapshot()).decode()


def _seconds_of(config: Config, name: str, saga: Saga) -> tuple[float, str | None]:
    override: object = config.timeouts.get(name)
    match Success(override) if override is not None else attempt(_timeout_of, saga):
        case Success(float() | int() as seconds) if 0 < seconds < inf:
            return float(seconds), None
        case Success(other):
            problem = f"saga timeout() returned {_shown(other)}, not a positive number of seconds"
            return DEFAULT_TIMEOUT_SECONDS, problem
        case Failure(problem):
            return DEFAULT_TIMEOUT_SECONDS, problem


def _timeout_of(saga: Saga) -> object:
    return saga.timeout()


def _shown(value: object) -> str:
    match attempt(repr, value):
        case Success(text):
            return line(text)
        case Failure(_):
            return type(value).__name__


def _text_of(error: Exception) -> str:
    try:
        return line(error)
    except Exception:  # noqa: BLE001  a saga's exception may fail to describe itself
        return "(no text)"
