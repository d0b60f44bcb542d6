"""The files of a counterexample: its capsule, its test, its diagram."""

import os
import runpy
from pathlib import Path

import pytest
from tests.core.check.link_mutants import purge_forgotten
from tests.shell.cli.terminal import here, one_line

POOL = ("check", "--saga", "pool_respawn_on_promote=1")


def only_test(file: Path) -> None:
    """Run the one test that a file holds."""
    (test,) = (value for name, value in runpy.run_path(str(file)).items() if name[:5] == "test_")
    test()


def test_a_counterexample_becomes_a_test_that_its_fix_mends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DESIGN 4: it fails while the fault is there and passes after; so does the capsule."""
    test, capsule, diagram = (tmp_path / name for name in ("test_it.py", "it.json", "it.mmd"))
    purge_forgotten(monkeypatch)
    ran = here(*POOL, "--pytest", test, "--capsule", capsule, "--mermaid", diagram)
    assert ran.code == 1
    assert diagram.read_text().startswith("sequenceDiagram\n")
    assert test.read_text().startswith('"""I2: ended sagas wait for host: (1,).\n')
    with pytest.raises(AssertionError, match="move 2: ended sagas wait for host"):
        only_test(test)
    assert here("check", "--replay", capsule).code == 1
    monkeypatch.undo()
    only_test(test)
    assert here("check", "--replay", capsule).code == 0


def test_the_test_of_another_application_imports_that(tmp_path: Path) -> None:
    """DESIGN 6: the file stands for itself: it names the module and the scenario."""
    test = tmp_path / "test_deaf.py"
    deaf = "tests.core.check.shop:DEAF"
    ran = here("check", "--application", deaf, "--fault", "deadline", "--pytest", test)
    assert ran.code == 1
    assert "\nfrom tests.core.check.shop import DEAF as SCENARIO\n" in test.read_text()
    with pytest.raises(AssertionError, match="move "):
        only_test(test)


def test_where_nothing_broke_no_file_is_written(tmp_path: Path) -> None:
    """DESIGN 6: that is said, on standard error."""
    capsule = tmp_path / "it.json"
    ran = here(*POOL, "--fault", "deadline", "--capsule", capsule)
    assert ran.code == 0
    assert "no counterexample was found, so no file was written" in ran.err
    assert not capsule.exists()


@pytest.mark.parametrize("option", ["--capsule", "--pytest", "--mermaid"])
@pytest.mark.parametrize("command", ["check", "simulate"])
def test_a_file_that_can_t_be_written_is_told_before_the_search(
    tmp_path: Path, command: str, option: str
) -> None:
    """DESIGN 6: a usage error: exit code 2, which file and why, and nothing was searched."""
    regular = tmp_path / "regular"
    regular.touch()
    for file, problem in (
        (tmp_path / "gone" / "it", "No such file or directory"),
        (regular / "it", "Not a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        ran = here(command, option, file)
        assert (ran.code, ran.out) == (2, "")
        assert one_line(ran.err) == f"agentmux-launcher: can't write {file}: {problem}"


def test_a_file_that_may_not_be_written_is_told_before_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: so is one that there is, but with permissions for others only."""
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    theirs = tmp_path / "theirs"
    theirs.touch()
    ran = here("check", "--capsule", theirs)
    assert (ran.code, ran.out) == (2, "")
    assert f"Invalid value for '--capsule': File '{theirs}' is not writable" in one_line(ran.err)


def test_a_write_that_fails_costs_neither_verdict_nor_other_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DESIGN 6: which file and why; the others are written, and the exit code is the verdict's."""
    purge_forgotten(monkeypatch)
    test, capsule = tmp_path / "test_it.py", tmp_path / "it.json"
    ran = here(*POOL, "--capsule", "/dev/full", "--pytest", test, "--mermaid", "/dev/full")
    assert (ran.code, "VIOLATED: I2;" in ran.out) == (1, True)
    assert ran.err == "agentmux-launcher: can't write /dev/full: No space left on device\n" * 2
    with pytest.raises(AssertionError, match="move 2: ended sagas wait for host"):
        only_test(test)
    here(*POOL, "--capsule", capsule)
    ran = here("check", "--replay", capsule, "--mermaid", "/dev/full")
    assert (ran.code, "STILL BROKEN" in ran.out) == (1, True)
    assert one_line(ran.err) == "agentmux-launcher: can't write /dev/full: No space left on device"
    ran = here("check", "--replay", capsule, "--mermaid", tmp_path / "gone" / "it")
    assert (ran.code, ran.out) == (2, "")
    assert "can't write" in one_line(ran.err)
