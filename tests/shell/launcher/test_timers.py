"""Timers: what fires, when, in which order, and that nothing is left of what doesn't."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from saga_core.engine import FrameExpiry, SagaDeadline, Timer, TimerFired
from saga_shell.launcher.timers import Timers
from saga_shell.rehearsal.clock import run_virtually

Fired = list[tuple[Timer, float]]


def with_timers(
    act: Callable[[Timers], Coroutine[Any, Any, None]],
) -> Fired:
    """What fired, and when, while `act` ran and an hour after it."""
    fired: Fired = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        timers = Timers(lambda event: fired.append((event.timer, loop.time())))
        await act(timers)
        await asyncio.sleep(3_600)
        assert len(timers) == 0

    run_virtually(main())
    return fired


def test_timers_fire_in_order_of_time_and_at_their_time() -> None:
    """FACTS R-26: each timer fires by itself when it is due, whatever order they were armed in."""

    async def act(timers: Timers) -> None:
        timers.arm(SagaDeadline(1), 30)
        timers.arm(SagaDeadline(2), 5)
        timers.arm(FrameExpiry(1, 7), 12.5)

    assert with_timers(act) == [
        (SagaDeadline(2), 5),
        (FrameExpiry(1, 7), 12.5),
        (SagaDeadline(1), 30),
    ]


def test_timers_of_one_moment_fire_in_the_order_of_arming() -> None:
    """DESIGN 4: sagas that were armed together meet their deadlines in that order."""

    async def act(timers: Timers) -> None:
        for saga_id in (3, 1, 2):
            timers.arm(SagaDeadline(saga_id), 5)

    assert [timer for timer, _ in with_timers(act)] == [SagaDeadline(n) for n in (3, 1, 2)]


def test_a_cancelled_timer_does_not_fire() -> None:
    """FACTS R-19: neither the first in line nor one behind it; cancelling nothing is harmless."""

    async def act(timers: Timers) -> None:
        for saga_id in (1, 2, 3):
            timers.arm(SagaDeadline(saga_id), saga_id)
        timers.cancel(SagaDeadline(1))
        timers.cancel(SagaDeadline(3))
        timers.cancel(SagaDeadline(99))

    assert with_timers(act) == [(SagaDeadline(2), 2)]


def test_a_timer_armed_anew_fires_once_at_its_new_time() -> None:
    """The earlier arming no longer counts, whether it was sooner or later than the new one."""

    async def act(timers: Timers) -> None:
        timers.arm(SagaDeadline(1), 5)
        timers.arm(SagaDeadline(1), 10)
        timers.arm(SagaDeadline(2), 30)
        timers.arm(SagaDeadline(2), 3)

    assert with_timers(act) == [(SagaDeadline(2), 3), (SagaDeadline(1), 10)]


def test_a_timer_may_be_armed_again_after_it_fired() -> None:
    """A frame that goes back into the buffer gets a new expiry."""

    async def act(timers: Timers) -> None:
        timers.arm(SagaDeadline(1), 5)
        await asyncio.sleep(6)
        timers.arm(SagaDeadline(1), 5)

    assert with_timers(act) == [(SagaDeadline(1), 5), (SagaDeadline(1), 11)]


def test_ten_thousand_completed_sagas_leave_nothing_behind() -> None:
    """FACTS R-19: cancelled and re-armed timers take no room, in our heap or in the loop's."""

    async def act(timers: Timers) -> None:
        for saga_id in range(10_000):
            timers.arm(SagaDeadline(saga_id), 30)
            timers.cancel(SagaDeadline(saga_id))
        for _ in range(10_000):
            timers.arm(SagaDeadline(0), 30)
        assert len(timers) == 1
        assert len(timers._heap) < 100
        assert len(asyncio.all_tasks()) == 1

    assert [timer for timer, _ in with_timers(act)] == [SagaDeadline(0)]


def test_nothing_fires_after_a_stop() -> None:
    """A run that ended hears of no timer."""

    async def act(timers: Timers) -> None:
        timers.arm(SagaDeadline(1), 5)
        timers.stop()

    assert with_timers(act) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 20), st.booleans(), st.integers(0, 3)),
        max_size=150,
    )
)
def test_any_use_of_timers_is_as_if_each_was_alone(
    acts: list[tuple[int, int, bool, int]],
) -> None:
    """Arming and cancelling in any order, over time: each fires at its last armed time or never."""
    expected: Fired = []
    due: dict[int, float] = {}

    async def act(timers: Timers) -> None:
        loop = asyncio.get_running_loop()
        for saga_id, seconds, arms, pause in acts:
            if arms:
                timers.arm(SagaDeadline(saga_id), seconds)
                due[saga_id] = loop.time() + seconds
            else:
                timers.cancel(SagaDeadline(saga_id))
                due.pop(saga_id, None)
            await asyncio.sleep(pause + 0.5)
            for other in [other for other, at in due.items() if at <= loop.time()]:
                expected.append((SagaDeadline(other), due.pop(other)))

    fired = with_timers(act)
    expected += [(SagaDeadline(saga_id), at) for saga_id, at in due.items()]
    assert sorted(fired, key=repr) == sorted(expected, key=repr)
    assert [at for _, at in fired] == sorted(at for _, at in fired)


def test_the_sink_gets_events_for_the_reducer() -> None:
    """DESIGN 2: an expiry comes back as an event like any other."""
    events: list[TimerFired] = []

    async def main() -> None:
        Timers(events.append).arm(SagaDeadline(1), 0)
        await asyncio.sleep(0.001)

    run_virtually(main())
    assert events == [TimerFired(SagaDeadline(1))]
