"""Too many waiting events: peers are held back in the kernel, and nothing is lost."""

import asyncio
import logging
from pathlib import Path

import pytest
from tests.shell.launcher.parts import Client, HeldLog, MemoryLog, Watch

from saga_core.agentmux import AgentMux, Mirror, initial_state, wire
from saga_core.engine import Event, Reducer, SagaDeadline, TimerFired
from saga_shell.ipc import Listener, Server, chosen_endpoint, listen
from saga_shell.launcher import runner as runner_module
from saga_shell.launcher.bus import Bus
from saga_shell.launcher.interpreter import Interpreter
from saga_shell.launcher.runner import Runner
from saga_shell.launcher.timers import Timers
from saga_shell.rehearsal.clock import run_virtually

BUSY = 1_000
ONE_TURN = 64
"""Lines of one peer that the server delivers before it looks up."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that leave something waiting."""
    monkeypatch.setattr(runner_module, "BATCH_EVENTS", 50)


class Gate:
    """Counts how often reading is stopped and goes on."""

    def __init__(self) -> None:
        self.acts: list[str] = []

    def pause_reading(self) -> None:
        """Stop."""
        self.acts.append("pause")

    def resume_reading(self) -> None:
        """Go on."""
        self.acts.append("resume")

    def nothing_waits(self) -> None:
        """Nothing to count here."""


def late() -> Event:
    """An event that changes nothing."""
    return TimerFired(SagaDeadline(1))


def small_runner() -> Runner[Mirror]:
    """A runner that is busy early, with a log in memory."""
    reducer = Reducer(AgentMux())
    return Runner(reducer, initial_state(), MemoryLog(), lambda _: None, busy_events=BUSY)


def test_reading_stops_above_one_bound_and_goes_on_below_the_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """FACTS R-04: one pause and one resume per flood, said; timers still get in meanwhile."""

    async def main() -> None:
        gate = Gate()
        runner = small_runner()
        runner.hold_back(gate)
        for count in range(1, 2 * BUSY + 1):
            runner.give(late())
            assert gate.acts == ["pause"][: count > BUSY]
        running = asyncio.create_task(runner.run())
        await runner.settled()
        assert gate.acts == ["pause", "resume"]
        for _ in range(BUSY):
            runner.give(late())
        assert gate.acts == ["pause", "resume"]
        assert runner.pauses == 1
        running.cancel()
        await asyncio.wait([running])

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert caplog.messages == [
        "1001 events wait: peers are not read while it is so many (1 times so far)"
    ]


def test_many_pauses_are_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    """RELIABILITY 11: each pause is counted; a flood that lasts is said every ten seconds."""

    async def main() -> None:
        runner = small_runner()
        runner.hold_back(Gate())
        running = asyncio.create_task(runner.run())
        for _ in range(21):
            for _ in range(BUSY + 1):
                runner.give(late())
            await runner.settled()
            await asyncio.sleep(1)
        assert runner.pauses == 21
        running.cancel()
        await asyncio.wait([running])

    with caplog.at_level(logging.WARNING):
        run_virtually(main())
    assert [line.rpartition("(")[2] for line in caplog.messages] == [
        "1 times so far)",
        "11 times so far)",
        "21 times so far)",
    ]


def test_without_a_gate_nothing_is_held_back() -> None:
    """A runner may run without peers, as in a simulation."""

    async def main() -> None:
        runner = small_runner()
        for _ in range(2 * BUSY):
            runner.give(late())
        running = asyncio.create_task(runner.run())
        await runner.settled()
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(main())


class Whole:
    """A runner between a real server and a log that can be held."""

    def __init__(self, listener: Listener) -> None:
        self.log = HeldLog(MemoryLog())
        self.most = 0
        self.busy = asyncio.Event()
        self.server = Server(
            listener,
            decode=wire.decode_command,
            sink=self.give,
            barred_roles=lambda _pid: (),
            on_fatal=print,
        )
        timers = Timers(self.give)
        bus = Bus(self.server.send, lambda _line: None)
        interpreter = Interpreter(self.server, bus, timers)
        self.runner = Runner(
            Reducer(AgentMux()),
            initial_state(),
            self.log,
            interpreter.perform,
            watcher=Watch(),
            busy_events=BUSY,
        )
        self.runner.hold_back(self.server)

    def give(self, event: Event) -> None:
        """The runner's way in; keeps the highest number that waited."""
        self.runner.give(event)
        self.most = max(self.most, len(self.runner._waiting))
        if self.most > BUSY:
            self.busy.set()


async def send_pings(client: Client, count: int) -> None:
    """Say so many things, and let the kernel hold what isn't taken."""
    lines = b"".join(b'{"cmd":"ping","nonce":%d}\n' % n for n in range(count))
    client.say_bytes(lines)
    await asyncio.sleep(0)


def test_a_flood_during_a_slow_commit_waits_in_the_kernel(short_dir: Path) -> None:
    """FACTS R-04, R-43: 5,000 lines while a commit hangs; memory is bounded, all are answered."""
    listener = listen(chosen_endpoint(short_dir / "s")).unwrap()

    async def main() -> None:
        whole = Whole(listener)
        running = asyncio.create_task(whole.runner.run())
        await whole.server.start()
        host = await Client.connect(short_dir / "s")
        await host.register("host", 1)
        whole.log.hold()
        host.say(cmd="report_pool_window_promoted", label="w")
        await whole.log.asked.wait()
        tool = await Client.connect(short_dir / "s")
        tool.say(cmd="register", kind="tool", pid=2, version="1")
        await send_pings(tool, 5_000)
        await whole.busy.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert whole.most <= BUSY + ONE_TURN
        whole.log.release()
        await tool.until(event="pong", nonce=4_999)
        pongs = [line["nonce"] for line in tool.heard if line["event"] == "pong"]
        assert pongs == list(range(5_000))
        assert whole.most <= BUSY + ONE_TURN
        assert whole.server.counters().lines_rejected == 0
        host.close()
        tool.close()
        await whole.server.stop()
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(main())
