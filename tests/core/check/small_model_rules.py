"""The launcher's rules once more, in plain dictionaries: the second opinion on the reducer.

Written from the prose (DESIGN 4 and 7, FACTS 3, and what the rooms of the core promise), with none
of the core's code. A launcher is a dictionary:

    next_id   the id of the next saga: ids grow, across restarts too
    sagas     id -> (kind, step, way, sent): the sagas in flight, in the order in which their
              commands were issued. `way` is the connection that the command went out on and whose
              end brings it back; 0: it waits in the buffer. `sent`: it went out at least once.
    hosts     connection -> role, in the order in which they registered. Commands go to the
              `newest`; an `older` one may still answer; one that is `closing` was hung up on.
    met       a host has registered in this run
    stopping  a shutdown was asked for
    failing   the log can't be written, and subscribers were told

An event changes the dictionary, and notes in it under `records` what it writes to the log and
under `sent` the commands that go out, both in order. What only counts (versions, timers' numbers)
or tells of the past (the snapshot's outcomes) decides nothing and is left out. Labels are left
out too: a kind of saga has one label in all scopes.
"""

from collections.abc import Callable
from typing import Any

COMMANDS = {
    "pool_respawn_on_promote": ("spawn",),
    "window_cleanup_cascade": ("reap", "drain"),
}
"""What each kind of saga asks of the host, one command after the other."""

ANSWERS = {"spawn": ("added",), "reap": ("reaped",), "drain": ("drained", "not last")}
"""What the host says when it did what a command asks; each saga takes any of them."""

Launcher = dict[str, Any]
_DECIDES = ("next_id", "sagas", "hosts", "met", "stopping", "failing")


def fresh(next_id: int) -> Launcher:
    """A launcher that has just started."""
    return {
        "next_id": next_id,
        "sagas": {},
        "hosts": {},
        "met": False,
        "stopping": False,
        "failing": False,
        "records": [],
        "sent": [],
    }


def frozen(it: Launcher) -> tuple[Any, ...]:
    """What decides, as a value to be looked up; the order of sagas and hosts decides too."""
    return tuple(tuple(v.items()) if isinstance(v, dict) else v for v in map(it.get, _DECIDES))


def thawed(frozen_launcher: tuple[Any, ...]) -> Launcher:
    """The launcher that was frozen."""
    told = dict(zip(_DECIDES, frozen_launcher, strict=True))
    it = fresh(1) | told
    return it | {"sagas": dict(it["sagas"]), "hosts": dict(it["hosts"])}


def accept(_it: Launcher, _cap: int, _connection: int) -> None:
    """A socket opened; nobody knows yet who it is."""


def trigger(it: Launcher, cap: int, kind: str) -> None:
    """A saga opens; one that comes after a shutdown was asked for ends at once."""
    saga_id = it["next_id"]
    it["next_id"] += 1
    it["records"].append(("opened", saga_id, kind))
    if it["stopping"]:
        it["records"].append(("closed", saga_id, "shutting down"))
    else:
        _issue(it, cap, saga_id, kind, 0)


def report(it: Launcher, cap: int, saga_id: int, said: str) -> None:
    """A host answers: only what the saga waits for counts; then it goes on, or is done."""
    if saga_id not in it["sagas"]:
        return
    kind, step, _, _ = it["sagas"][saga_id]
    if said not in ANSWERS[COMMANDS[kind][step]]:
        return
    it["records"].append(("succeeded", saga_id, step))
    del it["sagas"][saga_id]
    if step + 1 < len(COMMANDS[kind]):
        _issue(it, cap, saga_id, kind, step + 1)
    else:
        it["records"].append(("closed", saga_id, "completed"))


def fail(it: Launcher, _cap: int, saga_id: int, reason: str) -> None:
    """A saga in flight ends as failed, its pending step too; any other id changes nothing."""
    if saga_id in it["sagas"]:
        _, step, _, _ = it["sagas"].pop(saga_id)
        it["records"] += [("failed", saga_id, step), ("closed", saga_id, reason)]


def connect(it: Launcher, cap: int, connection: int) -> None:
    """A host registers: it is the newest now, and gets all that waited, in order."""
    it["hosts"] = {
        other: "older" if role == "newest" else role for other, role in it["hosts"].items()
    }
    it["hosts"][connection] = "newest"
    it["met"] = True
    _send_or_keep(it, cap)


def disconnect(it: Launcher, cap: int, connection: int) -> None:
    """A connection ended: what was unanswered on it is sent again, or waits again."""
    del it["hosts"][connection]
    _take_back(it, cap, connection)


def hang_up(it: Launcher, cap: int, connection: int) -> None:
    """A command is known not to have been sent: its connection is of no more use."""
    it["hosts"][connection] = "closing"
    _take_back(it, cap, connection)


def shut_down(it: Launcher, cap: int) -> None:
    """All that is in flight ends, ascending by id."""
    it["stopping"] = True
    for saga_id in sorted(it["sagas"]):
        fail(it, cap, saga_id, "shutting down")


def log(it: Launcher, _cap: int, failing: bool) -> None:
    """A commit failed, or all that waited is in the log."""
    it["failing"] = failing


def recover(it: Launcher, _cap: int, rows: tuple[Any, ...]) -> None:
    """The first event of a run: what the rows left open has failed, ascending by id."""
    for saga_id, _, pending in rows:
        it["records"] += [("failed", saga_id, step) for step in pending]
        it["records"].append(("closed", saga_id, "restarted"))


def _issue(it: Launcher, cap: int, saga_id: int, kind: str, step: int) -> None:
    """Row first; then the command goes to the newest host, or waits for one."""
    it["records"].append(("step", saga_id, step))
    it["sagas"][saga_id] = (kind, step, 0, False)
    _send_or_keep(it, cap)


def _take_back(it: Launcher, cap: int, connection: int) -> None:
    for saga_id, (kind, step, way, sent) in it["sagas"].items():
        it["sagas"][saga_id] = (kind, step, 0 if way == connection else way, sent)
    _send_or_keep(it, cap)


def _send_or_keep(it: Launcher, cap: int) -> None:
    """To the newest host, all that waits goes out in order; without one, the newest `cap` wait."""
    newest = [connection for connection, role in it["hosts"].items() if role == "newest"]
    waiting = [saga_id for saga_id, (_, _, way, _) in it["sagas"].items() if way == 0]
    for saga_id in waiting if newest else ():
        kind, step, _, _ = it["sagas"][saga_id]
        it["sagas"][saga_id] = (kind, step, newest[0], True)
        it["sent"].append((COMMANDS[kind][step], saga_id))
    for saga_id in () if newest else sorted(waiting[: max(0, len(waiting) - cap)]):
        fail(it, cap, saga_id, "overflow")


RULES: dict[str, Callable[..., None]] = {
    "accept": accept,
    "connect": connect,
    "disconnect": disconnect,
    "fail": fail,
    "hang up": hang_up,
    "log": log,
    "recover": recover,
    "report": report,
    "shut down": shut_down,
    "trigger": trigger,
}
"""What each event does to a launcher whose buffer takes `cap` commands."""
