"""The pool, the counts and the back end's ids (FACTS 6.2, F-06 to F-08, R-57)."""

import pytest
from msgspec.structs import replace
from tests.core.agentmux.launcher import Launcher
from tests.core.harness import emitted

from saga_core.agentmux.commands import (
    ReportBackendWindowIdRegistered,
    ReportBackendWindowIdUnregistered,
    ReportHostCounts,
    ReportHostPoolCount,
    ReportPanesReaped,
    ReportPoolDrainDecision,
    ReportPoolWindowAdded,
    ReportPoolWindowPromoted,
    ReportPoolWindowRemoved,
    ReportSagaActionFailed,
)
from saga_core.agentmux.events import (
    BackendWindowIdRegistered,
    BackendWindowIdUnregistered,
    DriftDetected,
    PanesReaped,
    PoolDrained,
    PoolNotLast,
    PoolWindowAdded,
    PoolWindowPromoted,
    PoolWindowRemoved,
)
from saga_core.engine import (
    BusEvent,
    Command,
    CommandReceived,
    SagaActionFailed,
    SagaStarted,
)


def hosted(*labels: str) -> tuple[Launcher, int]:
    """A launcher whose host has these windows in its pool."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.says(host, *(ReportPoolWindowAdded(label) for label in labels))
    launcher.bus.clear()
    return launcher, host


def test_an_addition_is_told_each_time() -> None:
    """FACTS 6.2: added always tells, even twice; the pool holds the label once."""
    launcher, host = hosted("w", "w")
    assert launcher.snapshot(host).pool == ("w",)
    assert emitted(launcher.says(host, ReportPoolWindowAdded("w"))) == [PoolWindowAdded("w", 5)]


def test_an_empty_label_is_told_but_not_kept() -> None:
    """FACTS R-57: the reply's empty label never enters the mirror, so no count drifts."""
    launcher, host = hosted()
    assert emitted(launcher.says(host, ReportPoolWindowAdded("", 9))) == [PoolWindowAdded("", 3, 9)]
    assert launcher.snapshot(host).pool == ()
    launcher.ignores(CommandReceived(host, ReportHostPoolCount(0)))


def test_a_removal_is_told_if_it_removes() -> None:
    """FACTS F-06: a known label leaves with an event, an unknown one in silence."""
    launcher, host = hosted("w")
    removal = ReportPoolWindowRemoved("w")
    assert emitted(launcher.says(host, removal)) == [PoolWindowRemoved("w", 4)]
    launcher.ignores(CommandReceived(host, removal))


def test_a_promotion_is_told_whatever_the_pool_says() -> None:
    """FACTS 6.2, R-15: nothing is validated; each promotion is told and starts its saga."""
    launcher, host = hosted("w")
    for version in (4, 6):
        told = emitted(launcher.says(host, ReportPoolWindowPromoted("w")))
        assert told[0] == PoolWindowPromoted("w", version)
        assert isinstance(told[1], SagaStarted)
    assert launcher.snapshot(host).pool == ("w",)


@pytest.mark.parametrize("saga_id", [None, 0, 43])
@pytest.mark.parametrize(
    ("report", "event"),
    [
        (ReportPanesReaped("gone"), PanesReaped("gone", 3)),
        (ReportPoolDrainDecision("gone", True), PoolDrained("gone", 3)),
        (ReportPoolDrainDecision("gone", False), PoolNotLast("gone", 3)),
        (ReportPoolWindowAdded("w"), PoolWindowAdded("w", 3)),
    ],
)
def test_answers_pass_through(report: Command, event: BusEvent, saga_id: int | None) -> None:
    """FACTS F-20: told although the label is gone or was never there; the id is copied as it is."""
    launcher, host = hosted()
    told = emitted(launcher.says(host, replace(report, saga_id=saga_id)))
    assert told == [replace(event, saga_id=saga_id)]


def test_answers_without_a_saga_leave_the_mirror_alone() -> None:
    """FACTS F.7: reap and drain reports never touch the state but for its version."""
    launcher, host = hosted("w")
    before = launcher.state.mirror
    launcher.says(host, ReportPanesReaped("x", 9), ReportPoolDrainDecision("x", True))
    assert launcher.state.mirror is before


def test_a_failure_report_is_told_even_if_nobody_waits() -> None:
    """FACTS 6.2: published whatever the id, and nothing ends that was not in flight."""
    launcher, host = hosted()
    told = emitted(launcher.says(host, ReportSagaActionFailed(77, "no")))
    assert told == [SagaActionFailed(77, "no", 3)]


def test_counts_drift_one_event_per_dimension() -> None:
    """FACTS 6.2: windows first, then pool; nothing where they agree."""
    launcher, host = hosted("w")
    launcher.shows(host, "main")
    assert emitted(launcher.says(host, ReportHostCounts(3, 0))) == [
        DriftDetected("windows", 3, 1, 6),
        DriftDetected("pool", 0, 1, 7),
    ]
    assert emitted(launcher.says(host, ReportHostCounts(1, 2))) == [DriftDetected("pool", 2, 1, 8)]
    assert launcher.says(host, ReportHostCounts(1, 1)) == ()


def test_the_pool_count_says_nothing_of_windows() -> None:
    """FACTS F-07, F-08: it is held against all pool windows, ready or not, and nothing else."""
    launcher, host = hosted("ready", "spawning")
    launcher.shows(host, "main")
    launcher.ignores(CommandReceived(host, ReportHostPoolCount(2)))
    told = emitted(launcher.says(host, ReportHostPoolCount(1)))
    assert told == [DriftDetected("pool", 1, 2, 7)]


def test_back_end_ids_pair_up() -> None:
    """FACTS F-06, 6.2: registered always tells and overwrites; unregistered only if known."""
    launcher, host = hosted()
    launcher.says(host, ReportBackendWindowIdRegistered("main", "9b1d"))
    launcher.says(host, ReportBackendWindowIdRegistered("main", "77aa"))
    assert emitted(launcher.last) == [BackendWindowIdRegistered("main", "77aa", 4)]
    assert launcher.snapshot(host).backend_window_ids == (("main", "77aa"),)
    unregister = ReportBackendWindowIdUnregistered("main")
    told = emitted(launcher.says(host, unregister))
    assert told == [BackendWindowIdUnregistered("main", "77aa", 5)]
    launcher.ignores(CommandReceived(host, unregister))
