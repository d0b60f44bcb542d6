"""What a host takes with it when it goes (FACTS R-58)."""

import pytest
from tests.core.agentmux.launcher import Launcher
from tests.core.harness import emitted, of, opened_ids

from saga_core.agentmux.commands import (
    Goodbye,
    ReportBackendWindowIdRegistered,
    ReportBackgroundServiceEnabled,
    ReportHostCounts,
    ReportHwndDestroyed,
    ReportHwndOpened,
    ReportPoolWindowAdded,
    ReportPoolWindowPromoted,
    ReportWindowClosed,
)
from saga_core.agentmux.events import (
    BackendWindowIdUnregistered,
    HostShouldQuit,
    PoolWindowRemoved,
    ProcessExited,
    WindowClosed,
    WindowInstanceAssigned,
    WindowInstanceReleased,
)
from saga_core.engine import CloseConnection, CommandReceived


def busy_host(launcher: Launcher, pid: int = 1) -> int:
    """A host with two windows, two pool windows, ids and handles."""
    host = launcher.join("host", pid)
    launcher.shows(host, "main", "b")
    launcher.says(
        host,
        ReportPoolWindowAdded("w2"),
        ReportPoolWindowAdded("w1"),
        ReportBackendWindowIdRegistered("main", "9b1d"),
        ReportHwndOpened(170, "c", "", "main"),
        ReportHwndOpened(171, "c", "", "later"),
    )
    return host


@pytest.mark.parametrize("way", ["end of the socket", "goodbye"])
def test_a_host_takes_what_it_showed(way: str) -> None:
    """FACTS R-58, DESIGN 7: exited, each window closed and released, each pool window removed."""
    launcher = Launcher()
    host = busy_host(launcher)
    before = launcher.state.counters.version
    effects = launcher.close(host) if way != "goodbye" else launcher.says(host, Goodbye())
    numbers = iter(range(before + 1, before + 9))
    assert emitted(effects) == [
        ProcessExited(1, 0, next(numbers)),
        WindowClosed("b", next(numbers), crash_detected=True),
        WindowInstanceReleased("b", 2, next(numbers)),
        WindowClosed("main", next(numbers), crash_detected=True),
        WindowInstanceReleased("main", 1, next(numbers)),
        PoolWindowRemoved("w1", next(numbers)),
        PoolWindowRemoved("w2", next(numbers)),
        BackendWindowIdUnregistered("main", "9b1d", next(numbers)),
    ]
    assert of(CloseConnection, effects) == (
        [CloseConnection(host, "goodbye")] if way == "goodbye" else []
    )
    assert opened_ids(effects) == []


def test_the_mirror_is_empty_afterwards() -> None:
    """FACTS R-58: nothing of it stays, neither what was told nor what nobody was told of."""
    launcher = Launcher()
    launcher.close(busy_host(launcher))
    snapshot = launcher.snapshot(launcher.join("tool"))
    assert (snapshot.windows, snapshot.pool) == ((), ())
    assert (snapshot.instance_registry, snapshot.backend_window_ids) == ((), ())
    mirror = launcher.state.mirror
    assert len(mirror.hwnds) == len(mirror.pending_hwnds) == len(mirror.promoted) == 0


def test_a_new_host_starts_with_a_clean_mirror() -> None:
    """FACTS R-58: after a kill with two windows, one that opens and closes is the last one."""
    launcher = Launcher()
    launcher.close(busy_host(launcher))
    host = launcher.join("host")
    launcher.shows(host, "main")
    assert [e.num for e in of(WindowInstanceAssigned, emitted(launcher.last))] == [3]
    launcher.ignores(
        CommandReceived(host, ReportHostCounts(1, 0)),
        CommandReceived(host, ReportHwndDestroyed(170)),
    )
    told = emitted(launcher.says(host, ReportWindowClosed("main")))
    assert len(of(HostShouldQuit, told)) == 1


def test_a_host_takes_only_what_is_its_own() -> None:
    """FACTS R-24, R-58: a late end of an old host leaves what the new one reported."""
    launcher = Launcher()
    old = busy_host(launcher)
    launcher.says(old, ReportPoolWindowPromoted("old"))
    new = launcher.join("host")
    launcher.shows(new, "main")
    launcher.says(
        new,
        ReportPoolWindowAdded("w1"),
        ReportBackendWindowIdRegistered("main", "77aa"),
        ReportHwndOpened(300, "c", "", "new one"),
        ReportPoolWindowPromoted("new"),
    )
    told = emitted(launcher.close(old))
    assert [e.label for e in of(WindowClosed, told)] == ["b"]
    assert [e.label for e in of(PoolWindowRemoved, told)] == ["w2"]
    assert of(BackendWindowIdUnregistered, told) == []
    snapshot = launcher.snapshot(new)
    assert [window.label for window in snapshot.windows] == ["main"]
    assert (snapshot.pool, snapshot.backend_window_ids) == (("w1",), (("main", "77aa"),))
    mirror = launcher.state.mirror
    assert ("new" in mirror.promoted, "old" in mirror.promoted) == (True, False)
    assert (300 in mirror.pending_hwnds, 171 in mirror.pending_hwnds) == (True, False)


def test_background_mode_ends_with_the_last_host() -> None:
    """FACTS F-41: a new host says for itself whether it may live without windows."""
    launcher = Launcher()
    first, second = launcher.join("host"), launcher.join("host")
    launcher.says(second, ReportBackgroundServiceEnabled(True))
    launcher.close(first)
    assert launcher.state.mirror.background
    launcher.close(second)
    assert not launcher.state.mirror.background


def test_background_mode_leaves_with_its_host() -> None:
    """FACTS R-58, F-42: what a dead host said of itself doesn't hold for the one that follows."""
    launcher = Launcher()
    first, second = launcher.join("host"), launcher.join("host")
    launcher.says(first, ReportBackgroundServiceEnabled(True))
    launcher.close(first)
    launcher.shows(second, "main")
    launcher.says(second, ReportWindowClosed("main"))
    assert HostShouldQuit in map(type, emitted(launcher.last))


def test_what_was_asked_of_it_waits_for_the_next() -> None:
    """FACTS R-17: the host's sagas live on; only its windows are gone."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.promote("w")
    launcher.close(host)
    assert launcher.in_flight == [1]
    launcher.join("host")
    launcher.answer_all(launcher.last)
    assert launcher.endings() == {1: "completed"}
