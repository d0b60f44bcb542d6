"""Every world that the small launcher can get into, and every move, counted by brute force.

A *world* is one of

    (launcher, held, left, log)   a running launcher, as `small_model_rules` freezes it
    (rows, held, left)            a dead one, and what it left

`held` are the commands that the host took and may still answer. A command is in it from its
sending until it is answered, or lost, or the host's process dies. Ids are real ids, so a command of
a saga that ended stays in it, and its late answer is a move that changes nothing. `left` says how
many of each trigger are left. `log` is None, or, while the log fails, the rows that it has. *Rows*
are (next id, open sagas with their pending steps, sagas that the last step closed, whether
subscribers were told that the log fails).

What is counted as a transition is a *move*, which is a name with what it concerns, together with
the world that it leads to:

-   An answer over another connection, or in other words, is another move, though it may lead to
    the same world. So is an answer that the host gives but could give once more (`twice`).
-   A command that could not be sent may have been taken all the same: one move, two worlds.
-   Of a death only what is left counts: all ways to die that leave the same are one. The process
    dies while it takes an event, before the first record of it or after any of them; what is sent
    upon the event counts as held. It does not die over a commit that fails, for nothing is left
    then that was not before. While the log fails it dies with the rows that the log has, and what
    was held is forgotten.
-   No trigger comes to a dead process. A move that leads back to its own world counts.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from tests.core.check import small_model_rules as rules

World = tuple[Any, ...]
Event = tuple[Any, ...]
Move = tuple[Any, World]
Records = tuple[Event, ...]
Sent = tuple[str, int]
Saga = tuple[str, int, int, bool]
Held = frozenset[Sent]
Happening = tuple[Any, tuple[Event, ...], Held]
Rows = tuple[Any, ...]
Frozen = tuple[Any, ...]
Triggers = tuple[tuple[str, int], ...]

NOTHING: Held = frozenset()


class Scope(NamedTuple):
    """What can go wrong, how much the buffer takes, how many connections live at once."""

    faults: frozenset[str]
    cap: int = 1
    connections: int = 2


def count(scope: Scope, triggers: Triggers) -> tuple[int, int]:
    """How many worlds and how many transitions there are, if each trigger comes so often."""
    first: World = (rules.frozen(rules.fresh(1)), NOTHING, triggers, None)
    met, level, transitions = {first}, [first], 0
    while level:
        ahead: set[World] = set()
        for world in level:
            moves = set(_moves(scope, world))
            transitions += len(moves)
            ahead.update(there for _, there in moves)
        level = list(ahead - met)
        met.update(level)
    return len(met), transitions


def _moves(scope: Scope, world: World) -> Iterator[Move]:
    """All moves from a world; some come up more than once."""
    if len(world) == len(("rows", "held", "left")):
        yield from _start(scope, *world)
        return
    launcher, held, left, log = world
    for name, events, held_then in _happenings(scope, rules.thawed(launcher), held):
        yield from _follow(scope, (launcher, held_then, left, log), name, events)
    for kind, number in left:
        if number:
            fewer = tuple((other, n - (other == kind)) for other, n in left)
            event = ("trigger", kind)
            yield from _follow(scope, (launcher, held, fewer, log), event, (event,))
    if "log" in scope.faults:
        event = ("log", log is None)
        yield from _follow(scope, world, event, (event,))


def _start(scope: Scope, rows: Rows, held: Held, left: Triggers) -> Iterator[Move]:
    """A run begins with what the rows left open."""
    next_id, unresolved, _, _ = rows
    after, records, _ = _step(rules.frozen(rules.fresh(next_id)), 0, ("recover", unresolved))
    yield "start", (after, held, left, None)
    if "crash" in scope.faults:
        for torn in _torn(rows, records):
            yield "dies", (torn, held, left)


def _follow(scope: Scope, world: World, name: Any, events: tuple[Event, ...]) -> Iterator[Move]:
    """The launcher takes the events one after the other, or dies over one of them."""
    launcher, held, left, log = world
    for event in events:
        after, records, sent = _step(launcher, scope.cap, event)
        held |= sent
        if "crash" in scope.faults and event != ("log", True):
            for rows in _deaths(launcher, after, records, log):
                yield "dies", (rows, held if log is None else NOTHING, left)
        launcher = after
    failing = launcher[-1]
    yield name, (launcher, held, left, (log or _rows_of(launcher)) if failing else None)


def _deaths(before: Frozen, after: Frozen, records: Records, log: Rows | None) -> Iterator[Rows]:
    """What the process can leave that dies over an event; its ids are above all of the event's."""
    next_id = after[0]
    if log is None:
        yield from _torn((next_id, *_rows_of(before)[1:]), records)
    else:
        yield next_id, log[1], (), True


def _happenings(scope: Scope, it: rules.Launcher, held: Held) -> Iterator[Happening]:
    """What the world does to a running launcher: a name, the events, and what is held then."""
    yield from _connections(scope, it["hosts"], held)
    for sent in held:
        yield from _replies(scope, it, sent, held)
    for saga_id, saga in it["sagas"].items():
        yield from _troubles(scope.faults, saga_id, saga, held)
    if "shutdown" in scope.faults and not it["stopping"]:
        yield "shutdown", (("shut down",),), held


def _connections(scope: Scope, hosts: dict[int, str], held: Held) -> Iterator[Happening]:
    """The host comes, comes once more, goes, or forgets; on the smallest free number it comes."""
    free = [c for c in range(1, scope.connections + 1) if c not in hosts]
    if not hosts or (free and "second" in scope.faults):
        events = ("accept", free[0]), ("connect", free[0])
        yield ("connect" if not hosts else "second"), events, held
    if not hosts and held and "restart" in scope.faults:
        yield "restart", (), NOTHING
    for connection, role in hosts.items():
        if role == "closing" or "disconnect" in scope.faults:
            yield ("end", connection), (("disconnect", connection),), held


def _troubles(faults: frozenset[str], saga_id: int, saga: Saga, held: Held) -> Iterator[Happening]:
    """What happens to a saga that waits: its time is up, its command gets old, or is not sent."""
    kind, step, way, _ = saga
    if "deadline" in faults:
        yield ("deadline", saga_id), (("fail", saga_id, "timeout"),), held
    if way == 0 and "expiry" in faults:
        yield ("expiry", saga_id), (("fail", saga_id, "unreachable"),), held
    if way != 0 and "send" in faults:
        for held_then in held, held - {(rules.COMMANDS[kind][step], saga_id)}:
            yield ("send", saga_id), (("hang up", way),), held_then


def _replies(scope: Scope, it: rules.Launcher, sent: Sent, held: Held) -> Iterator[Happening]:
    """What becomes of a command that the host took: it may answer over any of its connections."""
    faults, (command, own) = scope.faults, sent
    others = {*it["sagas"], it["next_id"]} - {own}
    if "lost" in faults:
        yield ("lost", sent), (), held - {sent}
    for connection in it["hosts"]:
        for said in rules.ANSWERS[command]:
            words = connection, sent, said
            yield ("answer", *words), (("report", own, said),), held - {sent}
            if "twice" in faults:
                yield ("twice", *words), (("report", own, said),), held
            for other in others if "foreign" in faults else ():
                yield ("foreign", other, *words), (("report", other, said),), held
        if "failure" in faults:
            yield ("failure", connection, sent), (("fail", own, "could not"),), held - {sent}


@cache
def _step(launcher: Frozen, cap: int, event: Event) -> tuple[Frozen, Records, Held]:
    """The launcher after the event, the records that it wrote, and the commands that it sent."""
    it = rules.thawed(launcher)
    name, *what = event
    rules.RULES[name](it, cap, *what)
    return rules.frozen(it), tuple(it["records"]), frozenset(it["sent"])


def _rows_of(launcher: Frozen) -> Rows:
    """The rows of a launcher with nothing under way: a running saga has one pending step."""
    it = rules.thawed(launcher)
    running = sorted((saga_id, kind, (step,)) for saga_id, (kind, step, *_) in it["sagas"].items())
    return it["next_id"], tuple(running), (), False


def _torn(rows: Rows, records: Records) -> Iterator[Rows]:
    """The rows before the first of the records, and after each."""
    yield rows
    next_id, unresolved, closed, warned = rows
    pending = {saga_id: (kind, steps) for saga_id, kind, steps in unresolved}
    for what, saga_id, more in records:
        if what == "opened":
            pending[saga_id] = (more, ())
        elif what == "closed":
            closed += ((saga_id, pending.pop(saga_id)[0], more),)
        else:
            pending[saga_id] = (pending[saga_id][0], (more,) if what == "step" else ())
        told = tuple((saga_id, *running) for saga_id, running in pending.items())
        yield next_id, told, closed, warned
