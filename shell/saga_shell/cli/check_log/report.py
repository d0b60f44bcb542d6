"""What `check-log` tells, for programs and for people."""

from collections.abc import Iterator

from msgspec import Struct

from saga_core.check.logged import Impossible, LogReport, LogVerdict
from saga_shell.printable import printable


class LogFileReport(Struct, frozen=True):
    """Whether a log is one that the reducer can have written.

    `in_flight` counts sagas without an end, `original` those that the original launcher wrote,
    `missing_ids` those that their retention removed from between others, `times_back` records with
    a time before that of what they follow.
    """

    log: str
    verdict: LogVerdict
    sagas: int
    records: int
    in_flight: int
    original: int
    missing_ids: int
    times_back: int
    impossible: Impossible | None


def of_file(log: str, report: LogReport, original: int) -> LogFileReport:
    """The report of a log with what only its file tells."""
    return LogFileReport(
        log,
        report.verdict,
        report.sagas,
        report.records,
        report.in_flight,
        original,
        report.missing_ids,
        report.times_back,
        report.impossible,
    )


def lines(report: LogFileReport) -> Iterator[str]:
    """The report for people."""
    yield f"Saga log: {printable(report.log)}"
    yield f"  {report.sagas:,} saga(s), {report.records:,} record(s)"
    yield from (f"  {count:,} {what}" for count, what in _remarks(report) if count)
    yield ""
    match report.verdict, report.impossible:
        case "undetermined", Impossible() as found:
            yield f"UNDETERMINED: whether a record is possible: {printable(found.record)}"
            yield from _where(found)
        case _, Impossible() as found:
            yield f"IMPOSSIBLE: {printable(found.record)}"
            yield from _where(found)
        case _:
            yield "POSSIBLE: every record can follow on those before it"


def _remarks(report: LogFileReport) -> Iterator[tuple[int, str]]:
    if report.impossible is None:
        yield report.in_flight, "saga(s) without an end: in flight, or left by the last process"
    yield report.original, "saga(s) of the original launcher, read by its own rules"
    yield report.missing_ids, "saga(s) missing between others, past their retention"
    yield report.times_back, "record(s) with a time before what they follow: a clock was set back"


def _where(found: Impossible) -> Iterator[str]:
    yield f"  at {found.at}: {printable(found.why)}"
    yield "Possible there instead:"
    yield from (f"  {printable(other)}" for other in found.instead or ("nothing",))
