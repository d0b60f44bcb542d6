"""What seeded lives of both applications bring about, as one number: the same on every machine."""

import hashlib
import random

from tests.core.lives import launcher_life, shop_life

MOVES = 300


def digest() -> str:
    """A hash over every event and every effect, in order."""
    told = hashlib.sha256()
    for seed, make in enumerate((launcher_life, shop_life)):
        life, choices = make(), random.Random(seed)
        for _ in range(MOVES):
            life.go_on(choices.randrange)
        for event, effects in life.given:
            told.update(f"{event} {effects}\n".encode())
    return told.hexdigest()


if __name__ == "__main__":
    print(digest())
