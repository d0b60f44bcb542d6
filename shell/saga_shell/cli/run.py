"""`run`: the launcher itself (DESIGN 6)."""

import asyncio
import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict, Unpack

import click
from msgspec import Struct
from pyrsistent import pmap

from saga_core import SAGA_NAMES, Config
from saga_shell.cli.bound import BoundValue, bounds_help, bounds_of
from saga_shell.cli.held import reporting_once_started
from saga_shell.cli.program import own_version
from saga_shell.cli.refusal import Refusal
from saga_shell.cli.retention import Retention, config_path, configured_retention
from saga_shell.cli.schema import JsonCommand, json_option
from saga_shell.cli.streams import STANDARD_OUTPUT
from saga_shell.cli.values import CommandLine, Days, SagaTimeout, Seconds, SomePath
from saga_shell.launcher.launch import launch
from saga_shell.launcher.options import RETENTION_DAYS, Exit, Options
from saga_shell.launcher.runner import OnLogFailure
from saga_shell.log import Synchronous

logger = logging.getLogger(__name__)

REFERENCE_HOST = (sys.executable, "-P", "-m", "saga_shell.host.main")
"""The host that is supervised unless the user names another (`-P`: the present directory may hold
modules of the same names)."""

OUTPUT_SECONDS = 1.0
"""How long the end waits for a standard output that doesn't take the line."""

SWITCH_SECONDS = 0.001
"""How long a busy loop may keep the interpreter to itself: a commit asks for it between SQLite's
statements, and its sagas wait for that. Python's own 5 ms are longer than such a commit takes."""


class Listening(Struct, frozen=True):
    """The launcher listens at this path."""

    listening: str


class Given(TypedDict):
    """The command line as click hands it over."""

    data_dir: Path
    socket: Path | None
    host_cmd: tuple[str, ...] | None
    no_host: bool
    srv_cmd: tuple[str, ...] | None
    saga_timeout: tuple[tuple[str, float], ...]
    frame_expiry: float
    synchronous: Synchronous
    on_log_failure: OnLogFailure
    retention_days: float | None
    bound: tuple[tuple[str, float], ...]
    as_json: bool


@click.command(cls=JsonCommand, report=Listening)
@click.option("--data-dir", type=SomePath(), required=True, help="Where the saga log is kept.")
@click.option("--socket", type=SomePath(), help="Listen here, not on the default path.")
@click.option(
    "--host-cmd", type=CommandLine(), help="The host to supervise.  [default: agentmux-host]"
)
@click.option("--no-host", is_flag=True, help="Start none: a host may connect from outside.")
@click.option("--srv-cmd", type=CommandLine(), help="An srv to supervise.")
@click.option(
    "--saga-timeout",
    type=SagaTimeout(SAGA_NAMES),
    multiple=True,
    help=f"Override a saga's deadline; repeatable. Names: {', '.join(SAGA_NAMES)}.",
)
@click.option(
    "--frame-expiry",
    type=Seconds(),
    default=Config().frame_expiry_seconds,
    show_default=True,
    help="How long a command may wait for its peer.",
)
@click.option(
    "--synchronous",
    type=click.Choice(["full", "normal"]),
    default="full",
    show_default=True,
    help="What a commit survives: power loss, or a crash of the process only.",
)
@click.option(
    "--on-log-failure",
    type=click.Choice(["continue", "stop"]),
    default="continue",
    show_default=True,
    help="If the saga log can't be written: go on from memory, and say so, or end.",
)
@click.option(
    "--retention-days",
    type=Days(),
    help="How long ended sagas stay in the log.  [default: ~/.agentmux/config.toml, else 7]",
)
@click.option("--bound", type=BoundValue(), multiple=True, help=bounds_help())
@json_option
def run(**given: Unpack[Given]) -> None:
    """Run the launcher until SIGTERM, SIGINT, SIGHUP or the host's clean end.

    SIGHUP, which a terminal sends that is closed, stays ignored under nohup. When it listens, it
    prints `listening on PATH`; logs go to standard error. Exit codes: 0 ended cleanly, 2 usage or
    start-up, 3 the saga log can't be read, 4 the saga log failed and --on-log-failure is stop, 1
    anything else; or the code of a host that was restarted too often.
    """
    if given["no_host"] and given["host_cmd"] is not None:
        raise click.UsageError("--no-host and --host-cmd exclude each other: give one of them")
    retention = _retention(given["retention_days"])
    options, voice = _options(given, retention.days), _Voice(as_json=given["as_json"])
    with reporting_once_started("launcher") as started:
        if retention.warning is not None:
            logger.warning("%s", retention.warning)
        _favour_threads()
        ended = asyncio.run(_launch(options, voice, started))
        voice.finish()
    if ended.line is not None:
        raise Refusal(ended.line, ended.code)
    sys.exit(ended.code)


def _favour_threads() -> None:
    """Let the log's thread in while the loop is busy, and collections pass by what stays anyway."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()


class _Voice:
    """Prints the one line, on a thread: a reader that doesn't read must not stop the loop."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._thread: threading.Thread | None = None

    def say(self, path: Path) -> None:
        """Print where the launcher listens; without a reader it goes on all the same."""
        text = json.dumps({"listening": str(path)}) if self._as_json else f"listening on {path}"
        line = os.fsencode(f"{text}\n")
        self._thread = threading.Thread(target=_write_line, args=(line,), daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Let the line leave, if it was said."""
        if self._thread is not None:
            self._thread.join(OUTPUT_SECONDS)


def _write_line(line: bytes) -> None:
    """Past Python's buffer: one that can't be emptied would hold up the interpreter's end."""
    try:
        os.write(STANDARD_OUTPUT, line)
    except OSError as error:
        logger.warning("nobody was told where we listen: standard output: %s", error.strerror)


async def _launch(options: Options, voice: _Voice, started: Callable[[], None]) -> Exit:
    stop = asyncio.Event()
    for number in _ending_signals():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def announce(path: Path) -> None:
        started()
        voice.say(path)

    return await launch(options, announce, stop)


def _ending_signals() -> Iterator[signal.Signals]:
    """What asks for the end; a hangup that `nohup` has ignored stays so."""
    yield signal.SIGTERM
    yield signal.SIGINT
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        yield signal.SIGHUP


def _options(given: Given, retention_days: float) -> Options:
    host_command = None if given["no_host"] else given["host_cmd"] or REFERENCE_HOST
    return Options(
        data_dir=given["data_dir"],
        version=own_version(),
        socket=given["socket"],
        host_command=host_command,
        srv_command=given["srv_cmd"],
        config=Config(
            frame_expiry_seconds=given["frame_expiry"], timeouts=pmap(dict(given["saga_timeout"]))
        ),
        synchronous=given["synchronous"],
        on_log_failure=given["on_log_failure"],
        retention_days=retention_days,
        bounds=bounds_of(given["bound"]),
    )


def _retention(days: float | None) -> Retention:
    """The option's value, else that of the configuration file; a user without a home has none."""
    if days is not None:
        return Retention(days)
    try:
        return configured_retention(config_path(Path.home()))
    except RuntimeError:
        return Retention(RETENTION_DAYS)
