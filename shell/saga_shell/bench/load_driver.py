"""Several peers that load a launcher, with faults, and keep account of every trigger.

`python -m saga_shell.bench.load_driver SOCKET ACCOUNT SECONDS RATE IN_FLIGHT SEED` says triggers
for so many seconds: RATE of them a second whatever comes back, or, with a RATE of 0, so that
IN_FLIGHT are on their way. Then it waits for the last end, writes its account to the file ACCOUNT,
and prints one line of JSON: `Load`.

The peers: hosts that trigger, in turn; one more host; a tool that hears the bus and keeps account;
a tool that reads too slowly. The newest host gets the commands, and each answers those it gets.
The faults: commands that are not answered, that are answered with a failure, or twice; two of the
hosts break their connections and come back; the slow tool is hung up on and comes back.
"""

import random
import re
import selectors
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from saga_shell.bench.account import Trigger
from saga_shell.bench.channel import Channel
from saga_shell.bench.figures import percentile

TRIGGERING = 3
HOLD_BYTES = 64 * 1024
"""A peer that has so much waiting for the launcher says no more: it is held back."""

TICK_SECONDS = 0.002
HOST_LIVES_SECONDS = 2.0
TRIGGERING_LIVES_SECONDS = 3.0
SLOW_SECONDS, SLOW_BYTES = 0.2, 4_096
PATIENCE_SECONDS = 60.0

SILENT, FAILING, TWICE = 0.002, 0.005, 0.02
"""The shares of commands that get no answer, a failure, and the same answer twice."""

_NEWS = re.compile(
    rb'"event":"(?:pool_window_promoted|window_closed)","label":"t(\d+)","version":\d+[,}]'
    rb'(?!"crash_detected":true)'
    rb'|"event":"saga_started","saga_id":(\d+)'
    rb'|"event":"saga_(completed|failed)","saga_id":(\d+)'
    rb'|("event":"registered")'
)
_COMMAND = re.compile(
    rb'"cmd":"(?:(spawn_pool_window)|(reap_panes)|drain_pool_if_last)"'
    rb'(?:,"label":"(t\d+)")?,"saga_id":(\d+)\}'
)
_OPEN = b'{"cmd":"report_window_opened","label":"%b","kind":"full_instance","parent_label":null}\n'
_CLOSE = b'{"cmd":"report_window_closed","label":"%b"}\n'
_PROMOTE = b'{"cmd":"report_pool_window_promoted","label":"%b"}\n'
_ADDED = b'{"cmd":"report_pool_window_added","label":"","saga_id":%b}\n'
_REAPED = b'{"cmd":"report_panes_reaped","label":"%b","saga_id":%b}\n'
_DECIDED = b'{"cmd":"report_pool_drain_decision","label":"%b","was_last":false,"saga_id":%b}\n'
_FAILED = b'{"cmd":"report_saga_action_failed","saga_id":%b,"reason":"no display"}\n'


class Broken(Exception):  # noqa: N818 -- the text is the one line for whoever started us
    """The launcher did something that no load may bring about."""


class Plan(Struct, frozen=True):
    """What to do; `rate` is in triggers a second, 0 for as many as `in_flight` allows."""

    seconds: float
    rate: float
    in_flight: int
    seed: int


class Load(Struct, frozen=True):
    """What came of it. Rates are per second of the load; latencies are in seconds.

    `held`: triggers that were due and not said, because the launcher didn't take the ones before.
    Latencies run from when a trigger was due.
    """

    said: int
    held: int
    ended_per_second: float
    completed_per_second: float
    failed: int
    started_p50: float
    started_p99: float
    whole_p50: float
    whole_p99: float


class Accountant:
    """Reads the bus. A `saga_started` comes right after what triggered it (DESIGN 4)."""

    def __init__(self) -> None:
        self.triggers: dict[int, Trigger] = {}
        self.registered = False
        self.ended = 0
        self._by_saga: dict[int, Trigger] = {}
        self._rest = b""
        self._last = 0

    def hear(self, data: bytes) -> None:
        """Take what came."""
        if not data:
            raise Broken("the launcher hung up on a subscriber that reads")
        now = time.perf_counter()
        lines, _, self._rest = (self._rest + data).rpartition(b"\n")
        for found in _NEWS.finditer(lines):
            number, started, state, ended, registered = found.groups()
            if number is not None:
                self._last = int(number)
            elif started is not None:
                self._start(int(started), now)
            elif ended is not None:
                self._end(int(ended), state.decode(), now)
            self.registered = self.registered or registered is not None

    def _start(self, saga_id: int, now: float) -> None:
        trigger = self.triggers[self._last]
        self._by_saga[saga_id] = trigger
        trigger.saga_id, trigger.started = saga_id, now
        trigger.starts += 1

    def _end(self, saga_id: int, state: str, now: float) -> None:
        trigger = self._by_saga[saga_id]
        trigger.state, trigger.ended = state, now
        trigger.ends += 1
        self.ended += trigger.ends == 1


class Host:
    """A peer that answers what it is asked, all that came at once in one write, but for faults."""

    def __init__(self, path: Path, selector: selectors.BaseSelector, chance: random.Random) -> None:
        self._chance = chance
        self._rest = b""
        self.channel = Channel(path, selector, self._hear)
        self.channel.register("host")

    def _hear(self, data: bytes) -> None:
        if not data:
            raise Broken("the launcher hung up on a host that reads and answers")
        lines, _, self._rest = (self._rest + data).rpartition(b"\n")
        for spawn, reap, label, saga_id in _COMMAND.findall(lines):
            answer = _REAPED if reap else _DECIDED
            good = _ADDED % saga_id if spawn else answer % (label, saga_id)
            self.channel.send(self._spoilt(good, saga_id))

    def _spoilt(self, answer: bytes, saga_id: bytes) -> bytes:
        drawn = self._chance.random()
        if drawn < SILENT:
            return b""
        if drawn < SILENT + FAILING:
            return _FAILED % saga_id
        return answer * 2 if drawn < SILENT + FAILING + TWICE else answer


class Regular:
    """Something that happens every so many seconds."""

    def __init__(self, begin: float, seconds: float, happen: Callable[[], None]) -> None:
        self._at = begin + seconds
        self._seconds = seconds
        self._happen = happen

    def happen_if_due(self, now: float) -> None:
        """Let it happen, if it is time."""
        if now >= self._at:
            self._at += self._seconds
            self._happen()


class Driver:
    """All peers, on one thread."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.account = Accountant()
        self._path = path
        self._plan = plan
        self._chance = random.Random(plan.seed)  # noqa: S311 -- the faults of one seed are the same
        self._selector = selectors.DefaultSelector()
        self._offered = 0
        self._held = 0
        self._tool = self._new_tool(self.account.hear, reading=True)
        self._triggering = [self._new_host() for _ in range(TRIGGERING)]
        self._triggering[0].channel.send(_OPEN % b"main")
        self._host = self._new_host()
        self._slow = self._new_tool(self._slow_heard, reading=False)
        self._begin = 0.0

    def run(self) -> Load:
        """Load, wait for the last end, and sum up."""
        self._turn_until(lambda: self.account.registered, "a subscriber was not let in")
        self._begin = begin = time.perf_counter()
        regular = [
            Regular(begin, HOST_LIVES_SECONDS, self._break_host),
            Regular(begin, TRIGGERING_LIVES_SECONDS, self._break_triggering),
            Regular(begin, SLOW_SECONDS, self._slow_reads),
        ]
        while (now := time.perf_counter()) < begin + self._plan.seconds:
            self._offer(now)
            for one in regular:
                one.happen_if_due(now)
            self._turn()
        self._turn_until(self._all_ended, "some sagas did not end")
        return self._summed_up(begin)

    def _offer(self, now: float) -> None:
        plan = self._plan
        if plan.rate == 0:
            while self._offered - self.account.ended < plan.in_flight:
                self._trigger(now)
            return
        while self._offered + self._held < plan.rate * (now - self._begin):
            due = self._begin + (self._offered + self._held) / plan.rate
            if self._next().waiting > HOLD_BYTES:
                self._held += 1
            else:
                self._trigger(due)

    def _next(self) -> Channel:
        return self._triggering[(self._offered + self._held) % TRIGGERING].channel

    def _trigger(self, due: float) -> None:
        """Every other one closes a window that it opened just before."""
        peer, number = self._next(), self._offered
        self._offered += 1
        self.account.triggers[number] = Trigger(number, due)
        label = b"t%d" % number
        lines = _PROMOTE % label if number % 2 else _OPEN % label + _CLOSE % label
        peer.send(lines)

    def _break_host(self) -> None:
        """What it was asked and didn't answer goes to the next one."""
        self._host.channel.close()
        self._host = self._new_host()

    def _break_triggering(self) -> None:
        """Only with nothing unsaid: a trigger that the launcher never got is none."""
        if not self._triggering[-1].channel.waiting:
            self._triggering[-1].channel.close()
            self._triggering[-1] = self._new_host()

    def _slow_reads(self) -> None:
        self._slow.receive(SLOW_BYTES)

    def _slow_heard(self, data: bytes) -> None:
        if not data:
            self._slow.close()
            self._slow = self._new_tool(self._slow_heard, reading=False)

    def _new_tool(self, on_data: Callable[[bytes], None], *, reading: bool) -> Channel:
        tool = Channel(self._path, self._selector, on_data, reading=reading)
        tool.register("tool")
        return tool

    def _new_host(self) -> Host:
        return Host(self._path, self._selector, self._chance)

    def _turn(self) -> None:
        for host in (*self._triggering, self._host):
            host.channel.flush()
        for key, mask in self._selector.select(TICK_SECONDS):
            key.data.ready(mask)

    def _turn_until(self, done: Callable[[], bool], otherwise: str) -> None:
        give_up = time.perf_counter() + PATIENCE_SECONDS
        while not done():
            if time.perf_counter() > give_up:
                raise Broken(otherwise)
            self._turn()

    def _all_ended(self) -> bool:
        return self.account.ended >= self._offered

    def _summed_up(self, begin: float) -> Load:
        triggers = list(self.account.triggers.values())
        in_time = [t for t in triggers if t.ended < begin + self._plan.seconds]
        completed = sum(t.state == "completed" for t in in_time)
        started = [t.started - t.due for t in triggers]
        whole = [t.ended - t.due for t in triggers]
        return Load(
            said=len(triggers),
            held=self._held,
            ended_per_second=len(in_time) / self._plan.seconds,
            completed_per_second=completed / self._plan.seconds,
            failed=sum(t.state == "failed" for t in triggers),
            started_p50=percentile(started, 0.5),
            started_p99=percentile(started, 0.99),
            whole_p50=percentile(whole, 0.5),
            whole_p99=percentile(whole, 0.99),
        )


def main() -> None:
    """Load as the arguments ask for."""
    path, account, *numbers = sys.argv[1:]
    seconds, rate, in_flight, seed = numbers
    driver = Driver(Path(path), Plan(float(seconds), float(rate), int(in_flight), int(seed)))
    try:
        load = driver.run()
    except (Broken, OSError) as error:
        sys.exit(str(error) or type(error).__name__)
    finally:
        triggers = list(driver.account.triggers.values())
        Path(account).write_bytes(msgspec.json.encode(triggers))
    sys.stdout.buffer.write(msgspec.json.encode(load) + b"\n")


if __name__ == "__main__":
    main()
