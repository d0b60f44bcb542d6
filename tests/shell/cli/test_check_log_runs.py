"""Logs that the real shell wrote are possible; changed by hand they are not, and where is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace
from tests.shell.cli.plays import cap_of, performed, random_play, ticking
from tests.shell.cli.recorded import rows_of
from tests.shell.cli.terminal import here
from tests.shell.rehearsal.plays import CAPSULES, read

from saga_core.agentmux import WindowCleanup
from saga_core.check import played
from saga_core.check.agentmux import SCENARIO
from saga_core.check.logged import LogReport, check_log
from saga_core.engine import Config
from saga_shell.cli.check_log.rows import logged
from saga_shell.log import SagaRow, SagaRows, StepRow

SEEDS = range(16)


@pytest.mark.parametrize("file", CAPSULES, ids=lambda file: str(file.stem))
def test_the_log_of_every_capsule_is_possible(file: Path, tmp_path: Path) -> None:
    """DESIGN 4: each run of the corpus, played by the real shell into a real file."""
    capsule = read(file)
    cap = capsule.scope.buffer_cap
    path = performed(played(capsule, SCENARIO), tmp_path, cap)
    ran = here("check-log", str(path), "--buffer-cap", str(cap))
    assert ran.code == 0, ran.out


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("hurried", [False, True])
def test_the_log_of_a_random_play_is_possible(
    seed: int, hurried: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 4: whatever happens to a launcher, also many things in one batch."""
    with ticking(monkeypatch):
        path = performed(random_play(seed), tmp_path, cap_of(seed), hurried=hurried)
    ran = here("check-log", str(tmp_path), "--buffer-cap", str(cap_of(seed)))
    assert ran.code == 0, ran.out
    assert str(path) in ran.out


Rows = list[SagaRows]


class Mutation(NamedTuple):
    """A log that somebody changed, and the record that can't follow any more."""

    what: str
    rows: Rows
    saga_id: int
    step_index: int | None


def _with_saga(rows: Rows, saga: SagaRow) -> Rows:
    return [replace(r, saga=saga) if r.saga_id == saga.saga_id else r for r in rows]


def _with_step(rows: Rows, saga_id: int, step: StepRow | None, index: int) -> Rows:
    def changed(found: SagaRows) -> SagaRows:
        steps = [other for other in found.steps if other.step_index != index]
        added = [] if step is None else [step]
        return replace(found, steps=tuple(sorted([*steps, *added], key=lambda s: s.step_index)))

    return [changed(found) if found.saga_id == saga_id else found for found in rows]


def _of_step(rows: Rows, saga: SagaRow, step: StepRow) -> Iterator[Mutation]:
    saga_id, index = saga.saga_id, step.step_index

    def changed(what: str, **more: str | int | None) -> Mutation:
        return Mutation(
            f"{what} of saga {saga_id}, step {index}",
            _with_step(rows, saga_id, replace(step, **more), index),
            saga_id,
            index,
        )

    command, output = str(step.cmd_json), step.output_json
    yield changed("target", target="srv")
    yield changed("name", name="issue_cmd_host_fly")
    yield changed("command", cmd_json=command.replace(f'"saga_id":{saga_id}', '"saga_id":77'))
    yield changed("opening time", started_at="2099-01-01T00:00:00+00:00")
    if output is not None:
        yield changed("id in the output", output_json=output.replace(f":{saga_id}}}", ":77}"))
        if saga.name == WindowCleanup.NAME:
            yield changed("label in the output", output_json=output.replace("main", "other"))
        yield changed("version of the output", output_json=_unnumbered(output))
        yield changed("no output", output_json=None)
        yield changed("failure", state="failed", output_json=None, failure_reason="no")
    if step.state == "failed":
        yield changed("reason", failure_reason="no")
        yield changed("success", state="succeeded", failure_reason=None, output_json="{}")


def _unnumbered(output: str) -> str:
    event = json.loads(output)
    event["version"] = 1
    return json.dumps(event, separators=(",", ":"))


def _of_saga(rows: Rows, saga: SagaRow) -> Iterator[Mutation]:
    def changed(what: str, step_index: int | None, **more: str | None) -> Mutation:
        wrong = replace(saga, **more)
        named = f"{what} of saga {saga.saga_id}"
        return Mutation(named, _with_saga(rows, wrong), saga.saga_id, step_index)

    yield changed("name", None, name="no_such_saga")
    yield changed("input", None, input_json="{}")
    if saga.state in {"completed", "failed"}:
        yield changed("end with a recovery", None, state="failed_compensation", failure_reason="no")
        yield changed("reason", None, state="failed", failure_reason="nobody says that")
        yield changed("end's time", None, ended_at="2099-01-01T00:00:00+00:00")
        yield changed("end", None, state="compensating")
    if saga.state == "failed":
        yield changed("success", None, state="completed", failure_reason=None)


def _mutations(rows: Rows) -> Iterator[Mutation]:
    for found in rows:
        assert found.saga is not None
        yield from _of_saga(rows, found.saga)
        for step in found.steps:
            yield from _of_step(rows, found.saga, step)


def _checked(rows: Rows, cap: int) -> LogReport:
    ends = [row.saga.ended_at for row in rows if row.saga is not None and row.saga.ended_at]
    sagas = (logged(row) for row in rows)
    return check_log(SCENARIO, sagas, Config(buffer_cap=cap), min(ends, default=None))


@pytest.fixture(params=SEEDS)
def file(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Rows, int]:
    """The rows of a random play, and the cap of its buffers."""
    seed = int(request.param)
    with ticking(monkeypatch):
        return rows_of(performed(random_play(seed), tmp_path, cap_of(seed))), cap_of(seed)


def test_what_somebody_changed_is_found_where_it_is(file: tuple[Rows, int]) -> None:
    """DESIGN 4: one word of any row, and that record is the first that can't follow."""
    rows, cap = file
    for mutation in _mutations(rows):
        report = _checked(mutation.rows, cap)
        found = report.impossible
        assert found is not None, mutation.what
        assert (found.saga_id, found.step_index) == (mutation.saga_id, mutation.step_index), (
            mutation.what,
            found,
        )
        assert report.verdict == "impossible", (mutation.what, found)
        assert found.instead, mutation.what


def test_a_step_that_somebody_deleted_is_missed(file: tuple[Rows, int]) -> None:
    """DESIGN 4: in a saga that came to its end, no row can be missing."""
    rows, cap = file
    for found in rows:
        assert found.saga is not None
        for step in found.steps if found.saga.state in {"completed", "failed"} else ():
            without = _with_step(rows, found.saga_id, None, step.step_index)
            missed = _checked(without, cap).impossible
            assert missed is not None, found
            assert missed.saga_id == found.saga_id, (found, missed)


def test_two_steps_of_a_saga_are_never_pending(file: tuple[Rows, int]) -> None:
    """DESIGN 4, I4: the second one can't have been opened."""
    rows, cap = file
    for found in rows:
        if len(found.steps) == 2:
            first = replace(found.steps[0], state="pending", output_json=None, ended_at=None)
            missed = _checked(_with_step(rows, found.saga_id, first, 0), cap).impossible
            assert missed is not None
            assert (missed.saga_id, missed.step_index) == (found.saga_id, 1)


def test_an_end_that_somebody_took_back_is_missed(file: tuple[Rows, int]) -> None:
    """DESIGN 4: unless the process died just there, and no start came as far as this saga."""
    rows, cap = file
    settled = "launcher restarted while saga in state 'running'"
    told = [record for found in rows for record in logged(found).records]
    went_on = max((at for at, said in told if said.words[-1] != settled), default="")
    for saga in (found.saga for found in rows):
        assert saga is not None
        if saga.state in {"completed", "failed"}:
            open_row = replace(saga, state="running", ended_at=None, failure_reason=None)
            report = _checked(_with_saga(rows, open_row), cap)
            assert report.verdict == "impossible" or saga.ended_at == went_on, saga
            assert report.impossible is None or report.impossible.instead


def test_a_saga_that_somebody_deleted_is_missed_where_it_can_be(file: tuple[Rows, int]) -> None:
    """DESIGN 7, log: ids jump between runs and retention removes sagas, and nothing else does."""
    rows, cap = file
    for gone in rows:
        report = _checked([found for found in rows if found is not gone], cap)
        found = report.impossible
        assert found is None or found.why.startswith(("ids follow each other", "the buffer for"))
        assert found is None or found.saga_id != gone.saga_id
