"""`agentmux-launcher demo`: play the script, then judge what happened from the outside."""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from saga_shell.cli.demo.rows import read_sagas
from saga_shell.cli.demo.script import Script
from saga_shell.cli.demo.stage import GivenUp, Stage
from saga_shell.cli.demo.verdict import Totals, judge
from saga_shell.cli.demo.view import View, totals_line
from saga_shell.cli.program import own_version
from saga_shell.cli.refusal import EXIT_FAILED, Refusal
from saga_shell.cli.schema import JsonCommand, json_line, json_option


@click.command(cls=JsonCommand, report=Totals)
@json_option
def demo(as_json: bool) -> int:
    """Watch sagas run, fail and recover, on real processes, in a temporary directory.

    Ends with what recovery did, `diag sagas`, and one line of totals. Exit code 1: a promise was
    broken, or something did not happen in time.
    """
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="agentmux-demo-") as directory:
        try:
            totals = asyncio.run(_play(Path(directory), View(console, quiet=as_json)))
        except GivenUp as stuck:
            raise Refusal(f"the demo is stuck: {stuck}") from None
        if as_json:
            click.echo(json_line(totals))
        else:
            _show_end(console, Path(directory) / "data", totals)
    return EXIT_FAILED if totals.broken else 0


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


def _show_end(console: Console, data_dir: Path, totals: Totals) -> None:
    console.print(f"Recovery: {totals.recovered} saga(s) of the killed launcher were settled.")
    diag = [sys.executable, "-m", "saga_shell", "diag", "sagas", "--data-dir", str(data_dir)]
    told = subprocess.run(diag, capture_output=True, text=True, check=False)
    click.echo(f"\n$ agentmux-launcher diag sagas\n{told.stdout}{told.stderr}")
    for sentence in totals.broken:
        click.echo(f"broken: {sentence}")
    click.echo(totals_line(totals))
