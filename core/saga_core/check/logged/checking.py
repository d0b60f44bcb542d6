"""Whether a recorded log is a path of the graph of all runs, and if not, where it leaves it."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from saga_core.check.logged.fold import Fold
from saga_core.check.logged.moment import Moment, Trouble
from saga_core.check.logged.possible import possible
from saga_core.check.logged.said import LoggedSaga, says, where
from saga_core.check.logged.timeline import Timeline
from saga_core.check.scope import Scenario
from saga_core.engine.config import Config

LogVerdict = Literal["possible", "impossible", "undetermined"]


class Impossible(Struct, frozen=True):
    """The first record that can't follow on those before it.

    `step_index` is None if it is one of the saga itself. `at` is the time in its row. `instead` are
    the events that were possible there for that saga, each with the records that it would write.
    """

    saga_id: int
    step_index: int | None
    at: str
    record: str
    why: str
    instead: tuple[str, ...]


class LogReport(Struct, frozen=True):
    """What became of a log.

    `possible`: every record can follow on those before it. `undetermined`: whether `impossible` can
    would take a longer look at what peers may have done. `in_flight` are sagas without an end.
    `missing_ids` are sagas between others of a run, gone by their retention; `times_back` are
    records with a time before one that stands before them, from a clock that was set back.
    """

    verdict: LogVerdict
    sagas: int
    records: int
    in_flight: int
    missing_ids: int
    times_back: int
    impossible: Impossible | None = None


def check_log(
    scenario: Scenario,
    sagas: Iterable[LoggedSaga],
    config: Config | None = None,
    oldest_end: str | None = None,
) -> LogReport:
    """Replay a log through the reducer, and say whether any run writes these records.

    `sagas` come by id, ascending; each is looked at once, and only those in flight are kept.
    `config` gives the cap of the buffers. `oldest_end` is the earliest time at which a saga ended
    that is in the log. The scenario must say how its log is read (`Scenario.log`).
    """
    form = scenario.log
    assert form is not None, "the scenario must say how its log is read"
    timeline = Timeline(sagas)
    fold = Fold(scenario, form, config if config is not None else Config(), timeline, oldest_end)
    for moment, ids in timeline.moments():
        fold.begin(moment, ids)
        trouble = Moment(fold, ids).settle()
        if trouble is not None:
            timeline.count_rest()
            verdict: LogVerdict = "undetermined" if trouble.bounded else "impossible"
            return _report(verdict, timeline, fold, _impossible(fold, trouble))
    return _report("possible", timeline, fold, None)


def _report(
    verdict: LogVerdict, timeline: Timeline, fold: Fold, found: Impossible | None
) -> LogReport:
    return LogReport(
        verdict,
        timeline.sagas,
        timeline.records,
        len(fold.open_ids),
        fold.missing_ids,
        timeline.times_back,
        found,
    )


def _impossible(fold: Fold, trouble: Trouble) -> Impossible:
    at, said = trouble.record
    return Impossible(
        said.saga_id,
        said.step_index,
        at,
        f"{where(said)} {says(said)}",
        trouble.why,
        possible(fold, said.saga_id),
    )
