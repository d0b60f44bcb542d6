"""Long work that fills the memory ends in time, and what was found is told."""

import resource
import subprocess
from pathlib import Path

import pytest
from tests.shell.cli.terminal import PROGRAM, Ran, here, ordinary

from saga_shell.cli.check import memory

EIGHT = ("--saga", "pool_respawn_on_promote=4", "--saga", "window_cleanup_cascade=4")
KILOBYTES = 170_000
"""Some 15 MB above what the program itself and the margin take."""


def with_little_memory(*arguments: str) -> Ran:
    """Run a command that may address `KILOBYTES`."""
    command = ["sh", "-c", f'ulimit -v {KILOBYTES}; exec "$@"', "sh", *PROGRAM, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, env=ordinary(), check=False)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_a_check_that_fills_the_memory_is_undetermined() -> None:
    """DESIGN 6: exit code 3; the report says that memory cut it, and nothing else is said."""
    ran = with_little_memory("check", *EIGHT)
    assert ran.code == 3
    assert "UNDETERMINED, cut (out of memory): nothing broke so far; " in ran.out
    assert "holds" not in ran.out
    assert all(line.startswith("check: ") for line in ran.err.splitlines())


def test_an_allocation_that_fails_is_a_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: whoever looks too late finds out by that."""

    def failing() -> None:
        raise MemoryError

    monkeypatch.setattr(memory, "look_at_memory", lambda: None)
    monkeypatch.setattr("saga_core.check.search.Search._last_contracts", lambda _: failing())
    ran = here("check", "--saga", "pool_respawn_on_promote=1")
    assert ran.code == 3
    assert "UNDETERMINED, cut (out of memory): nothing broke so far; 43 worlds" in ran.out


@pytest.mark.parametrize(
    ("told", "little"),
    [
        ("MemTotal: 9 kB\nMemAvailable: 32768 kB\nSwapFree: 32767 kB\nHugePages_Total: 0\n", True),
        ("MemAvailable: 32768 kB\nSwapFree: 32768 kB\n", False),
        ("MemAvailable: 65535 kB\n", True),
        ("MemTotal: 9 kB\n", False),
        (None, False),
    ],
)
def test_what_the_machine_has_left_counts(
    told: str | None, little: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`proc(5)`: what is available and the free swap space; a kernel that doesn't tell has all."""
    file = tmp_path / "meminfo"
    if told is not None:
        file.write_text(told)
    monkeypatch.setattr(memory, "_MACHINE", file)
    assert raises_at_a_look() is little


@pytest.mark.parametrize("margin", [0, 1])
def test_what_the_process_may_address_counts(
    margin: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`getrlimit(2)`: RLIMIT_AS is a limit to all that is mapped, which `statm` has in pages."""
    statm = tmp_path / "statm"
    statm.write_text("3 1 1 1 0 1 0\n")
    size = 3 * resource.getpagesize()
    limits = size + memory.MARGIN_BYTES - margin, resource.RLIM_INFINITY
    monkeypatch.setattr(memory, "_MACHINE", tmp_path / "none")
    monkeypatch.setattr(memory, "_OWN", statm)
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    assert raises_at_a_look() is bool(margin)


def raises_at_a_look() -> bool:
    """Whether a look finds that little is left."""
    try:
        memory.look_at_memory()
    except MemoryError:
        return True
    return False


def test_a_clock_says_once_that_little_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was cut reads the clock again, to tell how long it took."""
    monkeypatch.setattr(memory, "MARGIN_BYTES", float("inf"))
    clock = memory.clock_that_looks()
    with pytest.raises(MemoryError):
        clock()
    assert clock() <= clock()
