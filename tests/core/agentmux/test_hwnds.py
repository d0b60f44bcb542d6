"""Window handles: links, crashes and what the snapshot shows (FACTS 6.5, F-09, F-46)."""

from hypothesis import given
from hypothesis import strategies as st
from tests.core.agentmux.launcher import Launcher
from tests.core.harness import emitted, of

from saga_core.agentmux.commands import (
    ReportHwndDestroyed,
    ReportHwndForegroundChanged,
    ReportHwndIconicChanged,
    ReportHwndOpened,
    ReportHwndPositionChanged,
    ReportHwndVisibilityChanged,
    ReportMonitorTopologyChanged,
    ReportWindowClosed,
    ReportWindowOpened,
)
from saga_core.agentmux.events import (
    HostShouldQuit,
    HwndDriftDetected,
    WindowClosed,
    WindowInstanceReleased,
)
from saga_core.agentmux.mirror import Mirror
from saga_core.agentmux.vocabulary import Rect
from saga_core.engine import Command, CommandReceived
from saga_core.engine.ordered import sorted_items


def hosted(*labels: str) -> tuple[Launcher, int]:
    """A launcher whose host shows these windows."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.shows(host, *labels)
    return launcher, host


def hinted(hwnd: int, label: str | None) -> ReportHwndOpened:
    """A handle came up, perhaps with a hint."""
    return ReportHwndOpened(hwnd, "Chrome_WidgetWin_1", "", label)


def links(launcher: Launcher) -> dict[str, int | None]:
    """The handle of each window."""
    return {label: window.hwnd for label, window in sorted_items(launcher.state.mirror.windows)}


def test_a_destroyed_handle_of_an_open_window_is_a_crash() -> None:
    """FACTS F-09: an un-hinted create, then a hinted one, then its end: the whole close chain."""
    launcher, host = hosted("main")
    launcher.says(host, hinted(170, None), hinted(170, "main"))
    assert emitted(launcher.says(host, ReportHwndDestroyed(170))) == [
        HwndDriftDetected(
            kind="orphan_destroy",
            label="main",
            hwnd=170,
            detail="the system destroyed the handle of an open window",
            severity="error",
            version=5,
        ),
        WindowClosed("main", 6, crash_detected=True),
        WindowInstanceReleased("main", 1, 7),
        HwndDriftDetected(
            kind="orphan_instance",
            label="main",
            detail="the last window closed and the host still runs",
            severity="warn",
            version=8,
        ),
        HostShouldQuit(9),
    ]
    launcher.ignores(CommandReceived(host, ReportHwndDestroyed(170)))


def test_a_handle_without_a_hint_is_nobodys() -> None:
    """FACTS 6.5: it is never linked, and its end says nothing."""
    launcher, host = hosted("main")
    launcher.ignores(
        CommandReceived(host, hinted(170, None)), CommandReceived(host, ReportHwndDestroyed(170))
    )


def test_a_hint_can_come_before_its_window() -> None:
    """FACTS F-09: the handle waits, is linked at the open, and its entry is gone by then."""
    launcher, host = hosted()
    assert launcher.says(host, hinted(170, "a")) == ()
    launcher.shows(host, "a")
    assert links(launcher) == {"a": 170}
    assert len(launcher.state.mirror.pending_hwnds) == 0
    launcher.says(host, ReportHwndDestroyed(170))
    assert of(WindowClosed, emitted(launcher.last)) == [WindowClosed("a", 6, crash_detected=True)]


def test_each_waiting_handle_keeps_to_its_own_window() -> None:
    """FACTS F-46: two hints for two unopened windows, which then open the other way round."""
    launcher, host = hosted()
    launcher.says(host, hinted(1, "a"), hinted(2, "b"))
    launcher.shows(host, "b", "a")
    assert links(launcher) == {"a": 1, "b": 2}


def test_a_waiting_handle_can_be_destroyed() -> None:
    """FACTS F-09: a handle that ended before its window opened is linked to nothing."""
    launcher, host = hosted()
    launcher.says(host, hinted(170, "a"))
    assert launcher.says(host, ReportHwndDestroyed(170)) == ()
    launcher.shows(host, "a")
    assert links(launcher) == {"a": None}


def test_the_newest_of_two_hints_for_an_unopened_window_counts() -> None:
    """FACTS F-46: whatever their numbers; the end of the other one is no crash."""
    launcher, host = hosted()
    launcher.says(host, hinted(2, "a"), hinted(1, "a"))
    launcher.shows(host, "a")
    assert links(launcher) == {"a": 1}
    launcher.ignores(CommandReceived(host, ReportHwndDestroyed(2)))


def test_a_hint_repairs_a_wrong_link_in_silence() -> None:
    """FACTS 6.5: the window has the new handle; the old one is nobody's now."""
    launcher, host = hosted("main")
    launcher.says(host, hinted(1, "main"))
    assert launcher.says(host, hinted(2, "main")) == ()
    assert links(launcher) == {"main": 2}
    launcher.ignores(CommandReceived(host, ReportHwndDestroyed(1)))


def taken(robbed: str, hwnd: int, label: str, version: int) -> HwndDriftDetected:
    """The notice that a window lost its handle to another."""
    return HwndDriftDetected(
        kind="hwnd_without_browser",
        label=robbed,
        hwnd=hwnd,
        detail=f"the handle belongs to {label} now",
        severity="warn",
        version=version,
    )


def test_crossed_links_are_repaired() -> None:
    """FACTS F-46: two windows, linked crosswise, get their own handles and no ghost stays."""
    launcher, host = hosted("a", "b")
    launcher.says(host, hinted(1, "b"), hinted(2, "a"))
    assert emitted(launcher.says(host, hinted(1, "a"))) == [taken("b", 1, "a", 7)]
    assert links(launcher) == {"a": 1, "b": None}
    assert launcher.says(host, hinted(2, "b")) == ()
    assert links(launcher) == {"a": 1, "b": 2}


def test_a_handle_can_be_taken_for_a_window_that_is_still_to_open() -> None:
    """FACTS F-46: its old window loses it at once, and its own close then frees nothing of it."""
    launcher, host = hosted("a")
    launcher.says(host, hinted(1, "a"))
    assert emitted(launcher.says(host, hinted(1, "b"))) == [taken("a", 1, "b", 5)]
    assert links(launcher) == {"a": None}
    launcher.shows(host, "b")
    launcher.says(host, ReportWindowClosed("a"))
    assert links(launcher) == {"b": 1}
    launcher.says(host, ReportHwndDestroyed(1))
    assert [e.label for e in of(WindowClosed, emitted(launcher.last))] == ["b"]


def test_a_handle_that_waits_is_no_longer_its_old_windows() -> None:
    """FACTS F-46: its end while it waits for another window is no crash of the first one."""
    launcher, host = hosted("a")
    launcher.says(host, hinted(1, "a"), hinted(1, "b"))
    assert launcher.says(host, ReportHwndDestroyed(1)) == ()
    assert links(launcher) == {"a": None}


def test_a_repeated_hint_says_nothing() -> None:
    """FACTS F-43: the same link told again is no drift."""
    launcher, host = hosted("main")
    launcher.says(host, hinted(1, "main"))
    assert [launcher.says(host, hinted(1, "main")) for _ in range(3)] == [(), (), ()]


def test_a_clean_close_frees_the_handle() -> None:
    """FACTS 6.5: a handle destroyed after its window closed in good order is no crash."""
    launcher, host = hosted("main", "a")
    launcher.says(host, hinted(1, "a"), ReportWindowClosed("a"))
    launcher.ignores(CommandReceived(host, ReportHwndDestroyed(1)))


def test_what_a_handle_does_is_in_the_snapshot() -> None:
    """FACTS 2.4: visibility, minimising, foreground and place of a linked handle are shown."""
    launcher, host = hosted("main")
    rect = Rect(0, 0, 800, 600)
    launcher.says(
        host,
        hinted(1, "main"),
        ReportHwndVisibilityChanged(1, True),
        ReportHwndIconicChanged(1, True),
        ReportHwndForegroundChanged(1),
        ReportHwndPositionChanged(1, rect),
        ReportMonitorTopologyChanged((rect,)),
    )
    snapshot = launcher.snapshot(host)
    (window,) = snapshot.windows
    assert snapshot.monitors == (rect,)
    assert (window.hwnd, window.visible, window.iconic) == (1, True, True)
    assert (window.foregrounded_since_open, window.last_rect) == (True, rect)


def test_what_an_unlinked_handle_does_is_nobodys_business() -> None:
    """FACTS 6.5: without a window there is nothing to keep."""
    launcher, host = hosted("main")
    reports: tuple[Command, ...] = (
        ReportHwndVisibilityChanged(1, True),
        ReportHwndIconicChanged(1, True),
        ReportHwndForegroundChanged(1),
        ReportHwndPositionChanged(1, Rect(0, 0, 1, 1)),
    )
    launcher.ignores(*(CommandReceived(host, report) for report in reports))


LABELS = st.sampled_from(["a", "b", "c"])
HANDLES = st.integers(1, 4)
TRAFFIC = st.lists(
    st.one_of(
        st.builds(ReportWindowOpened, LABELS, st.just("full_instance")),
        st.builds(ReportWindowClosed, LABELS),
        st.builds(hinted, HANDLES, st.none() | LABELS),
        st.builds(ReportHwndDestroyed, HANDLES),
    ),
    max_size=40,
)


@given(TRAFFIC)
def test_links_stay_one_to_one(traffic: list[Command]) -> None:
    """FACTS F-46: whatever a host reports, a handle has one window and a window one handle."""
    launcher, host = hosted()
    for report in traffic:
        launcher.says(host, report)
        check_links(launcher.state.mirror)
    launcher.close(host)
    check_links(launcher.state.mirror)
    assert len(launcher.state.mirror.hwnds) == len(launcher.state.mirror.pending_hwnds) == 0


def check_links(mirror: Mirror) -> None:
    """Both directions of a link agree; what waits is linked to nobody and waits alone."""
    owners = {w.hwnd: label for label, w in sorted_items(mirror.windows) if w.hwnd is not None}
    assert dict(sorted_items(mirror.hwnds)) == owners
    waiting = sorted_items(mirror.pending_hwnds)
    assert not {hwnd for hwnd, _ in waiting} & set(owners)
    labels = [entry.value for _, entry in waiting]
    assert len(set(labels)) == len(labels)
    assert not [label for label in labels if label in mirror.windows]
