"""What came of a rehearsal, as values."""

from msgspec import Struct

from saga_core.engine import BusEvent, Command
from saga_shell.log import SagaRow, StepRow


class Divergence(Struct, frozen=True):
    """The shell did something else than the pure reducer says.

    `move` is the place of the move in the play, from 0; -1, if the first process didn't start well.
    `kind` is that move's. `sentence` says what the shell did, and what it should have done.
    """

    move: int
    kind: str
    sentence: str


class Broken(Struct, frozen=True):
    """A step of the shell broke a promise: `promise` as in `saga_core.check`, from a `move` on."""

    move: int
    kind: str
    promise: str
    sentence: str


class SavedSaga(Struct, frozen=True):
    """One saga as the file says, with its steps."""

    saga: SagaRow
    steps: tuple[StepRow, ...]


class Rehearsal(Struct, frozen=True):
    """A play that was performed, up to its end or to what went wrong first.

    `moves` and `events` count what was played and stepped, `ignored` those events that came from
    the shell alone and changed nothing. `processes` are those that it took, `batches` the
    groups of events that were committed together, `seconds` the virtual time. `heard` is what each
    connection got; connections count on over all lives. `rows` are what the file says in the end,
    ids ascending.
    """

    moves: int
    events: int
    ignored: int
    processes: int
    batches: int
    seconds: float
    bus: tuple[BusEvent, ...]
    heard: dict[int, tuple[Command | BusEvent, ...]]
    rows: tuple[SavedSaga, ...]
    broken: Broken | None = None
    divergence: Divergence | None = None
