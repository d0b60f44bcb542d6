"""`fanout`: whole sagas while others listen. The subscribers read everything, in one process."""

from saga_shell.bench.exchange import running_launcher
from saga_shell.bench.failure import BenchFailed
from saga_shell.bench.figures import Run, at_most
from saga_shell.bench.place import Place
from saga_shell.bench.processes import play_host, serving
from saga_shell.bench.sizes import Sizes

IN_FLIGHT = 256
OVER_ONE = {50: at_most(3)}
"""How much more a saga may cost with so many subscribers than with one."""


def measure(sizes: Sizes, place: Place) -> Run:
    """One run. The host, which hears the bus too, is not counted as a subscriber."""
    run = Run()
    sagas = sizes.sagas(IN_FLIGHT)
    for subscribers in sizes.subscribers:
        place.tell(f"{subscribers} subscribers")
        rate = _sagas_per_second(place, subscribers, sagas)
        run.note(f"fanout_{subscribers}", rate, "sagas/s")
    for subscribers in sizes.subscribers:
        if subscribers > 1:
            over, under = "fanout_1", f"fanout_{subscribers}"
            goal = OVER_ONE.get(subscribers)
            run.compare(f"{over} / {under}", over, under, goal)
    return run


def _sagas_per_second(place: Place, subscribers: int, sagas: int) -> float:
    with (
        running_launcher(place) as (_, socket),
        serving("saga_shell.bench.listeners", socket, subscribers) as listeners,
    ):
        timing = play_host(socket, sagas, IN_FLIGHT)
        if listeners.poll() is not None:
            raise BenchFailed("the launcher hung up on a subscriber, so it did less than it should")
    return timing.sagas / timing.seconds
