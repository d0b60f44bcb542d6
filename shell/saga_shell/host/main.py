"""The command `agentmux-host`."""

import asyncio
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import NoReturn, TypedDict, TypeVar, Unpack

import click
from returns.result import Failure, Success

from saga_shell.host import faults, scenario
from saga_shell.host.accounts import Counters, Journal, append_stats, open_journal
from saga_shell.host.console import Console
from saga_shell.host.guard import Guard, start_guard
from saga_shell.host.host import DISTRIBUTION, End, Host, HostOptions
from saga_shell.host.inputs import open_named_pipe, open_standard_input
from saga_shell.host.link import connect
from saga_shell.host.panes import Panes
from saga_shell.host.usage import OneLineErrors, Seconds, UsageFault

SOCKET_VARIABLE = "AGENTMUX_LAUNCHER_PIPE"
FAULTS_VARIABLE = "AGENTMUX_HOST_FAULTS"
JOURNAL_VARIABLE = "AGENTMUX_HOST_JOURNAL"
CONTROL_VARIABLE = "AGENTMUX_HOST_CONTROL"

_PATH = click.Path(path_type=Path)
_EPILOG = f"""\b
Actions:
{scenario.GRAMMAR}
\b
Faults:
{faults.GRAMMAR}
"""

A = TypeVar("A")


class Given(TypedDict):
    """The command line as click hands it over."""

    socket: str | None
    shell: str
    pool: int
    no_main: bool
    background: bool
    scenario_file: Path | None
    action: tuple[str, ...]
    read_stdin: bool
    control: Path | None
    fault: tuple[str, ...]
    pane_journal: Path | None
    stats: Path | None
    grace: float
    linger: float
    promote_wait: float
    disable_gpu: bool


@click.command(cls=OneLineErrors, epilog=_EPILOG)
@click.option("--socket", envvar=SOCKET_VARIABLE, show_envvar=True, help="The launcher's socket.")
@click.option("--shell", default="/bin/sh", show_default=True, help="What runs in a pane.")
@click.option(
    "--pool",
    default=1,
    show_default=True,
    type=click.IntRange(min=0),
    help="How many pool windows to warm up at the start.",
)
@click.option("--no-main", is_flag=True, help="Open no window `main` at the start.")
@click.option("--background", is_flag=True, help="Live on without windows, also when told to quit.")
@click.option("--scenario", "scenario_file", type=_PATH, help="A file of actions to play.")
@click.option("--action", multiple=True, help="Actions to play after the scenario; repeatable.")
@click.option("--stdin", "read_stdin", is_flag=True, help="Play actions from standard input too.")
@click.option(
    "--control",
    type=_PATH,
    envvar=CONTROL_VARIABLE,
    show_envvar=True,
    help="A named pipe to play actions from too; a restarted host goes on reading it.",
)
@click.option(
    "--fault", multiple=True, help=f"A fault to set; repeatable. Also ${FAULTS_VARIABLE}, by `;`."
)
@click.option(
    "--pane-journal",
    type=_PATH,
    envvar=JOURNAL_VARIABLE,
    show_envvar=True,
    help="A file that gets a JSON line whenever a pane starts and when it is gone.",
)
@click.option("--stats", type=_PATH, help="A file that gets a JSON line of totals at the end.")
@click.option(
    "--grace",
    type=Seconds(),
    default=0.5,
    show_default=True,
    help="Seconds between SIGHUP and SIGKILL when a pane ends.",
)
@click.option(
    "--linger",
    type=Seconds(),
    default=5.0,
    show_default=True,
    help="Seconds that the host waits for open sagas when it was told to quit.",
)
@click.option(
    "--promote-wait",
    type=Seconds(),
    default=5.0,
    show_default=True,
    help="Seconds that `promote` waits for a pool window.",
)
@click.option("--disable-gpu", is_flag=True, help="Degraded mode: nothing to give up here.")
@click.version_option(package_name=DISTRIBUTION)
def main(**given: Unpack[Given]) -> NoReturn:
    """Run the reference host: real windows' panes, each a shell on a pseudo-terminal.

    It connects to the launcher, warms up its pool, opens the window `main`, carries out what the
    launcher's sagas ask, and plays the user's actions. Exit code 0: it was told to end, or to
    quit. 1: the launcher is gone, or no window could be opened. 2: usage, or no launcher.
    """
    if sys.platform != "linux":
        raise UsageFault("agentmux-host needs Linux: it watches panes through pidfds")
    if given["socket"] is None:
        raise UsageFault(f"no socket; give --socket PATH or set {SOCKET_VARIABLE}")
    options = _options(given)
    console, counters = Console(), Counters()
    if given["disable_gpu"]:
        console.say("degraded mode: this host has nothing to give up")
    journal = Journal(_journal_file(given["pane_journal"]), counters, console.say)
    guard = start_guard(console.say, options.grace)
    panes = Panes(options.shell, options.grace, journal, guard)
    end = asyncio.run(_live(given["socket"], guard, options, panes, counters, console))
    if given["stats"] is not None:
        trouble = append_stats(given["stats"], counters, end.code, console.lines_lost)
        console.say(trouble or f"totals added to {given['stats']}")
    sys.exit(end.code)


async def _live(
    socket: str,
    guard: Guard,
    options: HostOptions,
    panes: Panes,
    counters: Counters,
    console: Console,
) -> End:
    link = _or_fault(await connect(socket, console.say))
    if link.launcher_pid:
        guard.launched_by(link.launcher_pid)
    return await Host(options, link, panes, counters, console).run()


def _options(given: Given) -> HostOptions:
    return HostOptions(
        shell=_shell(given["shell"]),
        pool=given["pool"],
        main_window=not given["no_main"],
        background=given["background"],
        grace=given["grace"],
        linger=given["linger"],
        patience=given["promote_wait"],
        faults=_faults(given["fault"]),
        scenario=_scenario(given["scenario_file"], given["action"]),
        inputs=_inputs(read_stdin=given["read_stdin"], control=given["control"]),
    )


def _journal_file(path: Path | None) -> int | None:
    return None if path is None else _or_fault(open_journal(path))


def _shell(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UsageFault(f"--shell {command!r}: {error}") from None
    if not words or shutil.which(words[0]) is None:
        raise UsageFault(f"--shell {command!r}: there is no such program")
    return words


def _faults(specs: tuple[str, ...]) -> tuple[faults.Fault, ...]:
    texts = (*specs, os.environ.get(FAULTS_VARIABLE, ""))
    return tuple(fault for text in texts for fault in _or_fault(faults.parse_faults(text)))


def _scenario(file: Path | None, actions: tuple[str, ...]) -> tuple[scenario.UserAction, ...]:
    texts = [] if file is None else [(_text_of(file), str(file))]
    texts += [(action, "--action") for action in actions]
    return tuple(
        action for text, name in texts for action in _or_fault(scenario.parse_text(text, name))
    )


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageFault(f"cannot read the scenario {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageFault(f"the scenario {file} is not UTF-8 text") from None


def _inputs(*, read_stdin: bool, control: Path | None) -> tuple[tuple[str, int], ...]:
    inputs = [("standard input", open_standard_input())] if read_stdin else []
    if control is not None:
        inputs.append((str(control), _or_fault(open_named_pipe(control))))
    return tuple(inputs)


def _or_fault(result: Success[A] | Failure[str]) -> A:
    match result:
        case Success(value):
            return value
        case Failure(reason):
            raise UsageFault(reason)


if __name__ == "__main__":
    main()
