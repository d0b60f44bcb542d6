"""Fuzz one target, guided by coverage, until it breaks or is told to stop.

    pip install -e '.[test,fuzz]'
    python -m tests.fuzz decode -max_total_time=600

The targets are those of `targets.py`; all that follows the name goes to libFuzzer. An input that
breaks a promise is left in a file named `crash-…`: put it into `tests/fuzz/found`, where every test
run plays it.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["saga_core", "saga_shell.ipc"]):
    from tests.fuzz.seeds import SEEDS
    from tests.fuzz.targets import TARGETS

LONGEST = "-max_len=4096"
"""Bytes of one input, unless the command line says otherwise."""


def main() -> None:
    """Seed a corpus and fuzz."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz {{{'|'.join(TARGETS)}}} [libFuzzer's options]")
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        atheris.Setup([sys.argv[0], corpus, LONGEST, *sys.argv[2:]], TARGETS[sys.argv[1]])
        atheris.Fuzz()


main()
