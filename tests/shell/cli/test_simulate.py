"""`simulate` as its users have it: what it prints, how it ends, what it refuses."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console
from tests.shell.cli.terminal import (
    here,
    misfits,
    one_line,
    report_of,
    schema_in_help,
)

from saga_core.check import Limits, Progress, Scenario, Watch
from saga_core.engine import Reducer, links
from saga_core.simulate import Checked, Plan, Shrunk, Simulation, shrink
from saga_shell.cli.simulate import command, running

pytestmark = pytest.mark.usefixtures("no_process_stays")

SHORT = ("simulate", "--steps", "300")
DEAF = ("--application", "tests.core.check.shop:DEAF")
POOL = ("--saga", "pool_respawn_on_promote=1")


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reducer that doesn't send again what was unanswered on an ended connection."""
    monkeypatch.setattr(links, "_unanswered", lambda *_: ())


def test_a_run_is_told() -> None:
    """DESIGN 6: exit code 0; faults, sagas, moves, coverage and the trace hash of the seed."""
    ran = here(*SHORT, "--seed", "7")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Seed 7\n  faults:   ")
    for word in (
        "  sagas:    ",
        "  moves:    ",
        "pairs of moves\n",
        "  trace:    ",
        "\nHOLDS in what",
    ):
        assert word in ran.out


def test_the_same_seed_is_the_same_run() -> None:
    """DESIGN 6: `--json` fits its schema, and the trace hash is the seed's, in a swarm too."""
    schema = schema_in_help("simulate")
    alone = report_of(here(*SHORT, "--seed", "3", "--json"), schema)
    swarm = report_of(here(*SHORT, "--seed", "2", "--swarm", "3", "--json"), schema)
    assert [run["seed"] for run in swarm["runs"]] == [2, 3, 4]
    assert alone["runs"][0] == swarm["runs"][1]
    assert (swarm["verdict"], swarm["failed_seeds"], swarm["repeat"]) == ("holds", [], None)
    assert swarm["events"] == sum(run["events"] for run in swarm["runs"])


def test_a_swarm_is_told_in_few_lines() -> None:
    """DESIGN 6: how many seeds, what became of their sagas, and which saw most."""
    ran = here(*SHORT, "--swarm", "2")
    assert ran.code == 0
    assert ran.out.startswith("2 seeds\n  sagas:    ")
    assert "saw most: " in ran.out


def test_a_small_scope_is_held_against_all_states() -> None:
    """DESIGN 6: coverage is told against the exact total that the checker counts."""
    ran = here(*SHORT, *POOL, "--fault", "deadline", "--json")
    run = json.loads(ran.out)["runs"][0]
    assert ran.code == 0
    assert run["faults"] == ["deadline"]
    assert 0 < run["coverage"]["states"] <= run["coverage"]["states_of"] < 30
    assert (
        f" of {run['coverage']['states_of']} states of the reducer"
        in here(*SHORT, *POOL, "--fault", "deadline").out
    )


def test_each_peer_has_as_many_connections_as_asked_for() -> None:
    """FACTS R-24: with one, no peer connects a second time; with more there is more to see."""
    few, more = (
        json.loads(here(*SHORT, *POOL, "--connections", number, "--json").out)["runs"][0]
        for number in ("1", "3")
    )
    assert "second" in more["moves"]
    assert "second" not in few["moves"]
    assert more["coverage"]["states_of"] > few["coverage"]["states_of"]


def test_what_can_not_be_counted_has_no_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scope that is too large for the checker says so, and is played all the same."""
    running.counted_states.cache_clear()
    monkeypatch.setattr(running, "exact_states", lambda *_: None)
    ran = here(*SHORT, *POOL)
    running.counted_states.cache_clear()
    assert ran.code == 0
    assert "the checker could not count the states of this scope" in one_line(ran.err)
    assert " states of the reducer, " in ran.out


@pytest.mark.usefixtures("wrong")
def test_a_broken_promise_is_shrunk_and_shown(tmp_path: Path) -> None:
    """DESIGN 6: exit code 1; the seed, the command that repeats it, the shortest run, its files."""
    files = {name: tmp_path / name for name in ("capsule", "pytest", "mermaid")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    ran = here(*SHORT, "--seed", "5", "--fault", "disconnect", "--in-flight", "5", *options)
    assert ran.code == 1
    assert "VIOLATED by seed 5: dispatch: saga " in ran.out
    repeat = "simulate --seed 5 --steps 300 --in-flight 5 --fault disconnect\n"
    assert f"Repeat it: agentmux-launcher {repeat}" in ran.out
    assert "Shrunk to 3 move(s), with buffer cap 0\n" in ran.out
    assert "Counterexample to dispatch: 3 move(s), provably shortest\n" in ran.out
    assert here("check", "--replay", str(files["capsule"])).code == 1
    assert "def test_dispatch()" in files["pytest"].read_text()
    assert files["mermaid"].read_text().startswith("sequenceDiagram")


def test_a_swarm_names_the_first_seed_that_fails() -> None:
    """DESIGN 6: exit code 1, all failing seeds, and one command that repeats the first."""
    ran = here(*SHORT, *DEAF, "--seed", "4", "--swarm", "2", "--json")
    told = report_of(ran, schema_in_help("simulate"))
    assert (ran.code, told["verdict"], told["failed_seeds"]) == (1, "violated", [4, 5])
    words = shlex.split(told["repeat"])
    assert words[:4] == ["agentmux-launcher", "simulate", "--seed", "4"]
    again = json.loads(here(*words[1:], "--json").out)
    assert again["runs"][0] == told["runs"][0]
    assert again["shrunk"] == told["shrunk"]
    assert told["shrunk"]["counterexample"]["capsule"]["application"] == DEAF[1]
    plain = here(*SHORT, *DEAF, "--seed", "4", "--swarm", "2").out
    assert "  seed 4: completes: saga " in plain


@pytest.mark.usefixtures("wrong")
def test_ctrl_c_while_it_shrinks_leaves_the_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: what was found is told, with the command that repeats it."""
    monkeypatch.setattr(command, "shrink", _interrupted)
    ran = here(*SHORT, "--seed", "5", "--fault", "disconnect", "--capsule", "nowhere")
    assert ran.code == 1
    assert "Repeat it: agentmux-launcher simulate --seed 5" in ran.out
    assert "Shrunk" not in ran.out
    assert "interrupted: what broke was not shrunk" in ran.err
    assert "no counterexample was found, so no file was written" in ran.err


@pytest.mark.parametrize(
    ("checked", "said"),
    [
        ("held", "The checker disagrees: in the scope that this takes every promise holds"),
        ("cut", "The checker came to no end in the scope that this takes"),
        ("not asked", "The checker was not asked for a shorter one"),
        ("asks less", "The checker holds no saga to this under these faults"),
        ("found", "The checker finds it without its reductions only: check this with --unreduced."),
    ],
)
def test_what_the_checker_says_is_told(
    checked: Checked, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DESIGN 6: whether it finds the run or not, and why; the run itself has its files."""

    def shrunk(scenario: Scenario, plan: Plan, watch: Watch) -> Shrunk:
        found = shrink(scenario, plan, watch, Limits(seconds=0))
        assert found is not None
        assert found.scope is not None
        return replace(found, checked=checked, scope=replace(found.scope, reductions=()))

    monkeypatch.setattr(command, "shrink", shrunk)
    capsule = tmp_path / "capsule"
    ran = here(*SHORT, *DEAF, "--capsule", str(capsule))
    assert (ran.code, ran.err) == (1, "")
    assert f"\n{said}" in ran.out
    assert "Counterexample to completes: 3 move(s)\n" in ran.out
    assert here("check", "--replay", str(capsule)).code == 1


def test_a_run_that_a_capsule_can_not_hold_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DESIGN 6: its moves are there, and one line says that there are no files."""
    monkeypatch.setattr(Reducer, "step", _raising)
    ran = here(*SHORT, "--capsule", "nowhere")
    assert ran.code == 1
    assert "A capsule can't hold this run: the moves above are all there is of it." in ran.out
    assert "a capsule can't hold this run, so no file was written" in one_line(ran.err)


def _raising(_reducer: object, _state: object, _event: object) -> object:
    raise KeyError("no such thing")


def _interrupted(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_ends_a_run_with_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: exit code 3, because nothing broke so far; the run is told as far as it came."""
    monkeypatch.setattr(command, "run_one", _cut_short(running.run_one))
    ran = here(*SHORT)
    assert ran.code == 3
    assert "UNDETERMINED, cut (interrupted): nothing broke so far; " in ran.out


def _cut_short(run: Callable[..., Simulation]) -> Callable[..., Simulation]:
    return lambda application, plan, _tell: run(application, plan, _interrupted)


def test_progress_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: a bar on standard error, only if that is a terminal."""
    monkeypatch.setattr(
        command, "Console", lambda stderr: Console(stderr=stderr, force_terminal=True)
    )
    assert "moves" in here(*SHORT).err
    monkeypatch.undo()
    assert here(*SHORT).err == ""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--seed", "-1"], "-1 is not in the range"),
        (["--seed", str(1 << 64)], "is not in the range"),
        (["--steps", "0"], "0 is not in the range"),
        (["--connections", "0"], "0 is not in the range"),
        (["--swarm", "0"], "0 is not in the range"),
        (["--swarm", "2", "--seed", str((1 << 64) - 1)], "--swarm 2 goes beyond the largest seed"),
        (["--saga", "x=1"], "no such saga: write pool_respawn_on_promote or"),
        (["--saga", "pool_respawn_on_promote"], "write a saga's name, then =COUNT"),
        (["--fault", "earthquake"], "'earthquake' is not one of 'deadline'"),
        (["--application", "nothing"], "write MODULE:NAME, such as shop.checks:SCENARIO"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], problem: str) -> None:
    """DESIGN 6: exit code 2, and one line that says what to do."""
    ran = here("simulate", *arguments)
    assert ran.code == 2
    assert problem in one_line(ran.err)


def test_the_checker_tells_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """DESIGN 6: counting the states of a scope shows a line each second."""
    progress = Progress(1_000, 2_000, 30, 4, 5.0)
    running.watch("simulate").tell(progress)
    assert "the checker: 1,000 worlds, 2,000 transitions" in capsys.readouterr().err


def test_the_schema_fits_a_finding() -> None:
    """DESIGN 6: the schema in the help holds for a report with a counterexample too."""
    schema = schema_in_help("simulate")
    told = json.loads(here(*SHORT, *DEAF, "--json").out)
    assert misfits(told, schema, schema) == []
    assert told["shrunk"]["counterexample"] is not None
