"""Windows that open and close, and what the last one means (FACTS 6.2, F-06, F-41, F-42)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.agentmux.launcher import Launcher
from tests.core.harness import emitted, of, opened_ids

from saga_core.agentmux.commands import (
    ReportBackgroundServiceEnabled,
    ReportHwndDestroyed,
    ReportHwndForegroundChanged,
    ReportHwndOpened,
    ReportPoolWindowPromoted,
    ReportWindowClosed,
    ReportWindowOpened,
)
from saga_core.agentmux.events import (
    HostShouldQuit,
    HwndDriftDetected,
    WindowClosed,
    WindowInstanceAssigned,
    WindowInstanceReleased,
    WindowOpened,
)
from saga_core.engine import BusEvent, CommandReceived, SagaStarted


def hosted(*labels: str) -> tuple[Launcher, int]:
    """A launcher whose host shows these windows."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.shows(host, *labels)
    return launcher, host


def orphan_notice(label: str, version: int) -> HwndDriftDetected:
    """What goes out when the last window closed."""
    return HwndDriftDetected(
        kind="orphan_instance",
        label=label,
        detail="the last window closed and the host still runs",
        severity="warn",
        version=version,
    )


def test_an_open_is_told_and_numbered() -> None:
    """FACTS 6.2: opened, then its number: main has 1, the next window 2; the parent is told."""
    launcher, host = hosted()
    launcher.says(host, ReportWindowOpened("main", "full_instance"))
    assert emitted(launcher.last) == [
        WindowOpened(label="main", kind="full_instance", version=3),
        WindowInstanceAssigned("main", 1, 4),
    ]
    launcher.says(host, ReportWindowOpened("tear", "subwindow", "main"))
    assert emitted(launcher.last) == [
        WindowOpened(label="tear", kind="subwindow", parent_label="main", version=5),
        WindowInstanceAssigned("tear", 2, 6),
    ]


def test_a_window_keeps_its_number_until_it_closes_and_nobody_gets_it_again() -> None:
    """FACTS 6.2: stable on a second open, never reused after a close, not even by its own label."""
    launcher, host = hosted("main", "a", "a", "b")
    assigned = of(WindowInstanceAssigned, launcher.bus)
    assert [(event.label, event.num) for event in assigned] == [
        ("main", 1), ("a", 2), ("a", 2), ("b", 3),
    ]  # fmt: skip
    launcher.says(host, ReportWindowClosed("main"), ReportWindowClosed("a"))
    assert [e.num for e in of(WindowInstanceReleased, launcher.bus)] == [1, 2]
    launcher.shows(host, "main", "a")
    assert [e.num for e in of(WindowInstanceAssigned, launcher.bus)][4:] == [4, 5]


def test_the_close_of_the_last_window_is_told_in_order() -> None:
    """FACTS 2.10, F-42: closed, released, orphan notice, host_should_quit, then the clean-up."""
    launcher, host = hosted("main")
    launcher.says(host, ReportWindowClosed("main"))
    assert emitted(launcher.last) == [
        WindowClosed("main", 5),
        WindowInstanceReleased("main", 1, 6),
        orphan_notice("main", 7),
        HostShouldQuit(8),
        SagaStarted(1, "window_cleanup_cascade", 9),
    ]


def test_while_a_window_is_left_nobody_has_to_quit() -> None:
    """FACTS 6.2: only the last close brings the orphan pair."""
    launcher, host = hosted("main", "a")
    launcher.says(host, ReportWindowClosed("main"))
    assert of(HostShouldQuit, emitted(launcher.last)) == []
    launcher.says(host, ReportWindowClosed("a"))
    assert len(of(HostShouldQuit, emitted(launcher.last))) == 1


@pytest.mark.parametrize("crash", [False, True])
def test_a_host_in_the_background_may_live_without_windows(crash: bool) -> None:
    """FACTS F-41: in background mode neither a clean close nor a crash brings the orphan pair."""
    launcher, host = hosted("main")
    launcher.says(
        host,
        ReportHwndOpened(9, "c", "", "main"),
        ReportBackgroundServiceEnabled(True),
    )
    close = ReportHwndDestroyed(9) if crash else ReportWindowClosed("main")
    told = emitted(launcher.says(host, close))
    assert [event.crash_detected for event in of(WindowClosed, told)] == [crash]
    assert of(HostShouldQuit, told) == []
    assert not [e for e in of(HwndDriftDetected, told) if e.kind == "orphan_instance"]


def test_background_mode_can_be_left_again() -> None:
    """FACTS F-41: the flag follows the host, and saying it twice changes nothing."""
    launcher, host = hosted("main")
    launcher.says(host, ReportBackgroundServiceEnabled(True))
    launcher.ignores(CommandReceived(host, ReportBackgroundServiceEnabled(True)))
    launcher.says(host, ReportBackgroundServiceEnabled(False), ReportWindowClosed("main"))
    assert len(of(HostShouldQuit, emitted(launcher.last))) == 1


def test_the_close_of_an_unknown_window_is_silent() -> None:
    """FACTS F-06: neither an event nor a saga, and the state stays the very same."""
    launcher, host = hosted("main")
    launcher.ignores(CommandReceived(host, ReportWindowClosed("ghost")))


def test_a_close_before_the_open_forgets_the_promotion() -> None:
    """FACTS 6.2, F-43: a promoted window that never opened leaves nothing behind."""
    launcher, host = hosted("main")
    launcher.says(host, ReportPoolWindowPromoted("w"))
    assert "w" in launcher.state.mirror.promoted
    assert launcher.says(host, ReportWindowClosed("w")) == ()
    assert "w" not in launcher.state.mirror.promoted


@pytest.mark.parametrize("promote_first", [True, False])
def test_a_promoted_window_is_in_the_foreground_in_either_order(promote_first: bool) -> None:
    """FACTS F-43: promote before or after open: seen as foreground, and nothing stays behind."""
    launcher, host = hosted("main")
    promote, opening = ReportPoolWindowPromoted("w"), ReportWindowOpened("w", "full_instance")
    launcher.says(host, *((promote, opening) if promote_first else (opening, promote)))
    for _ in range(2):
        assert launcher.state.mirror.windows["w"].foregrounded_since_open
        assert not launcher.state.mirror.windows["main"].foregrounded_since_open
        assert len(launcher.state.mirror.promoted) == 0
        launcher.says(host, opening)


def test_what_was_seen_of_a_window_survives_a_second_open() -> None:
    """FACTS 6.2, F-43: a duplicate open replaces what it tells and keeps the rest."""
    launcher, host = hosted("main")
    launcher.says(
        host,
        ReportHwndOpened(9, "c", "", "main"),
        ReportHwndForegroundChanged(9),
        ReportWindowOpened("main", "subwindow", "root"),
    )
    window = launcher.state.mirror.windows["main"]
    assert (window.kind, window.parent_label) == ("subwindow", "root")
    assert (window.hwnd, window.foregrounded_since_open) == (9, True)


def test_a_crash_close_starts_no_saga() -> None:
    """FACTS F-21: nobody could answer, so a crash is told and nothing more."""
    launcher, host = hosted("main", "a")
    launcher.says(host, ReportHwndOpened(9, "c", "", "a"))
    effects = launcher.says(host, ReportHwndDestroyed(9))
    assert emitted(effects)[1:] == [
        WindowClosed("a", 8, crash_detected=True),
        WindowInstanceReleased("a", 2, 9),
    ]
    assert opened_ids(effects) == []


def test_the_orphan_pair_needs_a_host_that_runs() -> None:
    """FACTS 6.2: when the host itself goes, nobody is left to be asked to quit."""
    launcher, host = hosted("main")
    launcher.close(host)
    assert of(HostShouldQuit, launcher.bus) == []
    assert [e.crash_detected for e in of(WindowClosed, launcher.bus)] == [True]


LABELS = st.sampled_from(["main", "a", "b"])


@given(st.lists(st.tuples(st.booleans(), LABELS), max_size=30))
def test_opens_and_closes_pair_up(moves: list[tuple[bool, str]]) -> None:
    """FACTS F-06: in any traffic each close has its open, and numbers are given once."""
    launcher, host = hosted()
    for opens, label in moves:
        report = ReportWindowOpened(label, "full_instance") if opens else ReportWindowClosed(label)
        launcher.says(host, report)
    open_now: set[str] = set()
    numbers: dict[str, int] = {}
    used: set[int] = set()
    for event in launcher.bus:
        follow(event, open_now, numbers, used)
    assert open_now == {label for label in ("main", "a", "b") if label in mirror_of(launcher)}


def mirror_of(launcher: Launcher) -> set[str]:
    """The labels that the mirror holds."""
    snapshot = launcher.snapshot(launcher.join("tool"))
    return {window.label for window in snapshot.windows}


def follow(event: BusEvent, open_now: set[str], numbers: dict[str, int], used: set[int]) -> None:
    """Hold one event against those before it."""
    match event:
        case WindowOpened(label=label):
            open_now.add(label)
        case WindowInstanceAssigned(label, num):
            assert numbers.get(label) == num or num not in used
            numbers[label] = num
            used.add(num)
        case WindowClosed(label):
            open_now.remove(label)
        case WindowInstanceReleased(label, num):
            assert numbers.pop(label) == num
        case _:
            pass
