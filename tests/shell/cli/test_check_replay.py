"""`check --replay` as its users have it: one command against the reducer and against the shell."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.core.check.corpus import FOLDER
from tests.core.check.link_mutants import purge_forgotten, sent_before_it_is_open
from tests.core.check.mutants import late_answer_stops
from tests.core.check.test_replay import DRAIN, REAP, about, capsule
from tests.shell.cli.terminal import Ran, agentmux, here, misfits, one_line
from tests.shell.rehearsal import wrong_shells

from saga_core.check import Capsule, text_of
from saga_core.check.runs.capsule import Bounds, Cue
from saga_shell.cli.check.replaying import REPLAY_HEADING

CLEANED = capsule(
    Cue("connect", peer="host", connection=1),
    Cue("trigger", saga="window_cleanup_cascade"),
    about("answer", REAP),
    about("answer", DRAIN, says={"was_last": False}),
)
PURGED = FOLDER / "purge_forgotten.json"


def replayed(run: Capsule, folder: Path, *more: object) -> Ran:
    """The command, on a file with that capsule."""
    file = folder / "capsule.json"
    file.write_text(text_of(run))
    return here("check", "--replay", file, *more)


def endings(ran: Ran) -> list[str]:
    """What is said of the reducer and of the shell."""
    return ran.out.split("\n\n")[1].splitlines()


def schema() -> dict[str, Any]:
    """The schema of a replay, as the help shows it."""
    told = here("check", "--help").out.split(f"{REPLAY_HEADING}\n")[1]
    found: dict[str, Any] = json.JSONDecoder().raw_decode(told.lstrip())[0]
    return found


def test_a_run_is_played_by_the_reducer_and_by_the_shell(tmp_path: Path) -> None:
    """DESIGN 6: each move with what it changed, then what both made of it; exit code 0."""
    file = tmp_path / "capsule.json"
    file.write_text(text_of(CLEANED))
    ran = agentmux("check", "--replay", file)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "Capsule of 4 move(s) that broke I7\n"
        "  then: as told\n"
        "    1  host connects as connection 1 | link: host: connection 1"
        " | bus: process_spawned, lifecycle_phase_changed\n"
        "    2  window_cleanup_cascade is triggered | registry: +1 window_cleanup_cascade"
        " | peers: reap_panes to 1 | timers: +deadline 1 | log: 1 opened, 1.0 pending"
        " | bus: saga_started 1\n"
        "    3  host answers reap_panes of saga 1 | peers: drain_pool_if_last to 1"
        " | log: 1.0 succeeded, 1.1 pending | bus: panes_reaped 1\n"
        "    4  host answers drain_pool_if_last of saga 1 (was_last false) | registry: -1"
        " | timers: -deadline 1 | log: 1.1 succeeded, 1 completed"
        " | bus: pool_not_last 1, saga_completed 1\n"
        "\n"
        "Reducer: PASSES: all 4 moves were played, every promise held\n"
        "Shell: AGREES with the reducer in all 4 moves, one by one and in a hurry:"
        " 6 event(s), 1 process(es), 0 s of virtual time\n"
    )


def test_json_has_both_in_one_line(tmp_path: Path) -> None:
    """DESIGN 6: the same facts, by the schema that the help shows."""
    ran = replayed(CLEANED, tmp_path, "--json")
    told, whole = json.loads(one_line(ran.out)), schema()
    assert misfits(told, whole, whole) == []
    assert told["reducer"]["verdict"] == "holds"
    assert told["shell"] == {
        "verdict": "agrees",
        "sentence": "all 4 moves, one by one and in a hurry: 6 event(s), 1 process(es),"
        " 0 s of virtual time",
        "move": None,
        "promise": None,
    }


def test_a_promise_that_breaks_in_both_is_named_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-28: the fault is back in the reducer, which the shell runs: exit code 1."""
    purge_forgotten(monkeypatch)
    ran = here("check", "--replay", PURGED)
    assert ran.code == 1
    assert endings(ran) == [
        "Reducer: STILL BROKEN at move 2: I2: ended sagas wait for host: (1,)",
        "Shell: BROKEN at move 2: I2: one by one, ended sagas wait for host: (1,)",
    ]
    told = json.loads(here("check", "--replay", PURGED, "--json").out)
    assert (told["shell"]["verdict"], told["shell"]["promise"]) == ("breaks", "I2")
    assert (told["shell"]["move"], told["reducer"]["move"]) == (2, 2)


def test_what_only_a_world_can_judge_breaks_in_the_reducer(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: the shell does what the wrong reducer says; that is still exit code 1."""
    late_answer_stops(monkeypatch)
    ran = here("check", "--replay", FOLDER / "late_answer_stops.json")
    assert ran.code == 1
    reducer, shell = endings(ran)
    assert reducer.startswith("Reducer: STILL BROKEN at move 2: contracts: ")
    assert shell.startswith("Shell: AGREES with the reducer in all 2 moves, ")


def test_a_send_that_the_play_knows_nothing_of_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-33: a command to a connection that is not open comes back from the shell's peers."""
    sent_before_it_is_open(monkeypatch)
    ran = here("check", "--replay", FOLDER / "sent_before_it_is_open.json")
    assert ran.code == 1
    assert endings(ran)[1].startswith(
        "Shell: DIFFERS from the reducer at move 1: one by one, SendFailed(connection=2, "
    )


@pytest.mark.parametrize(
    ("patched", "sentence"),
    [
        (wrong_shells.dispatch_forgotten, "DIFFERS from the reducer at move 2: one by one, Disp"),
        (wrong_shells.hurries_badly, "DIFFERS from the reducer at move 4: in a hurry, "),
        (wrong_shells.commits_nothing, "DIFFERS from the reducer at move 4: one by one, the file"),
    ],
)
def test_a_shell_that_differs_is_exit_code_1(
    patched: wrong_shells.Wrong,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """DESIGN 1: the reducer is right and the shell is not."""
    patched(monkeypatch)
    ran = replayed(CLEANED, tmp_path)
    assert ran.code == 1
    reducer, shell = endings(ran)
    assert reducer == "Reducer: PASSES: all 4 moves were played, every promise held"
    assert shell.startswith(f"Shell: {sentence}")
    told = json.loads(replayed(CLEANED, tmp_path, "--json").out)["shell"]
    assert (told["verdict"], told["promise"]) == ("diverges", None)


def test_a_run_that_stops_is_performed_as_far_as_it_goes(tmp_path: Path) -> None:
    """DESIGN 4: what can't happen any more, and what can; the shell plays the moves before it."""
    ran = replayed(capsule(CLEANED.moves[1], CLEANED.moves[2]), tmp_path)
    assert ran.code == 0
    said = endings(ran)
    assert said[0].startswith("Reducer: PASSES: move 2 can't happen any more: host answers reap_")
    assert said[1] == "Possible there instead:"
    assert "  host connects as connection 1" in said
    assert said[-1].startswith("Shell: AGREES with the reducer in all 1 moves, ")


def test_the_shell_has_no_part_in_other_applications(tmp_path: Path) -> None:
    """DESIGN 6: one line says so, and the reducer alone decides the exit code."""
    moves = (Cue("connect", peer="warehouse", connection=1), Cue("trigger", saga="send"))
    shop = "tests.core.check.shop:SHOP"
    run = capsule(*moves, application=shop, scope=Bounds({"send": 1}, 1, 2, ()))
    ran = replayed(run, tmp_path)
    assert ran.code == 0
    reducer, shell = endings(ran)
    assert reducer == "Reducer: PASSES: all 2 moves were played, every promise held"
    reason = "the shell runs AgentMux, not Shop: this run is for the reducer alone"
    assert shell == f"Shell: does not apply: {reason}"
    told = json.loads(replayed(run, tmp_path, "--json").out)["shell"]
    assert (told["verdict"], told["move"]) == ("inapplicable", None)


def test_where_no_file_can_be_written_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DESIGN 6: the shell's log needs a place: exit code 2 and what to do."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    ran = here("check", "--replay", PURGED)
    assert ran.code == 2
    assert one_line(ran.err) == (
        "agentmux-launcher: --replay: no room for the shell's saga log:"
        " No such file or directory: mend it, or set TMPDIR"
    )


def test_a_diagram_is_of_the_reducers_run(tmp_path: Path) -> None:
    """DESIGN 4: `--mermaid` writes the run as a sequence diagram."""
    diagram = tmp_path / "run.mmd"
    assert replayed(CLEANED, tmp_path, "--mermaid", diagram).code == 0
    text = diagram.read_text()
    assert text.startswith("sequenceDiagram\n")
    assert "PASSES: all 4 moves were played, every promise held" in text


@pytest.mark.parametrize("option", [("--saga", "pool_respawn_on_promote=1"), ("--unreduced",)])
def test_a_capsule_says_itself_how_far_it_goes(option: tuple[str, ...], tmp_path: Path) -> None:
    """DESIGN 6: an option that says so too is a usage error."""
    ran = replayed(CLEANED, tmp_path, *option)
    assert ran.code == 2
    refusal = f"--replay plays a capsule in its own scope: leave {option[0]} out"
    assert refusal in one_line(ran.err)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not a capsule: Input data was truncated"),
        ('{"format": "saga-capsule-9"}', "its format is 'saga-capsule-9', and only"),
        (
            text_of(capsule(application="AgentMux", scope=Bounds({"lunch": 1}, 1, 2, ()))),
            "the application has no saga 'lunch', it has",
        ),
    ],
)
def test_a_file_that_is_no_capsule_is_one_line(text: str, problem: str, tmp_path: Path) -> None:
    """DESIGN 6: exit code 2, what is wrong and where."""
    file = tmp_path / "odd.json"
    file.write_text(text)
    ran = here("check", "--replay", file)
    assert ran.code == 2
    assert one_line(ran.err).startswith(f"agentmux-launcher: --replay {file}: {problem}")


def test_a_file_that_can_t_be_read_is_one_line(tmp_path: Path) -> None:
    """DESIGN 6: a missing file, and one that is no text."""
    missing, binary = tmp_path / "missing.json", tmp_path / "binary.json"
    binary.write_bytes(b'{"\xff')
    for file, problem in (
        (missing, "No such file or directory"),
        (binary, "byte 3 is not UTF-8"),
    ):
        ran = here("check", "--replay", file)
        assert (ran.code, one_line(ran.err)) == (
            2,
            f"agentmux-launcher: --replay {file}: {problem}",
        )
