"""The launcher ends with SIGKILL at every point between two effects; the next one settles it."""

import tempfile
from pathlib import Path

import pytest
from tests.crash.stories import SAGAS, play
from tests.crash.verdict import judge
from tests.e2e.outside import Place

WAYS = [(saga, connected) for saga in SAGAS for connected in (True, False)]


def points_of(saga: str, *, connected: bool) -> list[str]:
    """Every point that this story passes from its trigger on, each once, in order."""
    with tempfile.TemporaryDirectory(prefix="agmx-") as directory:
        place = Place(Path(directory))
        passed = place.directory / "points"
        play(place, saga, connected=connected, environment={"SAGA_POINTS_FILE": str(passed)})
        place.end()
        points = list(dict.fromkeys(passed.read_text().splitlines()))
    return points[points.index("before commit SagaOpened StepOpened") :]


@pytest.mark.parametrize(("saga", "connected"), WAYS)
@pytest.mark.timeout(900)
def test_a_crash_at_every_point_is_settled(saga: str, *, connected: bool) -> None:
    """RELIABILITY 2: rows, bus and ids of both runs tell one story, wherever the first one died."""
    points = points_of(saga, connected=connected)
    assert {"after Emit saga_started", "after ArmTimer SagaDeadline"} <= set(points)
    for point in points:
        with tempfile.TemporaryDirectory(prefix="agmx-") as directory:
            place = Place(Path(directory))
            before = play(place, saga, connected=connected, environment={"SAGA_CRASH_AT": point})
            try:
                judge(place, before)
            except AssertionError as broken:
                raise AssertionError(f"died {point}: {broken}") from broken
            finally:
                place.end()
