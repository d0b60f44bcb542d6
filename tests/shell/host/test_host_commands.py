"""What a real host answers to the launcher's commands, and when."""

import asyncio
import os

from tests.processes import in_sessions_of, is_running
from tests.shell.host.fake_launcher import (
    REGISTERED,
    SNAPSHOT,
    Line,
    fake_launcher,
    stubborn_shell,
    terminal_of,
)


def test_spawn_is_answered_when_the_pane_lives() -> None:
    """FACTS R-21, R-57: the answer has the true label, and its shell runs on its own terminal."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            peer.command("spawn_pool_window", saga_id=42)
            added = await peer.got("report_pool_window_added", saga_id=42)
            pid = host.panes()[str(added["label"])]
            assert is_running(pid)
            assert os.getsid(pid) == pid
            assert terminal_of(pid).startswith("/dev/pts/")
            assert len(host.panes()) == 3

    asyncio.run(main())


def test_fifty_spawns_at_once_are_all_answered() -> None:
    """FACTS R-21: answers of commands that overlap carry their own ids and different labels."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.host("--no-main", "--pool", "0")
            for saga_id in range(1, 51):
                peer.command("spawn_pool_window", saga_id=saga_id)
            await peer.until(lambda: len(peer.all("report_pool_window_added")) == 50)
            added = peer.all("report_pool_window_added")
            assert {line["saga_id"] for line in added} == set(range(1, 51))
            assert {line["label"] for line in added} == set(host.panes())
            assert all(map(is_running, host.panes().values()))

    asyncio.run(main())


def test_a_spawn_whose_shell_ends_at_once_is_answered_as_failed() -> None:
    """FACTS R-21, F-45: a pane that does not live is a failure with its reason."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.host("--no-main", "--pool", "0", "--shell", "false")
            peer.command("spawn_pool_window", saga_id=7)
            failed = await peer.got("report_saga_action_failed", saga_id=7)
            assert "ended at once (exit code" in str(failed["reason"])
            assert host.panes("pane_gone") == host.panes()
            assert not peer.all("report_pool_window_added")

    asyncio.run(main())


def test_a_shell_without_a_prompt_counts_as_alive_when_it_keeps_running() -> None:
    """FACTS R-21: a silent program is a pane too."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.host("--no-main", "--pool", "0", "--shell", "sleep 1000")
            peer.command("spawn_pool_window", saga_id=7)
            added = await peer.got("report_pool_window_added", saga_id=7)
            assert is_running(host.panes()[str(added["label"])])

    asyncio.run(main())


def test_a_spawn_beyond_the_open_files_limit_is_answered_as_failed() -> None:
    """FACTS R-21: a host that has no descriptor left for a pane says so and goes on."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.host("--no-main", "--pool", "1", limit_open_files=66)
            await peer.got("report_pool_window_added")
            peer.command("spawn_pool_window", saga_id=7)
            failed = await peer.got("report_saga_action_failed", saga_id=7)
            assert "1 panes are all that 66 open files allow" in str(failed["reason"])
            await peer.alive(1)
            assert len(host.panes()) == 1

    asyncio.run(main())


def test_reap_is_answered_after_every_process_is_gone() -> None:
    """FACTS R-21: jobs in groups of their own that ignore SIGHUP are gone when the answer comes."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            shell = stubborn_shell(launcher.directory)
            host, peer = await launcher.ready("--shell", shell, "--grace", "0.1")
            pid = host.panes()["main"]
            assert len(in_sessions_of({pid})) >= 3
            peer.command("reap_panes", label="main", saga_id=43)
            await peer.got("report_panes_reaped", label="main", saga_id=43)
            assert in_sessions_of({pid}) == []
            assert host.panes("pane_gone") == {"main": pid}

    asyncio.run(main())


def test_reap_of_a_pool_window_takes_it_out_of_the_pool() -> None:
    """FACTS R-21: a window without panes can't be promoted, so it leaves the pool first."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            label = str((await peer.got("report_pool_window_added"))["label"])
            peer.command("reap_panes", label=label, saga_id=43)
            await peer.got("report_panes_reaped", label=label, saga_id=43)
            assert not is_running(host.panes()[label])
            removed, reaped = peer.lines[-2:]
            assert removed == {"cmd": "report_pool_window_removed", "label": label}
            assert reaped == {"cmd": "report_panes_reaped", "label": label, "saga_id": 43}

    asyncio.run(main())


def test_drain_empties_the_pool_before_it_answers_that_it_was_the_last() -> None:
    """FACTS R-21, F-42: the decision is acted on: every pool window is reported and gone."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--pool", "2")
            pool = {line["label"] for line in peer.all("report_pool_window_added")}
            peer.command("drain_pool_if_last", label="main", saga_id=43)
            await peer.got("report_pool_drain_decision", saga_id=43, label="main", was_last=True)
            assert {line["label"] for line in peer.all("report_pool_window_removed")} == pool
            assert host.panes("pane_gone").keys() == pool
            assert not any(is_running(host.panes()[str(label)]) for label in pool)
            assert is_running(host.panes()["main"])

    asyncio.run(main())


def test_drain_leaves_the_pool_while_another_window_is_open() -> None:
    """FACTS 2.9: with another window open the answer is no, and nothing ends."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--pool", "2", "--action", "promote; close main")
            await peer.got("report_host_counts", windows=1, pool=1)
            peer.command("drain_pool_if_last", label="main", saga_id=43)
            await peer.got("report_pool_drain_decision", saga_id=43, label="main", was_last=False)
            assert host.panes("pane_gone").keys() == {"main"}
            assert len(peer.all("report_pool_window_removed")) == 1  # the promote's

    asyncio.run(main())


def test_a_command_about_an_unknown_window_is_answered_as_failed() -> None:
    """FACTS R-21, F-45: a host that can't act says so at once; without a saga nobody is told."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            before = len(peer.raw)
            for cmd in ("reap_panes", "drain_pool_if_last"):
                peer.command(cmd, label="nobody", saga_id=0)
                await host.says(f"{cmd}: failed: window not found: 'nobody'")
                peer.command(cmd, label="nobody", saga_id=9)
                await host.says(f"saga 9: {cmd}: failed: window not found: 'nobody'")
            await peer.alive(1)
            failed = {
                "cmd": "report_saga_action_failed",
                "saga_id": 9,
                "reason": "window not found: 'nobody'",
            }
            assert peer.lines[before:-1] == [failed, failed]

    asyncio.run(main())


def test_a_redelivered_command_about_an_earlier_hosts_window_hurts_no_new_one() -> None:
    """FACTS R-17: what the launcher sends again before the snapshot precedes the new `main`.

    A host that a busy machine keeps from that for a second goes on without the snapshot.
    """

    async def in_time() -> bool:
        async with fake_launcher(polite=False) as launcher:
            host, peer = await launcher.host("--pool", "0")
            peer.send(REGISTERED)
            peer.command("reap_panes", label="main", saga_id=5)
            peer.command("spawn_pool_window", saga_id=6)
            await peer.got("report_pool_window_added", saga_id=6)
            assert peer.all("report_saga_action_failed", saga_id=5)
            opened = "report_window_opened" in peer.commands()
            peer.send(SNAPSHOT)
            await peer.got("report_window_opened", label="main")
            assert is_running(host.panes()["main"])
            if opened:
                await host.says("the launcher sent no snapshot within 1 s")
            return not opened

    assert any(asyncio.run(in_time()) for _ in range(5))


def test_a_command_that_comes_again_is_carried_out_once() -> None:
    """FACTS F-39: sent twice at once and once more later: one execution, three equal replies."""
    asked: list[tuple[str, Line, str]] = [
        ("reap_panes", {"label": "main"}, "report_panes_reaped"),
        ("spawn_pool_window", {}, "report_pool_window_added"),
        ("drain_pool_if_last", {"label": "main"}, "report_pool_drain_decision"),
        ("reap_panes", {"label": "nobody"}, "report_saga_action_failed"),
    ]

    async def main() -> None:
        async with fake_launcher() as launcher:
            faults = "; ".join(f"{cmd}:delay=0.05" for cmd, _, _ in asked[:3])
            host, peer = await launcher.ready(env={"AGENTMUX_HOST_FAULTS": faults})
            for saga_id, (cmd, fields, reply) in enumerate(asked, start=1):
                for _ in range(2):
                    peer.command(cmd, **fields, saga_id=saga_id)
                await peer.got(reply, saga_id=saga_id, times=2)
                peer.command(cmd, **fields, saga_id=saga_id)
                await peer.got(reply, saga_id=saga_id, times=3)
                await host.says("came again; same answer", times=2 * saga_id)
                assert len({line for line in peer.raw if b'"saga_id":%d' % saga_id in line}) == 1
                assert sum("fault" in line for line in host.said) == saga_id
            assert len(host.panes()) == 3

    asyncio.run(main())


def test_kinds_do_not_collide_under_one_id() -> None:
    """FACTS 8 saga_dispatch: two commands of one saga are two executions."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            _, peer = await launcher.ready()
            peer.command("reap_panes", label="main", saga_id=8)
            peer.command("drain_pool_if_last", label="main", saga_id=8)
            await peer.got("report_panes_reaped", saga_id=8)
            await peer.got("report_pool_drain_decision", saga_id=8)

    asyncio.run(main())


def test_the_first_decision_is_kept() -> None:
    """FACTS 8 saga_dispatch: the same question after the answer has changed: the same answer."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            peer.command("drain_pool_if_last", label="main", saga_id=8)
            await peer.got("report_pool_drain_decision", was_last=True, saga_id=8)
            host.type("fill; promote")
            await peer.got("report_pool_window_promoted")
            peer.command("drain_pool_if_last", label="main", saga_id=8)
            peer.command("drain_pool_if_last", label="main", saga_id=9)
            await peer.got("report_pool_drain_decision", was_last=True, saga_id=8, times=2)
            await peer.got("report_pool_drain_decision", was_last=False, saga_id=9)

    asyncio.run(main())


def test_id_zero_is_no_saga() -> None:
    """FACTS 2.9: id 0, or none, bypasses the cache and is answered with null."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.host("--no-main", "--pool", "0")
            peer.command("spawn_pool_window", saga_id=0)
            peer.command("spawn_pool_window")
            await peer.got("report_pool_window_added", saga_id=None, times=2)
            assert len(host.panes()) == 2

    asyncio.run(main())


def test_what_a_host_can_not_use_is_one_warning_and_no_reply() -> None:
    """FACTS 2.9: garbage, an unknown kind and an unknown command are skipped, one line each."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            before = len(peer.raw)
            peer.send_raw(b"\xff{\n\n  \r\n")
            peer.command("dance", saga_id=3)
            peer.send({"kind": "wish", "cmd": "spawn_pool_window", "saga_id": 3})
            peer.send({"event": "window_closed", "label": "x", "version": 1})
            await peer.alive(1)
            assert peer.lines[before:] == [{"cmd": "report_ui_thread_alive", "nonce": 1}]
            assert "dance" in await host.says("warning: ignored", times=2)
            await host.says("warning: ignored", times=3)

    asyncio.run(main())
