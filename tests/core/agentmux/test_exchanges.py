"""The two exchanges of FACTS 2.10, line by line, through the reducer."""

from msgspec.structs import replace
from returns.result import Success
from tests.core.agentmux.launcher import Launcher
from tests.core.agentmux.wire_exchanges import CLOSE_EXCHANGE, PROMOTE_EXCHANGE

from saga_core.agentmux.commands import ReportPoolWindowAdded
from saga_core.agentmux.events import HwndDriftDetected
from saga_core.agentmux.wire import decode_command, encode, encode_host_frame
from saga_core.engine import Counters, Dispatch, Effect, Emit


def told_to(host: int, effects: tuple[Effect, ...]) -> list[str]:
    """The lines that the host reads, in order; a notice's free text is cut as in the facts."""
    lines = []
    for effect in effects:
        match effect:
            case Emit(HwndDriftDetected() as drift):
                lines.append(encode(replace(drift, detail="…")).decode())
            case Emit(event):
                lines.append(encode(event).decode())
            case Dispatch("host", connection, command) if connection == host:
                lines.append(encode_host_frame(command).decode())
            case _:
                pass
    return lines


def play(launcher: Launcher, host: int, exchange: str) -> str:
    """Say what the host says; returns the whole exchange as it went."""
    lines = []
    for line in exchange.splitlines():
        if line.startswith("> "):
            said = decode_command(line[2:].encode())
            assert isinstance(said, Success)
            lines.append(line)
            lines += [f"< {told}" for told in told_to(host, launcher.says(host, said.unwrap()))]
    return "\n".join(lines) + "\n"


def begin_at(launcher: Launcher, version: int, saga_id: int) -> None:
    """Let the next event and the next saga have the numbers of the example."""
    counters = Counters(version - 1, saga_id, launcher.state.counters.next_sequence)
    launcher.state = replace(launcher.state, counters=counters)
    launcher.history = replace(launcher.history, version=version - 1)


def test_promote_and_refill() -> None:
    """FACTS 2.10, 3.3: a promote and its refill give exactly these lines, in this order."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.shows(host, "main")
    launcher.says(host, ReportPoolWindowAdded("window-pool-a"))
    begin_at(launcher, 10, 42)
    assert play(launcher, host, PROMOTE_EXCHANGE) == PROMOTE_EXCHANGE
    assert launcher.snapshot(host).pool == ("window-pool-b",)


def test_close_of_the_last_window() -> None:
    """FACTS 2.10, 3.4, 3.5: organic reports are ignored, then the saga's own answers count."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.shows(host, "main")
    begin_at(launcher, 20, 43)
    assert play(launcher, host, CLOSE_EXCHANGE) == CLOSE_EXCHANGE
    assert launcher.in_flight == []
