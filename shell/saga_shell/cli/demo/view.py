"""What a demo looks like: a table that changes in place, or plain lines for a file."""

from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from saga_shell.cli.demo.rows import SagaLine
from saga_shell.cli.demo.verdict import Totals
from saga_shell.cli.streams import writing

STYLES = {"running": "cyan", "completed": "green", "failed": "red", "recovered": "yellow"}
ROWS_SHOWN = 12
REFRESHES_PER_SECOND = 8


def table_of(sagas: Sequence[SagaLine]) -> Table:
    """The last sagas; fits a terminal of 80 columns."""
    table = Table(box=None, padding=(0, 1), expand=True)
    table.add_column("id", justify="right")
    table.add_column("saga", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("step", justify="right")
    table.add_column("age", justify="right", no_wrap=True)
    table.add_column("waits for", no_wrap=True, overflow="ellipsis", ratio=1)
    for saga in sagas[-ROWS_SHOWN:]:
        table.add_row(
            str(saga.saga_id),
            saga.name,
            Text(saga.state, STYLES.get(saga.state, "")),
            str(saga.step),
            f"{saga.seconds:.1f} s",
            Text(saga.waits_for or saga.reason),
        )
    return table


def line_of(saga: SagaLine) -> str:
    """One saga in words."""
    head = f"  saga {saga.saga_id} {saga.name}: {saga.state}"
    if saga.waits_for:
        return f"{head}, step {saga.step} waits for {saga.waits_for}"
    return f"{head} after {saga.seconds:.1f} s{': ' if saga.reason else ''}{saga.reason}"


def totals_line(totals: Totals) -> str:
    """The one line that sums a demo up."""
    return (
        f"{totals.started} sagas started = {totals.completed} completed + {totals.failed} failed"
        f" + {totals.recovered} recovered; "
        f"{totals.panes_started} panes started = {totals.panes_gone} gone"
    )


class View:
    """Shows scenes and sagas. `quiet`: shows nothing, because a program reads the output."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._scene = ""
        self._sagas: Sequence[SagaLine] = ()
        self._live: Live | None = None

    def __enter__(self) -> "View":
        if self._console.is_terminal and not self._quiet:
            self._live = Live(
                self._picture(), console=self._console, refresh_per_second=REFRESHES_PER_SECOND
            )
            self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def scene(self, text: str) -> None:
        """What happens next."""
        self._scene = text
        self._say(Text(text, style="bold"))
        self._redraw()

    def sagas(self, sagas: Sequence[SagaLine]) -> None:
        """How the sagas stand now."""
        known = {saga.saga_id: (saga.state, saga.step) for saga in self._sagas}
        news = [saga for saga in sagas if known.get(saga.saga_id) != (saga.state, saga.step)]
        self._sagas = sagas
        if self._live is None:
            for saga in news:
                self._say(Text(line_of(saga)))
        self._redraw()

    def _say(self, text: Text) -> None:
        if not self._quiet:
            with writing():
                self._console.print(text, soft_wrap=self._live is None)

    def _redraw(self) -> None:
        if self._live is not None:
            self._live.update(self._picture())

    def _picture(self) -> Group:
        return Group(table_of(self._sagas), Text(""))
