"""A load's account notices what is lost, told twice or told differently; its peers complain."""

import asyncio
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from saga_core.agentmux import wire
from saga_core.engine import LogRecord, SagaClosed, SagaOpened
from saga_shell.bench import load_driver
from saga_shell.bench.account import Trigger, Verdict, judge
from saga_shell.bench.failure import BenchFailed
from saga_shell.bench.logs import commit, writing
from saga_shell.bench.place import Place
from saga_shell.bench.processes import outcome_of


def told(number: int, state: str = "completed", starts: int = 1, ends: int = 1) -> Trigger:
    """A trigger whose saga has its number as id."""
    trigger = Trigger(number, due=0.0, saga_id=number, starts=starts, ends=ends, state=state)
    trigger.started = trigger.ended = 1.0
    return trigger


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The rows of triggers 1 to 3: completed, failed, and still running."""
    path = tmp_path / "log.db"
    records: list[LogRecord] = [
        SagaOpened(number, "n", f'{{"promoted_label":"t{number}"}}') for number in (1, 2, 3)
    ]
    records += [SagaClosed(1, "completed", None), SagaClosed(2, "failed", "why")]

    async def write() -> None:
        async with writing(path) as writer:
            await commit(writer, records)

    asyncio.run(write())
    return path


@pytest.mark.parametrize(
    ("triggers", "verdict"),
    [
        ([told(1), told(2, "failed")], Verdict(0, 0, 0)),
        ([told(4)], Verdict(lost=1, twice=0, differ=0)),
        ([told(1, starts=0)], Verdict(lost=1, twice=0, differ=0)),
        ([told(1, ends=0)], Verdict(lost=1, twice=0, differ=0)),
        ([told(3)], Verdict(lost=1, twice=0, differ=0)),
        ([told(1, starts=2)], Verdict(lost=0, twice=1, differ=0)),
        ([told(1, ends=2)], Verdict(lost=0, twice=1, differ=0)),
        ([told(2)], Verdict(lost=0, twice=0, differ=1)),
    ],
)
def test_every_trigger_is_accounted_for(
    log: Path, triggers: list[Trigger], verdict: Verdict
) -> None:
    """RELIABILITY 14: one saga, one end, the same on bus and in the log; all else is counted."""
    assert judge(triggers, log) == verdict


def test_a_trigger_with_two_sagas_is_noticed(log: Path) -> None:
    """RELIABILITY 14: the log may not have more of it than the bus told."""
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute('UPDATE launcher_saga SET input_json = \'{"closed_label":"t1"}\'')
    assert judge([told(1)], log) == Verdict(lost=0, twice=1, differ=0)


def leave(accepted: list[socket.socket]) -> None:
    """Hang up on the first who came, who keeps the account."""
    accepted[0].close()


def welcome_and_leave(accepted: list[socket.socket]) -> None:
    """Let the account begin, and hang up on the last who came, a host."""
    accepted[0].sendall(b'{"event":"registered"}\n')
    accepted[4].close()


@pytest.mark.parametrize(
    ("misbehave", "complaint"),
    [
        (leave, "hung up on a subscriber that reads"),
        (welcome_and_leave, "hung up on a host that reads"),
    ],
)
def test_a_launcher_that_hangs_up_ends_the_load(
    place: Place, misbehave: Callable[[list[socket.socket]], None], complaint: str
) -> None:
    """A launcher that drops peers who do nothing wrong is not fast, it is broken."""
    path = place.new_socket()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            accepted = [listening.accept()[0] for _ in range(6)]
            misbehave(accepted)
            ended.wait()
            for one in accepted:
                one.close()

        ended = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        arguments = (path, place.new(), 5, 0, 10, 1)
        with pytest.raises(BenchFailed, match=f"the load gave up: .*{complaint}"):
            outcome_of("the load", "saga_shell.bench.load_driver", *arguments)
        ended.set()
        thread.join()


def test_the_driver_s_answers_can_be_read() -> None:
    """What the peers of a load say are commands of the tables."""
    lines = [
        load_driver._OPEN % b"t1",
        load_driver._CLOSE % b"t1",
        load_driver._PROMOTE % b"t1",
        load_driver._ADDED % b"1",
        load_driver._REAPED % (b"t1", b"1"),
        load_driver._DECIDED % (b"t1", b"1"),
        load_driver._FAILED % b"1",
    ]
    for line in lines:
        wire.decode_command(line.rstrip(b"\n")).unwrap()
