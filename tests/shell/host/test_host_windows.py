"""Windows and the pool of a real host: its start, and what the user does."""

import asyncio
import os
import signal

from tests.processes import is_running
from tests.shell.host.fake_launcher import REGISTERED, SNAPSHOT, Line, fake_launcher


def test_register_goes_first() -> None:
    """FACTS 2.8: register, get_snapshot, report_background_service_enabled, then windows."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--pool", "2")
            register, *others = peer.lines
            assert (register["cmd"], register["kind"]) == ("register", "host")
            assert register["pid"] == host.pid
            assert others[:2] == [
                {"cmd": "get_snapshot"},
                {"cmd": "report_background_service_enabled", "enabled": False},
            ]
            assert len(peer.all("report_pool_window_added", saga_id=None)) == 2
            assert others[-2:] == [
                {"cmd": "report_host_pool_count", "count": 2},
                {
                    "cmd": "report_window_opened",
                    "label": "main",
                    "kind": "full_instance",
                    "parent_label": None,
                },
            ]

    asyncio.run(main())


def test_commands_and_events_may_precede_registered() -> None:
    """FACTS 2.8: a command and a broadcast that come before `registered` are no surprise."""
    early = (
        b'{"event":"window_opened","label":"x","kind":"full_instance",'
        b'"parent_label":null,"version":1}\n'
        b'{"kind":"command","cmd":"spawn_pool_window","saga_id":5}\n'
    )

    async def main() -> None:
        async with fake_launcher(polite=False, at_accept=early) as launcher:
            host, peer = await launcher.host("--pool", "0")
            await peer.got("report_pool_window_added", saga_id=5)
            assert peer.commands()[0] == "register"
            peer.send(REGISTERED, SNAPSHOT)
            await peer.got("report_window_opened", label="main")
            await host.says("registered as client 1")
            assert not [line for line in host.said if "warning" in line]

    asyncio.run(main())


def test_a_launcher_that_sends_no_snapshot_is_not_waited_for() -> None:
    """FACTS 2.8: the windows open without it, and one line says so."""

    async def main() -> None:
        async with fake_launcher(polite=False) as launcher:
            host, _ = await launcher.ready()
            await host.says("the launcher sent no snapshot within 1 s; going on")

    asyncio.run(main())


def test_background_mode_is_reported() -> None:
    """FACTS F-41: the launcher learns that this host rests without windows on purpose."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            _, peer = await launcher.host("--background", "--no-main", "--pool", "0")
            await peer.got("report_background_service_enabled", enabled=True)

    asyncio.run(main())


def test_promote_reports_in_order_and_leaves_the_refill_to_the_saga() -> None:
    """FACTS 3.5, R-22: removed, promoted, opened; same label, same pane, no other pane."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            label = (await peer.got("report_pool_window_added"))["label"]
            pid = host.panes()[str(label)]
            before = len(peer.raw)
            host.type("promote")
            await peer.got("report_window_opened", label=label)
            await peer.alive(1)
            assert peer.lines[before:-1] == [
                {"cmd": "report_pool_window_removed", "label": label},
                {"cmd": "report_pool_window_promoted", "label": label},
                {
                    "cmd": "report_window_opened",
                    "label": label,
                    "kind": "full_instance",
                    "parent_label": None,
                },
            ]
            assert is_running(pid)
            assert len(host.panes()) == 2

    asyncio.run(main())


def test_promote_waits_for_the_refill() -> None:
    """FACTS 2.10: with an empty pool the promote follows the answer that fills it."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--pool", "0")
            host.type("promote")
            peer.command("spawn_pool_window", saga_id=3)
            await peer.got("report_window_opened", times=2)
            assert peer.commands()[-4:] == [
                "report_pool_window_added",
                "report_pool_window_removed",
                "report_pool_window_promoted",
                "report_window_opened",
            ]

    asyncio.run(main())


def test_a_promote_that_finds_no_window_in_time_is_one_line() -> None:
    """FACTS R-22: the pool of a launcher without sagas stays empty; the next action still runs."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--pool", "0", "--promote-wait", "0.05")
            host.type("promote; fill; promote")
            await host.says("not done: promote: the pool stayed empty for 0.05 s")
            await peer.got("report_pool_window_promoted")
            assert len(peer.all("report_pool_window_promoted")) == 1

    asyncio.run(main())


def test_close_reports_in_order_and_each_report_is_true() -> None:
    """FACTS 3.5, F-42: closed, panes reaped, pool emptied, decision, counts; then no pane lives."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            pool = (await peer.got("report_pool_window_added"))["label"]
            before = len(peer.raw)
            host.type("close main")
            await peer.got("report_host_counts")
            assert peer.lines[before:] == [
                {"cmd": "report_window_closed", "label": "main"},
                {"cmd": "report_panes_reaped", "label": "main", "saga_id": None},
                {"cmd": "report_pool_window_removed", "label": pool},
                {
                    "cmd": "report_pool_drain_decision",
                    "label": "main",
                    "was_last": True,
                    "saga_id": None,
                },
                {"cmd": "report_host_counts", "windows": 0, "pool": 0},
            ]
            assert host.panes("pane_gone") == host.panes()
            assert not any(map(is_running, host.panes().values()))

    asyncio.run(main())


def test_the_close_exchange_goes_through_with_both_answers() -> None:
    """FACTS 2.10: a saga about the close gets its answers, each after the host's own report."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            host.type("close main")
            await peer.got("report_window_closed")
            peer.command("reap_panes", label="main", saga_id=43)
            await peer.got("report_panes_reaped", saga_id=43)
            peer.command("drain_pool_if_last", label="main", saga_id=43)
            await peer.got("report_pool_drain_decision", saga_id=43, was_last=True)
            for cmd in ("report_panes_reaped", "report_pool_drain_decision"):
                assert [line["saga_id"] for line in peer.all(cmd)] == [None, 43]

    asyncio.run(main())


def test_newest_and_oldest_name_windows_by_their_age() -> None:
    """Closing by age: `newest` is the promoted window, `oldest` is main; no label, no close."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            label = (await peer.got("report_pool_window_added"))["label"]
            host.type("fill; promote; promote; close newest; close oldest; close nobody")
            await host.says("not done: close: there is no open window 'nobody'")
            closed = [line["label"] for line in peer.all("report_window_closed")]
            assert closed[1] == "main"
            assert closed[0] not in {"main", label}
            host.type("close newest; close newest")
            await host.says("not done: close: there is no open window 'newest'")

    asyncio.run(main())


def test_a_shell_that_ends_takes_its_window_along() -> None:
    """A pane that ends by itself closes its window as a user would, in the same order."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--pool", "0")
            before = len(peer.raw)
            os.kill(host.panes()["main"], signal.SIGKILL)
            await peer.got("report_host_counts", windows=0)
            assert peer.commands()[before:] == [
                "report_window_closed",
                "report_panes_reaped",
                "report_pool_drain_decision",
                "report_host_counts",
            ]
            await host.says("window 'main': its shell ended by itself (exit code -9)")
            assert host.panes("pane_gone") == host.panes()

    asyncio.run(main())


def test_a_pool_windows_shell_that_ends_takes_it_out_of_the_pool() -> None:
    """FACTS F-08: the pool that is counted is the pool that was reported."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            label = (await peer.got("report_pool_window_added"))["label"]
            os.kill(host.panes()[str(label)], signal.SIGKILL)
            await peer.got("report_host_pool_count", count=0)
            assert peer.lines[-2] == {"cmd": "report_pool_window_removed", "label": label}

    asyncio.run(main())


def check_counts(lines: list[Line]) -> None:
    """Keep a mirror of the reports as a launcher does, and compare each count with it."""
    windows: set[object] = set()
    pool: set[object] = set()
    changes = {
        "report_window_opened": windows.add,
        "report_window_closed": windows.remove,
        "report_pool_window_added": pool.add,
        "report_pool_window_removed": pool.remove,
    }
    for line in lines:
        cmd = str(line["cmd"])
        if cmd in changes:
            changes[cmd](line["label"])
        elif cmd == "report_host_pool_count":
            assert line["count"] == len(pool)
        elif cmd == "report_host_counts":
            assert (line["windows"], line["pool"]) == (len(windows), len(pool))


def test_counts_match_the_reports() -> None:
    """FACTS F-07, F-08: after every count, the mirror that the reports make has that many."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready(
                "--pool", "3", "--action", "repeat 3 promote; fill; close oldest"
            )
            await peer.got("report_host_counts", times=3)
            check_counts(peer.lines)
            assert len(host.panes()) == 7

    asyncio.run(main())
