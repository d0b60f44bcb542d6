"""What happens to a launcher while it is made to die: one saga from its trigger to its end."""

import os
from contextlib import suppress
from pathlib import Path

from tests.e2e.outside import Peer, Place, Running
from tests.e2e.test_exchanges import answer_to

DYING = str(Path(__file__).parent / "dying_launcher.py")
SAGAS = ("pool_respawn_on_promote", "window_cleanup_cascade")
EXPIRY = ("--frame-expiry", "0.2")


def trigger(peer: Peer, saga: str) -> None:
    """Let a host report what starts that saga."""
    if saga == "pool_respawn_on_promote":
        peer.say(cmd="report_pool_window_promoted", label="w")
    else:
        peer.say(cmd="report_window_opened", label="w", kind="full_instance", parent_label=None)
        peer.say(cmd="report_window_opened", label="v", kind="full_instance", parent_label=None)
        peer.say(cmd="report_window_closed", label="w")


def play(place: Place, saga: str, *, connected: bool, environment: dict[str, str]) -> Peer:
    """Run one saga on a launcher that may die; the subscriber that heard it, to its last line.

    Not connected: the host triggers the saga, leaves, and its command expires in the buffer.
    """
    running = dying(place, environment)
    tool, host = place.connect(), place.connect()
    with suppress(AssertionError, BrokenPipeError, ConnectionResetError):
        tool.register("tool", 7)
        host.register("host", 4242)
        trigger(host, saga)
        host.until(event="saga_started")
        if connected:
            serve(host)
        else:
            host.close()
        tool.until_one(lambda m: m["event"] in {"saga_completed", "saga_failed"})
    running.terminate()
    tool.until_end()
    return tool


def serve(host: Peer) -> None:
    """Answer each command until the saga has ended."""
    while True:
        message = host.until_one(
            lambda m: m.get("kind") == "command" or m["event"] in {"saga_completed", "saga_failed"}
        )
        if "event" in message:
            return
        host.say(**answer_to(message))


def dying(place: Place, environment: dict[str, str]) -> Running:
    """A launcher that dies where `environment` says."""
    place.program = (place.program[0], DYING)
    place.environment = {**os.environ, **environment}
    try:
        return place.launch(*EXPIRY)
    finally:
        place.program = (place.program[0], "-m", "saga_shell")
        place.environment = dict(os.environ)
