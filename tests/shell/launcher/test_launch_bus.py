"""What subscribers hear of a whole launcher: the same, in the same order, whoever else there is."""

import asyncio
import json

from tests.shell.launcher.children import run
from tests.shell.launcher.launches import Place

from saga_shell.launcher.bounds import Bounds


def test_the_event_log_the_ring_and_the_bus_tell_the_same(place: Place) -> None:
    """FACTS F-12, R-55, R-56: under load, file, replay and subscribers agree byte for byte."""

    async def main() -> list[bytes]:
        async with place.launched() as it:
            host, first, second = [
                await it.client(kind, pid) for pid, kind in enumerate(("host", "tool", "renderer"))
            ]
            for n in range(50):
                host.say(cmd="report_pool_window_promoted", label=f"w{n}")
                first.say(cmd="get_events", since=0)
                second.say(cmd="ping", nonce=n)
                first.say_bytes(b"garbage\n")
            for saga_id in range(1, 51):
                host.say(cmd="report_pool_window_added", label="", saga_id=saga_id)
            await first.until(event="saga_completed", saga_id=50)
            first.say(cmd="get_events", since=0)
            replay = await first.until(event="event_list")
            await it.end()
            await first.until_end()
            bus = [
                (message["version"], line)
                for message, line in zip(first.heard, first.raw, strict=True)
                if message["event"] not in ("registered", "event_list", "error", "pong")
            ]
            versions = [version for version, _ in bus]
            assert versions == list(range(versions[0], versions[-1] + 1))
            assert len(replay["events"]) == replay["version"]
            known = (place.data_dir / "launcher-events.log").read_bytes().splitlines()
            assert known[versions[0] - 1 : versions[-1]] == [line for _, line in bus]
            assert [json.loads(line) for line in known[: len(replay["events"])]] == replay["events"]
            return known

    known = asyncio.run(main())
    assert [json.loads(line)["version"] for line in known] == list(range(1, len(known) + 1))


def test_a_subscriber_that_does_not_read_is_ended_and_nobody_else_notices(place: Place) -> None:
    """FACTS R-60, R-62: it is kicked in the middle of a burst; the others hear every event."""
    small = Bounds(queue_bytes=200_000)

    async def main() -> None:
        async with place.launched(bounds=small) as it:
            lazy = await it.client("tool", 1)
            lazy.stop_reading()
            host, eager = await it.client("host", 2), await it.client("tool", 3)
            label = "x" * 10_000
            for n in range(100):
                host.say(cmd="report_window_opened", label=f"{n}{label}", kind="subwindow")
                await eager.until(event="window_instance_assigned", label=f"{n}{label}")
                await host.until(event="window_instance_assigned", label=f"{n}{label}")
            await eager.settled()
            bus = [line for line in eager.heard if line["event"] not in ("registered", "pong")]
            assert [line["pid"] for line in bus if line["event"] == "process_exited"] == [1]
            versions = [line["version"] for line in bus]
            assert versions == list(range(versions[0], versions[-1] + 1))
            lazy.go_on_reading()
            await lazy.until_end()

    run(main())


def test_a_cut_connection_may_come_back_with_the_same_pid(place: Place) -> None:
    """FACTS F-15: an end without goodbye is a process_exited; the pid is free again."""

    async def main() -> None:
        async with place.launched() as it:
            tool = await it.client("tool", 1)
            host = await it.client("host", 2)
            host.close()
            await tool.until(event="process_exited", pid=2)
            await it.client("host", 2)

    run(main())
