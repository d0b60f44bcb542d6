"""The files of a counterexample: its capsule, its test, its diagram."""

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


def test_a_file_that_can_t_be_written_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DESIGN 6: exit code 2, which file and why; the report is printed all the same."""
    purge_forgotten(monkeypatch)
    gone = tmp_path / "gone" / "it.json"
    ran = here(*POOL, "--capsule", gone)
    assert ran.code == 2
    assert "VIOLATED: I2;" in ran.out
    assert one_line(ran.err) == f"agentmux-launcher: can't write {gone}: No such file or directory"
