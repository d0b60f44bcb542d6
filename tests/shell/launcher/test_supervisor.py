"""The supervisor's rules on real processes (FACTS 1.4)."""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest
from returns.result import Failure, Success
from tests.shell.launcher.children import FOR_EVER, appears, run
from tests.shell.launcher.parts import polled
from tests.shell.launcher.supervisions import end_of, shell, supervised

from saga_shell.launcher import supervisor as module
from saga_shell.launcher.supervisor import (
    Budget,
    Child,
    Ended,
    Supervisor,
    check_program,
    exit_code,
    is_clean,
)


@pytest.mark.parametrize("end", ["exit 0", "kill -INT $$", "kill -TERM $$", "kill -HUP $$"])
def test_a_clean_end_is_not_followed_by_a_restart(end: str) -> None:
    """FACTS 1.4: exit 0, SIGINT, SIGTERM and SIGHUP are clean."""

    async def main() -> None:
        supervisor = Supervisor(shell(end))
        ended = await end_of(supervisor)
        assert (ended.clean, supervisor.restarts, supervisor.pid) == (True, 0, None)

    run(main())


@pytest.mark.parametrize(("end", "code"), [("exit 7", 7), ("kill -KILL $$", 137)])
def test_the_fourth_abnormal_end_gives_up_with_its_code(
    end: str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS 1.4: three restarts in 60 s; the next abnormal end inside gives up with its code."""

    async def main() -> None:
        supervisor = Supervisor(shell(end))
        ended = await end_of(supervisor)
        assert ended == Ended(
            code, clean=False, reason=f"the host ended with code {code} too often: see its output"
        )
        assert supervisor.restarts == 3

    with caplog.at_level(logging.WARNING):
        run(main())
    assert caplog.messages.count(f"the host ended with code {code}") == 4


def test_the_same_abnormal_code_twice_restarts_it_degraded(tmp_path: Path) -> None:
    """FACTS 1.4: `--disable-gpu` after the same code twice in a row; not after another code."""
    (tmp_path / "codes").write_text("3\n3\n5\n5\n")
    script = (
        f'cd {tmp_path}; echo "$*" >> arguments; code=$(sed -n 1p codes); '
        "sed -i 1d codes; exit $code"
    )

    async def main() -> None:
        supervisor = Supervisor(shell(script, "--disable-gpu"))
        assert (await end_of(supervisor)).code == 5

    run(main())
    assert (tmp_path / "arguments").read_text().splitlines() == ["", "", "--disable-gpu", ""]


def test_a_program_without_a_degraded_mode_is_just_restarted(tmp_path: Path) -> None:
    """FACTS 1.4: srv has no degraded mode."""
    script = f'echo "$*." >> {tmp_path}/arguments; exit 3'

    async def main() -> None:
        await end_of(Supervisor(shell(script)))

    run(main())
    assert (tmp_path / "arguments").read_text().splitlines() == ["."] * 4


def test_the_budget_is_a_window_that_moves() -> None:
    """FACTS 1.4: what is 60 s old no longer counts, to the second."""
    budget = Budget()
    assert [budget.allows_restart(at) for at in (0, 10, 20)] == [True] * 3
    assert not budget.allows_restart(59.9)
    budget = Budget()
    assert [budget.allows_restart(at) for at in (0, 10, 20, 60, 70, 80)] == [True] * 6
    assert not budget.allows_restart(119.9)
    assert not Budget(restarts=0).allows_restart(0)


def test_codes_are_told_as_a_shell_does() -> None:
    """DESIGN 7: the launcher ends with the host's code: 128 + n for a signal."""
    codes = (0, 7, -signal.SIGKILL, -signal.SIGTERM)
    assert [exit_code(code) for code in codes] == [0, 7, 137, 143]
    assert [is_clean(code) for code in codes] == [True, False, False, True]
    assert not is_clean(signal.SIGTERM)


@pytest.mark.parametrize(
    ("program", "problem"),
    [("/no/such/program", "No such file or directory"), ("/etc/passwd", "Permission denied")],
)
def test_a_program_that_can_not_be_started_is_one_line(program: str, problem: str) -> None:
    """DESIGN 6: what, where and what to do; at the first start and before it."""
    child = Child("srv", (program, "--flag"), os.environ)

    async def main() -> None:
        started = await Supervisor(child).start()
        assert started == Failure(f"can't start the srv {program}: {problem}: see --srv-cmd")

    run(main())
    checked = check_program(child)
    assert checked == Failure(f"can't start the srv {program}: no such program: see --srv-cmd")


def test_programs_are_looked_for_as_the_system_does() -> None:
    """A name without a slash is looked up in the child's PATH."""
    assert check_program(Child("host", ("sh",), {"PATH": "/usr/bin:/bin"})) == Success(None)
    assert isinstance(check_program(Child("host", ("sh",), {"PATH": "/"})), Failure)


def test_a_program_that_is_gone_at_the_restart_gives_up_with_the_last_code(tmp_path: Path) -> None:
    """FACTS 1.4: the supervision ends, and says why; it neither hangs nor spins."""
    program = tmp_path / "host"
    program.write_text("#!/bin/sh\nrm $0\nexit 9\n")
    program.chmod(0o755)

    async def main() -> None:
        ended = await end_of(Supervisor(Child("host", (str(program),), os.environ)))
        assert ended == Ended(
            9,
            clean=False,
            reason=f"can't start the host {program}: No such file or directory: see --host-cmd",
        )

    run(main())


def test_a_child_inherits_no_file_of_ours(tmp_path: Path) -> None:
    """R-53: neither sockets nor files of the launcher, not even inheritable ones, reach a child."""
    ours = socket.socket()
    ours.set_inheritable(True)
    script = f"ls /proc/self/fd | xargs > {tmp_path}/files"

    async def main() -> None:
        await end_of(Supervisor(shell(script)))

    run(main())
    inherited = {int(number) for number in (tmp_path / "files").read_text().split()}
    assert ours.fileno() not in inherited
    assert inherited <= {0, 1, 2, 3}
    ours.close()


def test_a_child_has_our_standard_error_for_its_output_and_no_input(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """DESIGN 6: standard output is for the one line that was asked for."""
    script = f'read line; echo "$? $line." > {tmp_path}/read; echo out; echo err >&2'

    async def main() -> None:
        await end_of(Supervisor(shell(script)))

    run(main())
    assert (tmp_path / "read").read_text() == "1 .\n"
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "out\nerr\n")


def test_a_signal_from_the_terminal_reaches_the_launcher_alone(tmp_path: Path) -> None:
    """FACTS 1.4: Ctrl-C must not end the host before its sagas: it isn't of our process group."""

    async def main() -> None:
        supervisor = Supervisor(shell(f"echo up > {tmp_path}/up; {FOR_EVER}"))
        async with supervised(supervisor):
            assert supervisor.pid is not None
            assert os.getpgid(supervisor.pid) == supervisor.pid != os.getpgrp()
            await appears(tmp_path / "up")

    run(main())


def test_it_owns_its_child_and_the_children_of_that(tmp_path: Path) -> None:
    """FACTS R-53: a wrapper's program is the child too; we, others and the dead are not."""
    script = f"sleep 1000 & echo $! > {tmp_path}/helper; wait"

    async def main() -> None:
        supervisor = Supervisor(shell(script))
        async with supervised(supervisor):
            pid, helper = supervisor.pid, int(await appears(tmp_path / "helper"))
            assert pid is not None
            asked = [pid, helper, os.getpid(), 1, 0]
            owned = [await asyncio.to_thread(supervisor.owns, each) for each in asked]
            assert owned == [True, True, False, False, False]
        assert not await asyncio.to_thread(supervisor.owns, pid)

    run(main())


def test_a_child_that_connects_before_its_pid_is_known_is_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FACTS R-53: who asks while a child is being started waits, and then gets the right answer."""
    real = module._run_program
    asked = threading.Event()
    answers: list[bool] = []

    async def slowly(child: Child, arguments: tuple[str, ...]) -> asyncio.subprocess.Process:
        process = await real(child, arguments)
        asking = threading.Thread(target=ask, args=(process.pid,))
        asking.start()
        await asyncio.to_thread(asked.wait)
        await asyncio.sleep(0.01)
        assert answers == []
        return process

    supervisor = Supervisor(shell(FOR_EVER))

    def ask(pid: int) -> None:
        asked.set()
        answers.append(supervisor.owns(pid))

    monkeypatch.setattr(module, "_run_program", slowly)

    async def main() -> None:
        async with supervised(supervisor):
            await polled(lambda: answers != [])

    run(main())
    assert answers == [True]


def test_the_environment_is_the_child_s_own() -> None:
    """FACTS 1.5: the child sees what it was given, and nothing else of ours."""
    code = "import os, sys; sys.exit(int(os.environ['CODE']) + ('HOME' in os.environ))"
    child = Child("host", (sys.executable, "-c", code), {"CODE": "41"})

    async def main() -> None:
        ended = await end_of(Supervisor(child, Budget(restarts=0)))
        assert ended.code == 41

    run(main())
