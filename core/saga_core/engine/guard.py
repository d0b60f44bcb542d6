"""Calling a saga's own code: whatever it does wrong becomes a reason for its own failure.

A saga that raises, answers with something else than a saga and an action, or describes itself
badly fails alone; the reducer and every other saga go on (FACTS R-10).
"""

from sys import float_info
from typing import get_args

import msgspec
from msgspec import Struct

from saga_core.engine.config import Config
from saga_core.engine.messages import BusEvent
from saga_core.engine.saga import DEFAULT_TIMEOUT_SECONDS, Action, Failed, Saga, SagaContext

_ACTIONS = get_args(Action)
_PLAIN = (str, bytes, int, float, bool)
_REASON_LENGTH = 500
_ENCODER = msgspec.json.Encoder()

Decision = tuple[Saga, Action]
"""A saga's next value, and what it wants: it has failed if its own code did something wrong.

The reason of a `Failed` is one line.
"""


class Opening(Struct, frozen=True, gc=False):
    """How a saga describes itself. `problem`: why it can't run, in which case it fails at once."""

    name: str
    input_json: str
    seconds: float
    problem: str | None


def start(saga: Saga, context: SagaContext) -> Decision:
    """Call `start`."""
    try:
        returned = saga.start(context)
    except BaseException as error:  # noqa: BLE001  a saga's bug fails that saga alone (FACTS R-10)
        return saga, Failed(_raised(error))
    return _decision(saga, returned)


def on_event(saga: Saga, event: BusEvent, context: SagaContext) -> Decision:
    """Call `on_event`."""
    try:
        returned = saga.on_event(event, context)
    except BaseException as error:  # noqa: BLE001  a saga's bug fails that saga alone (FACTS R-10)
        return saga, Failed(_raised(error))
    return _decision(saga, returned)


def describe(config: Config, saga: Saga) -> Opening:
    """Ask a saga for its name, input and deadline, with stand-ins for what it can't tell."""
    name, name_problem = _name_of(saga)
    input_json, input_problem = _input_of(saga)
    seconds, time_problem = _seconds_of(config, name, saga)
    return Opening(name, input_json, seconds, name_problem or input_problem or time_problem)


def line(text: object) -> str:
    """`text` as one encodable line of bounded length, for names and reasons."""
    flat = " ".join(_text(text).split())
    encodable = flat.encode("utf-8", "backslashreplace").decode("utf-8")
    return encodable if len(encodable) <= _REASON_LENGTH else encodable[:_REASON_LENGTH] + "…"


def _decision(saga: Saga, returned: Decision) -> Decision:
    match returned:
        case (after, action) if isinstance(action, _ACTIONS):
            if isinstance(action, Failed):
                return saga, Failed(line(action.reason))
            return after, action
        case _:
            problem = f"saga returned {_shown(returned)}, not its next value and an action"
            return saga, Failed(problem)


def _name_of(saga: Saga) -> tuple[str, str | None]:
    try:
        name: object = saga.name()
    except BaseException as error:  # noqa: BLE001  a saga's bug fails that saga alone (FACTS R-10)
        return type(saga).__name__, _raised(error)
    if isinstance(name, str) and _is_one_line(name):
        return name, None
    return type(saga).__name__, f"saga name() returned {_shown(name)}, not a name"


def _is_one_line(name: str) -> bool:
    """Whether a name is what `line` makes of it, which most names are that look like one."""
    if name.isidentifier() and len(name) <= _REASON_LENGTH:
        return True
    return bool(name) and name == line(name)


def _input_of(saga: Saga) -> tuple[str, str | None]:
    try:
        return _ENCODER.encode(saga.input_snapshot()).decode(), None
    except BaseException as error:  # noqa: BLE001  a saga's bug fails that saga alone (FACTS R-10)
        return "null", _raised(error)


def _seconds_of(config: Config, name: str, saga: Saga) -> tuple[float, str | None]:
    seconds: object = None
    if len(config.timeouts):  # what it lacks costs an exception inside pyrsistent
        seconds = config.timeouts.get(name)
    if seconds is None:
        try:
            seconds = saga.timeout()
        except BaseException as error:  # noqa: BLE001  a saga's bug fails that saga alone (R-10)
            return DEFAULT_TIMEOUT_SECONDS, _raised(error)
    if isinstance(seconds, (float, int)) and 0 < seconds <= float_info.max:
        return float(seconds), None
    problem = f"saga timeout() returned {_shown(seconds)}, not a positive number of seconds"
    return DEFAULT_TIMEOUT_SECONDS, problem


def _raised(error: BaseException) -> str:
    _let_through(error)
    return f"saga raised {type(error).__name__}: {line(error)}"


def _text(value: object) -> str:
    if not isinstance(value, str | BaseException):
        return _shown(value)
    try:
        return str(value)
    except BaseException as error:  # noqa: BLE001  what a saga hands over may fail at this, too
        _let_through(error)
        return f"({type(value).__name__} without a text)"


def _let_through(error: BaseException) -> None:
    """Whatever a saga raises is its own failure; Ctrl-C is not its doing, and goes on."""
    if isinstance(error, KeyboardInterrupt):
        raise error


def _shown(value: object) -> str:
    """What a saga returned, in words that are the same on every machine and in every process."""
    if value is None or type(value) in _PLAIN:
        return line(repr(value))
    if type(value) is tuple:
        return f"({', '.join([_shown(item) for item in value])})"
    return f"a {type(value).__name__}"
