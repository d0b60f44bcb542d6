"""Faults on request: what the host does wrong, with which command, and when. See `GRAMMAR`."""

import math
import re
from dataclasses import dataclass

from returns.result import Failure, Success

from saga_core.agentmux.commands import HOST_COMMANDS

GRAMMAR = """\
spawn_pool_window:fail=REASON   answer report_saga_action_failed, do nothing
reap_panes:delay=SECONDS        wait before doing it
drain_pool_if_last:ignore       neither do it nor answer
spawn_pool_window:crash         the host ends with SIGKILL
probe_ui_thread:abort=CODE      the host exits at once with that code
Any effect with any of the four commands. Then, if you like: @N for the Nth such
command alone, @N-M for the Nth to the Mth, counted from when the fault was set.
"""
COMMANDS = frozenset(str(kind.__struct_config__.tag) for kind in HOST_COMMANDS)
SEPARATOR = ";"
"""Between the faults of one text, such as an environment variable."""

_COUNT = re.compile(r"@(?P<first>[1-9][0-9]*)(?:-(?P<last>[1-9][0-9]*))?$", re.ASCII)
_EXIT_CODE_MAX = 255


@dataclass(frozen=True)
class Fail:
    """Refuse the command."""

    reason: str


@dataclass(frozen=True)
class Delay:
    """Take your time."""

    seconds: float


@dataclass(frozen=True)
class Ignore:
    """Neither carry the command out nor answer it."""


@dataclass(frozen=True)
class Crash:
    """End the host with SIGKILL."""


@dataclass(frozen=True)
class Abort:
    """End the host at once with this exit code."""

    code: int


Effect = Fail | Delay | Ignore | Crash | Abort

_BARE: dict[str, Effect] = {"ignore": Ignore(), "crash": Crash()}


@dataclass(frozen=True)
class Fault:
    """One effect on the `first` to the `last` command of a kind, counted from 1."""

    command: str
    effect: Effect
    first: int = 1
    last: int | None = None

    def strikes(self, count: int) -> bool:
        """Whether the `count`th command of the kind meets this fault."""
        return self.first <= count and (self.last is None or count <= self.last)


class FaultPlan:
    """The faults that are set, each with its own count of the commands it has seen."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self._seen: list[tuple[Fault, int]] = [(fault, 0) for fault in faults]

    def add(self, fault: Fault) -> None:
        """Set one more fault; it counts from here on."""
        self._seen.append((fault, 0))

    def take(self, command: str) -> tuple[Effect, ...]:
        """The effects that the next `command` meets, in the order in which they were set."""
        self._seen = [(fault, count + (fault.command == command)) for fault, count in self._seen]
        return tuple(
            fault.effect
            for fault, count in self._seen
            if fault.command == command and fault.strikes(count)
        )


def parse_faults(text: str) -> Success[tuple[Fault, ...]] | Failure[str]:
    """Several faults in one text, separated by `;`."""
    faults: list[Fault] = []
    for spec in filter(None, map(str.strip, text.split(SEPARATOR))):
        match parse_fault(spec):
            case Success(fault):
                faults.append(fault)
            case Failure(reason):
                return Failure(reason)
    return Success(tuple(faults))


def parse_fault(spec: str) -> Success[Fault] | Failure[str]:
    """One fault, or one line that says what is wrong with it."""
    command, _, rest = spec.strip().partition(":")
    if command not in COMMANDS:
        return Failure(f"fault {spec!r}: unknown command {command!r} (use {_listed(COMMANDS)})")
    count = _COUNT.search(rest)
    first, last = _bounds(count)
    if last is not None and last < first:
        return Failure(f"fault {spec!r}: the range {first}-{last} is empty")
    effect = _parse_effect(rest[: count.start()] if count else rest)
    if effect is None:
        return Failure(
            f"fault {spec!r}: the effect is none of fail=REASON, delay=SECONDS, ignore, crash, "
            f"abort=CODE (0 to {_EXIT_CODE_MAX}), each with @N or @N-M if you like"
        )
    return Success(Fault(command, effect, first, last))


def parse_seconds(text: str) -> float | None:
    """A finite number of seconds, zero or more; None if it is something else."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def parse_exit_code(text: str) -> int | None:
    """An exit code, 0 to 255; None if it is something else."""
    if not (text.isascii() and text.isdigit()):
        return None
    code = int(text)
    return code if code <= _EXIT_CODE_MAX else None


def _bounds(count: re.Match[str] | None) -> tuple[int, int | None]:
    if count is None:
        return 1, None
    first = int(count["first"])
    return first, int(count["last"] or first)


def _parse_effect(text: str) -> Effect | None:
    name, equals, value = text.partition("=")
    if not equals:
        return _BARE.get(name)
    match name:
        case "fail":
            return Fail(value) if value else None
        case "delay":
            seconds = parse_seconds(value)
            return None if seconds is None else Delay(seconds)
        case "abort":
            code = parse_exit_code(value)
            return None if code is None else Abort(code)
        case _:
            return None


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
