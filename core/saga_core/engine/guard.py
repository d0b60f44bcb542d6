"""Calling a saga's own code: whatever it does wrong becomes a reason for its own failure.

A saga that raises, answers with something else than a saga and an action, or describes itself
badly fails alone; the reducer and every other saga go on (FACTS R-10).
"""

from collections.abc import Callable
from sys import float_info
from typing import TypeVar, get_args

import msgspec
from msgspec import Struct
from returns.result import Failure, Success

from saga_core.engine.config import Config
from saga_core.engine.messages import BusEvent
from saga_core.engine.saga import DEFAULT_TIMEOUT_SECONDS, Action, Saga, SagaContext

_ACTIONS = get_args(Action)
_REASON_LENGTH = 500
S = TypeVar("S")
T = TypeVar("T")

Decision = Success[tuple[Saga, Action]] | Failure[str]


class Opening(Struct, frozen=True):
    """How a saga describes itself. `problem`: why it can't run, in which case it fails at once."""

    name: str
    input_json: str
    seconds: float
    problem: str | None


def start(saga: Saga, context: SagaContext) -> Decision:
    """Call `start`; a failure says what the saga did wrong."""
    return _decision(_attempt(lambda it: it.start(context), saga))


def on_event(saga: Saga, event: BusEvent, context: SagaContext) -> Decision:
    """Call `on_event`; a failure says what the saga did wrong."""
    return _decision(_attempt(lambda it: it.on_event(event, context), saga))


def describe(config: Config, saga: Saga) -> Opening:
    """Ask a saga for its name, input and deadline, with stand-ins for what it can't tell."""
    name, name_problem = _name_of(saga)
    input_json, input_problem = _input_of(saga)
    seconds, time_problem = _seconds_of(config, name, saga)
    return Opening(name, input_json, seconds, name_problem or input_problem or time_problem)


def line(text: object) -> str:
    """`text` as one encodable line of bounded length, for names and reasons."""
    try:
        flat = " ".join(str(text).split())
    except Exception:  # noqa: BLE001  what a saga hands over may fail to describe itself
        flat = f"({type(text).__name__} without a text)"
    encodable = flat.encode("utf-8", "backslashreplace").decode("utf-8")
    return encodable if len(encodable) <= _REASON_LENGTH else encodable[:_REASON_LENGTH] + "…"


def _decision(outcome: Success[tuple[Saga, Action]] | Failure[str]) -> Decision:
    match outcome:
        case Success((saga, action)) if isinstance(action, _ACTIONS):
            return Success((saga, action))
        case Success(other):
            return Failure(f"saga returned {_shown(other)}, not its next value and an action")
        case Failure(problem):
            return Failure(problem)


def _attempt(call: Callable[[S], T], subject: S) -> Success[T] | Failure[str]:
    """Run a saga's own code; an exception becomes a one-line reason.

    The saga is an argument, so that even looking up its member happens in here.
    """
    try:
        return Success(call(subject))
    except Exception as error:  # noqa: BLE001  a saga's bug fails that saga alone (FACTS R-10)
        return Failure(f"saga raised {type(error).__name__}: {line(error)}")


def _name_of(saga: Saga) -> tuple[str, str | None]:
    match _attempt(lambda it: it.name(), saga):
        case Success(str(name)) if name and name == line(name):
            return name, None
        case Success(other):
            return type(saga).__name__, f"saga name() returned {_shown(other)}, not a name"
        case Failure(problem):
            return type(saga).__name__, problem


def _input_of(saga: Saga) -> tuple[str, str | None]:
    match _attempt(lambda it: msgspec.json.encode(it.input_snapshot()).decode(), saga):
        case Success(text):
            return text, None
        case Failure(problem):
            return "null", problem


def _seconds_of(config: Config, name: str, saga: Saga) -> tuple[float, str | None]:
    override = config.timeouts.get(name)
    told = _attempt(lambda it: it.timeout(), saga) if override is None else Success(override)
    match told:
        case Success(float() | int() as seconds) if 0 < seconds <= float_info.max:
            return float(seconds), None
        case Success(other):
            problem = f"saga timeout() returned {_shown(other)}, not a positive number of seconds"
            return DEFAULT_TIMEOUT_SECONDS, problem
        case Failure(problem):
            return DEFAULT_TIMEOUT_SECONDS, problem


def _shown(value: object) -> str:
    match _attempt(repr, value):
        case Success(text):
            return line(text)
        case Failure(_):
            return f"a {type(value).__name__}"
