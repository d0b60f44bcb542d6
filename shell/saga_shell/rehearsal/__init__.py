"""The real shell on a virtual clock: a run of the checker, played by the code of production.

    from saga_core.engine import Config
    from saga_shell.rehearsal import rehearse

    rehearse(application, play, directory, config=Config(), *, hurried=False, judged=True)
        -> Success[Rehearsal] | Failure[str]

`play` is a `Sequence[saga_core.check.Played]` in plain names: saga ids as the reducer gives
them out from 1 on (across restarts too), connections by the numbers that their events say. Where
the checker calls a stay in a buffer `view.CURRENT_STAY`, the present stay of that saga is meant.
`directory` is an empty one, for the SQLite file; it is left there. `config` carries the bounds that
the play was found with, such as `Config(buffer_cap=scope.buffer_cap)`. A `Failure` is one line: the
shell runs AgentMux, so the run of another application is for the reducer alone to replay.

`Rehearsal.divergence` is None, or the move at which the shell did something else than the pure
reducer says; `Rehearsal.broken` is None, or the move that broke a promise, and which. `bus`,
`heard` and `rows` are what was told, to whom, and what the file says afterwards. The shell is held
to this: it steps the events of the play, in its order, each in the state that the last one led to;
any others change nothing; it does every effect, in order, for nobody else, not before the rows of
its step are durable; a timer comes when it is due; what a start reads, and the file in the end, is
what was written. A shell that ends by itself or waits for ever differs, too.

The same play is performed in the same way each time. `PlayedShell` performs one move at a time, on
a `VirtualTimeLoop`: `open`, `play`, `close`, then `outcome`.

What is real: the runner with its group commit and its retries, the interpreter, the bus with its
ring, the timers, the codec, the saga log with its recovery. What is played: sockets (lines in
memory), the clock (it jumps to what the play reaches; other timers come late, which a timer may),
the log's thread (its work is done on the loop, a turn later), the disk's failures, and the
process's death. A step's rows are one transaction, so a process that dies after at least one effect
of a step has left all of that step's rows, also where the play knew of a process that had left only
some; then the next run starts from what the file says.
"""

from saga_shell.rehearsal.clock import StuckError, VirtualTimeLoop, run_virtually
from saga_shell.rehearsal.outcome import Broken, Divergence, Rehearsal, SavedSaga
from saga_shell.rehearsal.rehearse import rehearse, unplayable
from saga_shell.rehearsal.shell import PlayedShell

__all__ = [
    "Broken",
    "Divergence",
    "PlayedShell",
    "Rehearsal",
    "SavedSaga",
    "StuckError",
    "VirtualTimeLoop",
    "rehearse",
    "run_virtually",
    "unplayable",
]
