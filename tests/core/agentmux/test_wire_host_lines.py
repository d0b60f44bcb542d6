"""What a host reads: command frames first, bare events else (FACTS 2.3)."""

import pytest
from returns.result import Failure, Success
from tests.core.agentmux.wire_tables import FRAME_ROWS

from saga_core.agentmux.commands import (
    HostCommand,
    Ping,
    ReapPanes,
    Register,
    ReportWindowOpened,
    SpawnPoolWindow,
)
from saga_core.agentmux.events import HostShouldQuit, Pong, WireEvent
from saga_core.agentmux.wire import decode_host_line, encode_host_frame
from saga_core.engine import Command

COMMANDS: dict[str, tuple[bytes, Command]] = {
    "kind last": (
        b'{"cmd":"spawn_pool_window","saga_id":42,"kind":"command"}',
        SpawnPoolWindow(42),
    ),
    "blanks": (b' { "kind" : "command", "cmd" : "spawn_pool_window" } \r', SpawnPoolWindow(0)),
    "unknown keys, one of them twice": (
        b'{"kind":"command","cmd":"reap_panes","label":"a","saga_id":1,"x":1,"x":2,"event":3}',
        ReapPanes("a", 1),
    ),
    "a command that hosts don't run": (b'{"kind":"command","cmd":"ping","nonce":9}', Ping(9)),
    "a whole event beside it: the frame comes first": (
        b'{"kind":"command","cmd":"ping","nonce":9,"event":"pong","version":1}',
        Ping(9),
    ),
}

EVENTS: dict[str, tuple[bytes, WireEvent]] = {
    "an unknown kind": (
        b'{"kind":"news","event":"host_should_quit","version":1}',
        HostShouldQuit(1),
    ),
    "a kind that is no text": (
        b'{"kind":null,"event":"host_should_quit","version":1}',
        HostShouldQuit(1),
    ),
    "kind twice, which a bare event doesn't know": (
        b'{"kind":"event","kind":"event","event":"host_should_quit","version":1}',
        HostShouldQuit(1),
    ),
    "a frame whose command can't be read": (
        b'{"kind":"command","cmd":"unheard_of","event":"pong","nonce":9,"version":1}',
        Pong(9, 1),
    ),
}

REFUSED: dict[str, tuple[bytes, str]] = {
    "kind in another case": (
        b'{"kind":"Command","cmd":"spawn_pool_window"}',
        "no event is named in `event`",
    ),
    "no kind": (b'{"cmd":"spawn_pool_window"}', "no event is named in `event`"),
    "kind twice": (
        b'{"kind":"command","kind":"command","cmd":"spawn_pool_window"}',
        "no event is named in `event`",
    ),
    "kind twice, once for the frame and once for its command": (
        b'{"kind":"command","cmd":"register","kind":"host","pid":1,"version":"1"}',
        "no event is named in `event`",
    ),
    "a known key twice": (
        b'{"kind":"command","cmd":"reap_panes","label":"a","label":"a"}',
        "reap_panes: key `label` stands there twice",
    ),
    "the tag twice": (
        b'{"kind":"command","cmd":"spawn_pool_window","cmd":"spawn_pool_window"}',
        "spawn_pool_window: key `cmd` stands there twice",
    ),
    "a null saga id": (
        b'{"kind":"command","cmd":"spawn_pool_window","saga_id":null}',
        "spawn_pool_window: Expected `int`, got `null` - at `$.saga_id`",
    ),
    "an unknown command": (
        b'{"kind":"command","cmd":"unheard_of"}',
        "unknown command 'unheard_of'",
    ),
    "a framed command that needs a kind of its own": (
        b'{"kind":"command","cmd":"report_window_opened","label":"a","parent_label":null}',
        "report_window_opened: Object missing required field `kind`",
    ),
    "a framed event that needs a kind of its own": (
        b'{"kind":"event","event":"window_opened","label":"a","version":1}',
        "window_opened: Invalid enum value 'event' - at `$.kind`",
    ),
    "an array": (b'["command"]', "not an object"),
    "no JSON": (b'{"kind":"command",', "not JSON at character 19"),
    "a number too large": (
        b'{"kind":"command","cmd":"spawn_pool_window","saga_id":18446744073709551616}',
        "spawn_pool_window: Expected `int`, got `float` - at `$.saga_id`",
    ),
}


@pytest.mark.parametrize(("line", "command"), COMMANDS.values(), ids=COMMANDS.keys())
def test_a_frame_is_read_in_any_form_that_the_rules_allow(line: bytes, command: Command) -> None:
    """FACTS 2.2, 2.3: order, blanks and unknown keys don't matter in a frame either."""
    assert decode_host_line(line) == Success(command)


@pytest.mark.parametrize(("line", "event"), EVENTS.values(), ids=EVENTS.keys())
def test_the_fall_back_does_not_depend_on_kind(line: bytes, event: WireEvent) -> None:
    """FACTS 2.3: a line that is no frame is tried as a bare event, whatever its `kind` says."""
    assert decode_host_line(line) == Success(event)


@pytest.mark.parametrize(("line", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_line_that_is_neither_is_refused(line: bytes, reason: str) -> None:
    """FACTS 2.3: a line that is neither frame nor event is refused for what it tries to be."""
    told = decode_host_line(line).failure()
    assert told.startswith(reason)


@pytest.mark.parametrize(("command", "line"), FRAME_ROWS)
def test_a_frame_is_one_message_only_with_its_kind(command: HostCommand, line: str) -> None:
    """FACTS 2.3: `kind` makes the frame: the same keys under another kind are no command."""
    assert decode_host_line(encode_host_frame(command)) == Success(command)
    other = line.replace('"kind":"command"', '"kind":"commands"')
    assert isinstance(decode_host_line(other.encode()), Failure)


@pytest.mark.parametrize(
    "command", [Register("host", 1, "1"), ReportWindowOpened("a", "subwindow", None)]
)
def test_a_command_with_its_own_kind_is_never_framed(command: Command) -> None:
    """FACTS 2.3: its line would hold two `kind` keys, which nobody can read."""
    with pytest.raises(ValueError, match="its field `kind` leaves no room for a frame"):
        encode_host_frame(command)
