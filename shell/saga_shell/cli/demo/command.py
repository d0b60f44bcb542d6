"""`agentmux-launcher demo`: play the script, then judge what happened from the outside."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from saga_shell.cli.demo.rows import read_sagas
from saga_shell.cli.demo.script import Script
from saga_shell.cli.demo.stage import SAGA_SHELL, GivenUp, Stage, socket_in
from saga_shell.cli.demo.verdict import Totals, judge
from saga_shell.cli.demo.view import View, totals_line
from saga_shell.cli.program import own_version
from saga_shell.cli.refusal import EXIT_FAILED, EXIT_USAGE, Refusal
from saga_shell.cli.schema import JsonCommand, json_line, json_option
from saga_shell.cli.streams import show
from saga_shell.ipc.endpoint import PATH_BYTES


@click.command(cls=JsonCommand, report=Totals)
@json_option
def demo(as_json: bool) -> int:
    """Watch sagas run, fail and recover, on real processes, in a temporary directory.

    Ends with what recovery did, `diag sagas`, and one line of totals. Exit codes: 0 every promise
    was kept, 1 one was broken, or something did not happen in time, 2 usage or start-up.
    """
    console = Console(highlight=False)
    with _directory() as directory:
        try:
            totals = asyncio.run(_play(directory, View(console, quiet=as_json)))
        except GivenUp as stuck:
            raise Refusal(f"the demo is stuck: {stuck}") from None
        if as_json:
            show(json_line(totals))
        else:
            _show_end(directory / "data", totals)
    return EXIT_FAILED if totals.broken else 0


@contextmanager
def _directory() -> Iterator[Path]:
    """A temporary directory with room for a socket's path, which holds few bytes."""
    try:
        made = tempfile.TemporaryDirectory(prefix="agentmux-demo-")
    except OSError as error:
        problem = f"no temporary directory: {error.strerror}: set TMPDIR to one that takes files"
        raise Refusal(f"demo: {problem}", EXIT_USAGE) from None
    with made as name:
        size = len(os.fsencode(socket_in(Path(name))))
        if size > PATH_BYTES:
            problem = f"a socket's path in {name} has {size} bytes, {PATH_BYTES} is the limit"
            raise Refusal(f"demo: {problem}: set TMPDIR to a shorter path", EXIT_USAGE)
        yield Path(name)


async def _play(directory: Path, view: View) -> Totals:
    stage = Stage(directory)
    script = Script(stage, view, own_version())
    try:
        with view:
            code = await script.play()
        sagas = read_sagas(stage.data_dir)
        runs = [run.heard for run in script.runs]
        totals = judge(runs, sagas, stage.panes_started(), stage.panes_alive())
    finally:
        await stage.close()
    if code != 0:
        raise GivenUp(f"the launcher ended with code {code}: {stage.last_words()}")
    return totals


def _show_end(data_dir: Path, totals: Totals) -> None:
    show(f"Recovery: {totals.recovered} saga(s) of the killed launcher were settled.")
    diag = [*SAGA_SHELL, "diag", "sagas", "--data-dir", str(data_dir)]
    told = subprocess.run(diag, capture_output=True, text=True, check=False)
    show(f"\n$ agentmux-launcher diag sagas\n{told.stdout}{told.stderr}")
    for sentence in totals.broken:
        show(f"broken: {sentence}")
    show(totals_line(totals))
