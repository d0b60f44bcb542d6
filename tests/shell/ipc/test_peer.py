"""Who is at the other end."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from saga_shell.ipc.peer import Credentials, credentials, is_self_or_descendant, parent_of


def test_the_kernel_names_the_peer() -> None:
    """FACTS R-53: process and user come from the kernel, not from what a peer declares."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert credentials(ours) == Credentials(os.getpid(), os.geteuid())


def test_a_process_its_child_and_its_grandchild_are_the_family() -> None:
    """FACTS R-53: a supervised host may have forked; parents and strangers are no family."""
    grandchild = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        last = int(process.stdout.readline())
        assert is_self_or_descendant(process.pid, process.pid)
        assert is_self_or_descendant(last, process.pid)
        assert is_self_or_descendant(last, os.getpid())
        assert not is_self_or_descendant(os.getpid(), process.pid)
        process.communicate("")
    assert not is_self_or_descendant(last, process.pid)


def test_the_name_of_a_program_can_not_fake_its_parent(tmp_path: Path) -> None:
    """FACTS R-53: a name with blanks and parentheses does not shift the field that is read."""
    program = tmp_path / "x) S 1 ("
    program.symlink_to("/bin/cat")
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"running\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"running\n"
        assert b"(x) S 1 ()" in Path(f"/proc/{process.pid}/stat").read_bytes()
        assert parent_of(process.pid) == os.getpid()


@pytest.mark.parametrize("pid", [0, -1, 2**31 - 1])
def test_a_process_that_nobody_knows_has_no_family(pid: int) -> None:
    """FACTS R-53: what can't be traced is a stranger (0 is a peer from another pid namespace)."""
    assert not is_self_or_descendant(pid, os.getpid())


def test_a_circle_of_parents_ends() -> None:
    """FACTS R-53: pids that change hands during the walk can't keep it going for ever."""
    assert not is_self_or_descendant(2, 4, parent={2: 3, 3: 2}.get)
