"""The processes of a measurement: the real launcher, the scripted host, and their stand-ins.

Each is in a session of its own, so Ctrl-C reaches the bench alone, which then ends them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from saga_shell.bench.failure import BenchFailed
from saga_shell.bench.figures import Timing
from saga_shell.log import Synchronous

END_SECONDS = 30.0
"""How long a process may take to end when it is asked to."""

HOST_SECONDS = 600.0
"""How long a scripted host may take; it gives up much earlier when nothing happens at all."""

LOOK_SECONDS = 0.2
"""How often a process that is waited for is looked at."""


@contextmanager
def launcher(
    data_dir: Path, socket: Path, synchronous: Synchronous = "full", *further: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher, as users run it, without a host of its own; it listens at `socket`."""
    options = ("--data-dir", data_dir, "--socket", socket, "--synchronous", synchronous)
    with serving("saga_shell", "run", "--no-host", *options, *further) as process:
        yield process


@contextmanager
def serving(module: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that says when it listens, and ends when it is told to."""
    with (
        TemporaryFile() as stderr,
        subprocess.Popen(
            _command(module, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            if not process.stdout.readline().startswith(b"listening"):
                stderr.seek(0)
                raise BenchFailed(f"{module} did not start: {_last_line(stderr.read())}")
            yield process
        finally:
            _end(process)


def play_host(socket: Path, sagas: int, in_flight: int) -> Timing:
    """Let a scripted host drive so many sagas through the launcher at `socket`."""
    arguments = ("saga_shell.bench.scripted_host", socket, sagas, in_flight)
    return msgspec.json.decode(outcome_of("the scripted host", *arguments), type=Timing)


def outcome_of(
    name: str, module: str, *arguments: object, look: Callable[[], None] = lambda: None
) -> bytes:
    """Run a process to its end and return what it says; `look` is called every now and then."""
    with subprocess.Popen(
        _command(module, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            said, complained = _communicate(process, look)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"{name} took over {HOST_SECONDS:g} s") from None
        finally:
            process.kill()
    if process.returncode != 0:
        raise BenchFailed(f"{name} gave up: {_last_line(complained)}")
    return said


def _communicate(process: subprocess.Popen[bytes], look: Callable[[], None]) -> tuple[bytes, bytes]:
    give_up = time.monotonic() + HOST_SECONDS
    while True:
        look()
        try:
            return process.communicate(timeout=LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() > give_up:
                raise


def resident_bytes(pid: int) -> int:
    """The memory that a process holds now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    """The descriptors that a process holds now."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 -- procfs, names only


def _command(module: str, *arguments: object) -> list[str]:
    """`-P`: the present directory may hold modules of the same names."""
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
