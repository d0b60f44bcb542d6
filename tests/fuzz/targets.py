"""What is fuzzed: functions of bytes that must never raise, and say nothing wrong."""

from collections.abc import Callable

from returns.result import Failure, Success
from tests.core.agentmux.launcher import Launcher

from saga_core.agentmux import wire
from saga_core.engine import CommandReceived, LineRejected
from saga_shell.ipc.lines import LineSplitter

LINE_LIMIT = 2_000
CONNECTIONS = 4
LONGEST_REASON = 400
"""A refusal is read by people: it never repeats a whole line."""


def decode(data: bytes) -> None:
    """Each decoder gives a message or one short line; what it read, it writes and reads again."""
    for line in (data, *LineSplitter(LINE_LIMIT).feed(data + b"\n")):
        for read in (wire.decode_command, wire.decode_event, wire.decode_host_line):
            match read(line):
                case Success(message):
                    assert read(wire.encode(message)) == Success(message), line
                case Failure(reason):
                    assert len(reason) <= LONGEST_REASON, line
                    assert reason.isprintable(), line


def split(data: bytes) -> None:
    """However the stream is cut into pieces, the lines are the same."""
    whole = LineSplitter(LINE_LIMIT)
    wanted = [*whole.feed(data), *whole.end()]
    step = data[0] % 7 + 1 if data else 1
    pieces = LineSplitter(LINE_LIMIT)
    got = [line for at in range(0, len(data), step) for line in pieces.feed(data[at : at + step])]
    assert [*got, *pieces.end()] == wanted
    assert pieces.too_long == whole.too_long


def converse(data: bytes) -> None:
    """Peers say these lines in this order, come and go; every promise of the reducer holds.

    The first byte of a line says who says it; some bytes end a connection or fire a timer instead.
    """
    launcher = Launcher()
    peers = [launcher.open() for _ in range(CONNECTIONS)]
    for line in data.split(b"\n"):
        if line:
            _happens(launcher, peers, line[0], line[1:])


def _happens(launcher: Launcher, peers: list[int], who: int, line: bytes) -> None:
    place = who % CONNECTIONS
    match who // CONNECTIONS % 16:
        case 0:
            launcher.close(peers[place])
            peers[place] = launcher.open()
        case 1 if launcher.timers:
            timers = sorted(launcher.timers, key=repr)
            launcher.fire(timers[place % len(timers)])
        case _:
            match wire.decode_command(line):
                case Success(command):
                    launcher.give(CommandReceived(peers[place], command))
                case Failure(reason):
                    launcher.give(LineRejected(peers[place], reason, fatal=False))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "decode": decode,
    "split": split,
    "converse": converse,
}
