"""`check` as its users have it: what it prints, how it ends, what it refuses."""

import gc
import itertools
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.core.check.logged.logbook import Logbook
from tests.shell.cli.recorded import save
from tests.shell.cli.terminal import agentmux, here, one_line, ordinary

from saga_core.engine import links
from saga_shell.cli.check import command, covering, memory

POOL = ("check", "--saga", "pool_respawn_on_promote=1")


def test_what_holds_is_said_of_the_scope() -> None:
    """DESIGN 6: exit code 0; the scope, each property, and the verdict with what was visited."""
    ran = here(*POOL)
    assert ran.code == 0
    assert "  sagas:      1 pool_respawn_on_promote\n" in ran.out
    assert "  holds         I9: ids grow and are never used again\n" in ran.out
    assert "HOLDS within the scope, every world visited: 43 worlds" in ran.out


def test_json_has_the_same_facts() -> None:
    """DESIGN 6: `--json` is one line of JSON."""
    ran = here(*POOL, "--fault", "deadline", "--fault", "crash", "--buffer-cap", "2", "--json")
    told = json.loads(ran.out)
    assert (told["verdict"], told["complete"], told["counterexample"]) == ("holds", True, None)
    assert told["scope"]["faults"] == ["deadline", "crash"]
    assert told["scope"]["buffer_cap"] == 2
    assert {"states", "transitions", "step_calls", "depth", "seconds", "properties"} <= told.keys()


def test_the_reductions_can_be_switched_off() -> None:
    """DESIGN 4: the same verdict without them."""
    told = json.loads(here(*POOL, "--fault", "deadline", "--unreduced", "--json").out)
    assert (told["verdict"], told["scope"]["reductions"]) == ("holds", [])


def test_a_cut_search_is_undetermined() -> None:
    """DESIGN 6: exit code 3; it never says that anything holds."""
    ran = here("check", "--max-states", "100")
    assert ran.code == 3
    assert "UNDETERMINED, cut (over the limit of 100 states): nothing broke so far" in ran.out
    assert "holds" not in ran.out


def test_a_violation_is_shown_move_by_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-28: exit code 1; the moves, what each changed, and the broken promise."""
    monkeypatch.setattr(links, "release", lambda *_: None)
    ran = here(*POOL)
    assert ran.code == 1
    assert "Counterexample to I2: 2 move(s), provably shortest\n" in ran.out
    assert "    1  pool_respawn_on_promote is triggered | registry: +1 pool_resp" in ran.out
    assert "  ended sagas wait for host: (1,)\n" in ran.out
    assert "VIOLATED: I2;" in ran.out


def test_a_run_that_never_ends_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-33: a lasso shows where it stays."""
    monkeypatch.setattr(links, "is_unanswered", lambda *_: False)
    ran = here(*POOL, "--fault", "deadline")
    assert ran.code == 1
    assert "  and from here on nothing that is fair can happen\n" in ran.out


def test_an_application_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: a module of the present directory is found; its triggers are the sagas."""
    monkeypatch.chdir(tmp_path)
    source = "from saga_core.check.agentmux import SCENARIO as MINE\nNUMBER = 1\n"
    (tmp_path / "mine_to_check.py").write_text(source)
    arguments = ("--saga", "pool_respawn_on_promote=1", "--fault", "deadline")
    assert here("check", "--application", "mine_to_check:MINE", *arguments).code == 0
    for place, problem in (
        ("mine_to_check", "write MODULE:NAME, such as shop.checks:SCENARIO"),
        ("mine_to_check:NUMBER", "NUMBER is a int, not a saga_core.check.Scenario"),
        ("mine_to_check:OTHER", "OTHER is nothing, not a saga_core.check.Scenario"),
        ("no_such_module:X", "ModuleNotFoundError: No module named 'no_such_module'"),
    ):
        ran = here("check", "--application", place)
        assert (ran.code, one_line(ran.err)) == (
            2,
            f"agentmux-launcher: --application {place}: {problem}",
        )


@pytest.mark.parametrize("command", ["check", "simulate", "check-log"])
@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import sys; sys.exit()", "ends the program when it is imported"),
        ("import pytest; pytest.skip('no', allow_module_level=True)", "Skipped: no"),
        ("def __getattr__(name): raise OSError('not now')", "OSError: not now"),
    ],
)
def test_a_module_that_does_not_let_itself_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, source: str, problem: str
) -> None:
    """DESIGN 6: whatever it raises: exit code 2, never one that says `holds` or `violated`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine_that_stops", raising=False)
    (tmp_path / "mine_that_stops.py").write_text(source)
    log = ["log.db"] if command == "check-log" else []
    ran = here(command, *log, "--application", "mine_that_stops:MINE")
    assert (ran.code, ran.out) == (2, "")
    said = one_line(ran.err).split("--application mine_that_stops:MINE: ")[1]
    assert said.removeprefix("mine_that_stops ") == problem


LEAVING = """\
import sys
from msgspec.structs import replace
from tests.core.check.shop import LOGGED_SHOP

def leave(*_):
    sys.exit()

LOG = replace(LOGGED_SHOP.log, trigger_of=leave)
MINE = replace(LOGGED_SHOP, answers=leave, log=LOG)
"""


def test_a_scenario_that_ends_the_program_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: whatever of it calls sys.exit(), in whichever command: exit code 2, one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine_that_leaves.py").write_text(LEAVING)
    deaf = ("--application", "tests.core.check.shop:DEAF", "--fault", "deadline")
    assert here("check", *deaf, "--capsule", tmp_path / "it.json").code == 1
    log = save(tmp_path / "log.db", Logbook().trigger("pool_respawn_on_promote").sagas())
    for arguments in (
        ["check"],
        ["check", "--replay", tmp_path / "it.json"],
        ["simulate", "--steps", "300"],
        ["check-log", log],
    ):
        ran = here(*arguments, "--application", "mine_that_leaves:MINE")
        assert (ran.code, ran.out) == (2, ""), arguments
        line = "--application mine_that_leaves:MINE: it ends the program (sys.exit) while it is"
        assert line in one_line(ran.err)


FAILING = """\
from msgspec.structs import replace
from tests.core.check.shop import SHOP

def divide(*_):
    return 1 / 0

MINE = replace(SHOP, answers=divide)
"""


def test_a_scenario_that_raises_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: what an author's own code raises is one line that says where, and exit code 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine_that_fails.py").write_text(FAILING)
    where = f"divide ({tmp_path / 'mine_that_fails.py'}:5)"
    for arguments in (["check"], ["simulate", "--steps", "300"]):
        ran = here(*arguments, "--application", "mine_that_fails:MINE")
        assert (ran.code, ran.out) == (2, "")
        assert f"{where} raised ZeroDivisionError: division by zero" in one_line(ran.err)


def test_three_connections_at_once() -> None:
    """DESIGN 6: `--connections` says how many each peer may have, in text and in JSON."""
    ran = here("check", "--saga", "pool_respawn_on_promote=1", "--connections", "3", "--json")
    assert (ran.code, json.loads(ran.out)["scope"]["connections"]) == (0, 3)


def test_a_present_directory_that_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: modules are found elsewhere, or it is told that there is none."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    ran = here("check", "--application", "no_such_module:X")
    assert ran.code == 2
    assert one_line(ran.err).endswith("No module named 'no_such_module'")
    shop = ("--application", "tests.core.check.shop:SHOP")
    assert here("check", *shop, "--fault", "deadline").code == 0


def test_a_round_is_shown_where_it_begins() -> None:
    """DESIGN 4, liveness: peers whose answers are of no use, and what goes round for ever."""
    deaf = ("--application", "tests.core.check.shop:DEAF")
    ran = here("check", *deaf, "--fault", "deadline")
    assert ran.code == 1
    assert "VIOLATED: sometimes: a saga completes, completes;" in ran.out
    again = ran.out.split("  from here on, again and again:\n")[1]
    assert "warehouse answers do of saga 1" in again


def test_what_never_happened_makes_a_check_fail() -> None:
    """DESIGN 4: a peer that never loses its connection never restarts either: vacuous, code 1."""
    ran = here(*POOL, "--fault", "restart")
    assert ran.code == 1
    assert "sometimes: fault restart: never happened" in ran.out
    assert "VIOLATED: sometimes: fault restart;" in ran.out


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: each second one line on standard error tells how far it is."""
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(ticks) * 0.6)
    monkeypatch.setattr(memory, "time", clock)
    ran = here("check", "--json")
    assert ran.code == 0
    first = ran.err.splitlines()[0]
    assert re.fullmatch(
        r"check: [\d,]+ worlds, [\d,]+ transitions, depth \d+, [\d,]+ calls of step, \d+ s", first
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--saga", "x=1"], "no such saga: write pool_respawn_on_promote or"),
        (["--saga", "pool_respawn_on_promote"], "write a saga's name, then =COUNT"),
        (["--saga", "pool_respawn_on_promote=0"], "a count above 0"),
        (["--fault", "earthquake"], "'earthquake' is not one of 'deadline'"),
        (["--all-faults", "--fault", "crash"], "--all-faults and --fault exclude each other"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], problem: str) -> None:
    """DESIGN 6: exit code 2, and one line that says what to do."""
    ran = here("check", *arguments)
    assert ran.code == 2
    assert problem in one_line(ran.err)


def test_coverage_tells_what_the_search_went_through() -> None:
    """DESIGN 4: the sweep covers all of how sagas end; what it can't reach is told, by line."""
    ran = here("check", "--saga", "window_cleanup_cascade=1", "--coverage")
    assert ran.code == 0
    counts = re.search(r"through (\d+) of (\d+) branches of step", ran.out)
    assert counts is not None
    assert 0 < int(counts[1]) < int(counts[2])
    assert re.search(r"  saga_core/engine/endings.py +(\d+) of +\1\n", ran.out)
    assert re.search(r"  saga_core/agentmux/sagas/window_cleanup.py +4 of +4\n", ran.out)
    assert re.search(r"  saga_core/engine/guard.py +\d+ of +\d+  \d+-\d+, ", ran.out)
    assert "invariants" not in ran.out


def test_coverage_in_json_counts_the_same() -> None:
    """DESIGN 6: branches and lines, file by file, that add up; none where it was not asked for."""
    told = json.loads(here(*POOL, "--fault", "deadline", "--coverage", "--json").out)["coverage"]
    files = {Path(file["file"]).name: file for file in told["files"]}
    assert told["branches"] == sum(file["branches"] for file in files.values())
    assert told["covered"] == sum(file["covered"] for file in files.values())
    recovery = files["recovery.py"]
    assert (recovery["covered"], len(recovery["missing_lines"]) > 0) == (0, True)
    assert json.loads(here(*POOL, "--fault", "deadline", "--json").out)["coverage"] is None


def test_a_measurement_around_it_is_kept(tmp_path: Path) -> None:
    """DESIGN 6: whoever measures the whole process loses nothing by `--coverage`."""
    around = {
        "COVERAGE_PROCESS_START": str(Path(__file__).parents[3] / "pyproject.toml"),
        "COVERAGE_FILE": str(tmp_path / ".coverage"),
    }
    plain = {name: value for name, value in ordinary().items() if "COVERAGE" not in name}
    ran = agentmux("check", *POOL[1:], "--coverage", env={**plain, **around})
    assert ran.code == 0
    assert list(tmp_path.glob(".coverage.*"))


def test_coverage_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: exit code 2 and one line that says what to install."""
    monkeypatch.setattr(covering, "find_spec", lambda _: None)
    ran = here("check", "--coverage")
    assert ran.code == 2
    assert "pip install 'agentmux-launcher[test]'" in one_line(ran.err)


def test_coverage_stops_with_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: a check that breaks off leaves nothing that goes on measuring, or switched off."""

    def breaks_off(*_: object) -> None:
        raise RuntimeError("the end")

    before, collects = sys.gettrace(), gc.isenabled()
    monkeypatch.setattr(command, "run_check", breaks_off)
    with pytest.raises(RuntimeError, match="the end"):
        here("check", "--coverage")
    assert (sys.gettrace(), gc.isenabled()) == (before, collects)
