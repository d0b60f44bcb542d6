"""The user's actions as text; `GRAMMAR` says how they are written."""

from dataclasses import dataclass

from returns.result import Failure, Success

from saga_shell.host.faults import Fault, parse_exit_code, parse_fault, parse_seconds

GRAMMAR = """\
promote            a pool window becomes a real one (waits if the pool is empty)
close LABEL        close that window; `newest` and `oldest` name one by its age
fill               the host adds a pool window by itself
wait SECONDS       do nothing for a while
fault SPEC         set a fault from here on
crash              the host ends with SIGKILL
abort CODE         the host exits at once with that code, without cleaning up
quit               the user quits: panes end, goodbye, exit code 0
repeat N ACTIONS   the rest of the line, N times
# TEXT             a remark
One action a line, or several separated by `;`. Empty lines are skipped.
"""
NAMES = ("promote", "close", "fill", "wait", "fault", "crash", "abort", "quit", "repeat")
NESTING = 8
"""How deep `repeat` may stand inside `repeat`."""


@dataclass(frozen=True)
class Promote:
    """Make a pool window a real one."""


@dataclass(frozen=True)
class Close:
    """Close a window: its label, `newest` or `oldest`."""

    which: str


@dataclass(frozen=True)
class Fill:
    """Add a pool window."""


@dataclass(frozen=True)
class Pause:
    """Do nothing for `seconds`."""

    seconds: float


@dataclass(frozen=True)
class SetFault:
    """Set a fault from here on."""

    fault: Fault


@dataclass(frozen=True)
class CrashNow:
    """End the host with SIGKILL."""


@dataclass(frozen=True)
class AbortNow:
    """End the host at once with this exit code."""

    code: int


@dataclass(frozen=True)
class Quit:
    """Leave as a user would."""


@dataclass(frozen=True)
class Repeat:
    """Play `actions` `times` times."""

    times: int
    actions: tuple["UserAction", ...]


UserAction = Promote | Close | Fill | Pause | SetFault | CrashNow | AbortNow | Quit | Repeat

Parsed = Success[tuple[UserAction, ...]] | Failure[str]

_BARE: dict[str, UserAction] = {
    "promote": Promote(),
    "fill": Fill(),
    "crash": CrashNow(),
    "quit": Quit(),
}


def parse_text(text: str, name: str) -> Parsed:
    """All actions of a text; an error names the text and the line: `NAME:LINE: …`."""
    actions: list[UserAction] = []
    for number, line in enumerate(text.splitlines(), start=1):
        match parse_line(line):
            case Success(parsed):
                actions.extend(parsed)
            case Failure(reason):
                return Failure(f"{name}:{number}: {reason}")
    return Success(tuple(actions))


def parse_line(line: str, depth: int = 0) -> Parsed:
    """The actions of one line, or what is wrong with it."""
    actions: list[UserAction] = []
    parts = line.split(";")
    for index, part in enumerate(map(str.strip, parts)):
        if part.startswith("#"):
            break
        if part.split(maxsplit=1)[:1] == ["repeat"]:
            rest = _parse_repeat(";".join([part, *parts[index + 1 :]]), depth)
            return _followed_by(tuple(actions), rest)
        if part:
            match _parse_action(part):
                case Success(action):
                    actions.append(action)
                case Failure(reason):
                    return Failure(reason)
    return Success(tuple(actions))


def _followed_by(
    actions: tuple[UserAction, ...], rest: Success[UserAction] | Failure[str]
) -> Parsed:
    match rest:
        case Success(last):
            return Success((*actions, last))
        case Failure(reason):
            return Failure(reason)


def _parse_repeat(text: str, depth: int) -> Success[UserAction] | Failure[str]:
    count, _, rest = text.removeprefix("repeat").strip().partition(" ")
    if not (count.isascii() and count.isdigit() and int(count) > 0):
        return Failure(f"repeat needs a whole number above 0 and actions, not {count!r}")
    if depth == NESTING:
        return Failure(f"repeat is nested more than {NESTING} times")
    match parse_line(rest, depth + 1):
        case Success(()):
            return Failure("repeat needs actions after the number")
        case Success(actions):
            return Success(Repeat(int(count), actions))
        case Failure(reason):
            return Failure(reason)


def _parse_action(text: str) -> Success[UserAction] | Failure[str]:
    name, _, argument = text.partition(" ")
    argument = argument.strip()
    if name in _BARE:
        return Failure(f"{name} takes nothing after it") if argument else Success(_BARE[name])
    if name in _WITH_ARGUMENT:
        return _WITH_ARGUMENT[name](argument)
    return Failure(f"unknown action {name!r} (use {', '.join(NAMES)})")


def _parse_close(text: str) -> Success[UserAction] | Failure[str]:
    return Success(Close(text)) if text else Failure("close needs a label, or newest, or oldest")


def _parse_set_fault(text: str) -> Success[UserAction] | Failure[str]:
    match parse_fault(text):
        case Success(fault):
            return Success(SetFault(fault))
        case Failure(reason):
            return Failure(reason)


def _parse_wait(text: str) -> Success[UserAction] | Failure[str]:
    seconds = parse_seconds(text)
    if seconds is None:
        return Failure(f"wait needs a number of seconds, not {text!r}")
    return Success(Pause(seconds))


def _parse_abort(text: str) -> Success[UserAction] | Failure[str]:
    code = parse_exit_code(text)
    if code is None:
        return Failure(f"abort needs an exit code from 0 to 255, not {text!r}")
    return Success(AbortNow(code))


_WITH_ARGUMENT = {
    "close": _parse_close,
    "wait": _parse_wait,
    "fault": _parse_set_fault,
    "abort": _parse_abort,
}
