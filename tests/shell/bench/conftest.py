"""The smallest sizes at which every part has something to measure."""

from collections.abc import Iterator

import msgspec
import pytest

from saga_shell.bench.place import Place, temporary
from saga_shell.bench.sizes import QUICK, Sizes


@pytest.fixture
def sizes() -> Sizes:
    """One run of a few sagas."""
    return msgspec.structs.replace(
        QUICK,
        runs=1,
        in_flight=(1, 16),
        others=(10, 100),
        alone=4,
        rounds=1,
        steps=4,
        subscribers=(0, 1, 2),
        history=(30, 60),
        unresolved=(0, 20),
        held=40,
        through=50,
        load_seconds=4,
    )


@pytest.fixture
def told() -> list[str]:
    """What the place was told to be measured."""
    return []


@pytest.fixture
def place(told: list[str]) -> Iterator[Place]:
    """A place that goes when the test ends."""
    with temporary(None, told.append) as somewhere:
        yield somewhere
