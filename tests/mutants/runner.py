"""One mutant after the other, each in a process of its own, on as many cores as one likes.

A process is a copy of this one, made after the original's tables are there. What a mutant does to
it, be it that it never ends or takes all memory, is over with the process.
"""

import resource
import signal
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import NamedTuple

import msgspec
from msgspec.structs import replace
from tests.mutants.generator import Mutant
from tests.mutants.live import live
from tests.mutants.luck import hypothesis, simulation
from tests.mutants.methods import (
    ALONE,
    LIVELY,
    Method,
    alone,
    contracts,
    first,
    liveness,
    outcome,
    search,
)
from tests.mutants.original import Original, differences, tabled
from tests.mutants.outcomes import Life, Outcome
from tests.mutants.worlds import NARROW, WIDE

from saga_core.check import DEAD_ANSWERS, NAMES, NO_LESS

EXHAUSTIVE = ("contracts", "search", "liveness")
METHODS = (*EXHAUSTIVE, "simulation", "hypothesis")
_SECONDS = 30
"""CPU time for one method and one mutant. Few take a tenth of that."""

_BYTES = 3 << 30

DIED = "the process died"
"""What is said of a mutant that took its process along: whatever ended that, it was no promise."""


_RENAMED = frozenset({DEAD_ANSWERS, NAMES, NO_LESS})
"""In wide worlds sagas go by rank; what else may be merged stays apart."""


class TimeUpError(BaseException):
    """A method runs for too long."""


class Task(NamedTuple):
    """A mutant, and the methods that it is to be met with."""

    mutant: Mutant
    methods: tuple[str, ...] = METHODS


class Originals(NamedTuple):
    """The original's tables of all worlds."""

    narrow: tuple[Original, ...]
    wide: tuple[Original, ...]

    @property
    def all(self) -> tuple[Original, ...]:
        """Those of narrow worlds first."""
        return self.narrow + self.wide


def tables() -> Originals:
    """Go through all worlds with the reducer as it is: in narrow ones nothing is merged."""
    narrow = tuple(tabled(world, frozenset()) for world in NARROW)
    return Originals(narrow, tuple(tabled(world, _RENAMED) for world in WIDE))


def life_of(mutant: Mutant, originals: Originals, methods: Iterable[str] = METHODS) -> Life:
    """What these methods say, one after the other, in this process.

    Wide worlds are for those that nothing kills in the narrow ones.
    """
    life = Life(mutant.name, mutant.operator, mutant.fingerprint)
    found = chain.from_iterable(map(differences, originals.all))
    asked: dict[str, Method] = {
        "contracts": lambda: contracts(chain(newest, found)),
        "search": lambda: first(map(search, originals.narrow)),
        "liveness": lambda: first(chain(map(liveness, LIVELY), map(alone, ALONE))),
        "simulation": simulation,
        "hypothesis": hypothesis,
    }
    with live(mutant):
        newest = list(islice(found, 1))
        if not newest:
            return life
        differs = f"{type(newest[0].entry.event).__name__}, {newest[0].where}"
        outcomes = {name: _timed(asked[name]) for name in methods}
        life = replace(life, differs=differs, outcomes=outcomes)
        if "search" in outcomes and not life.killed_by(*EXHAUSTIVE):
            widely = _timed(lambda: first(map(search, originals.wide)))
            seconds = round(widely.seconds + outcomes["search"].seconds, 2)
            outcomes["search"] = replace(widely, seconds=seconds)
    return life


def lives(tasks: Iterable[Task], originals: Originals, processes: int) -> Iterator[Life]:
    """The lives of all mutants, as they come: what the methods say that each is asked."""
    waiting = list(tasks)[::-1]
    running: dict[Connection, tuple[Mutant, BaseProcess]] = {}
    context = get_context("fork")
    while waiting or running:
        while waiting and len(running) < processes:
            task = waiting.pop()
            receiver, sender = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(
                target=_in_process, args=(sender, task, originals)
            )
            process.start()
            sender.close()
            running[receiver] = task.mutant, process
        for ready in wait(list(running)):
            assert isinstance(ready, Connection), "only connections are waited for"
            mutant, process = running.pop(ready)
            yield _received(ready, mutant, process)


def _received(receiver: Connection, mutant: Mutant, process: BaseProcess) -> Life:
    try:
        life = msgspec.json.decode(receiver.recv_bytes(), type=Life)
    except EOFError:
        dead = Outcome("survived", 0.0, DIED)
        life = Life(mutant.name, mutant.operator, mutant.fingerprint, DIED)
        life = replace(life, outcomes=dict.fromkeys(METHODS, dead))
    receiver.close()
    process.join()
    return life


def _in_process(sender: Connection, task: Task, originals: Originals) -> None:
    """Nobody measures the coverage of a mutant: without that, it takes half of the time."""
    sys.settrace(None)
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    signal.signal(signal.SIGPROF, _give_up)
    sender.send_bytes(msgspec.json.encode(life_of(task.mutant, originals, task.methods)))
    sender.close()


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise TimeUpError


def _timed(method: Method) -> Outcome:
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        return outcome(method)
    except TimeUpError:
        return Outcome("survived", _SECONDS, "out of time")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
