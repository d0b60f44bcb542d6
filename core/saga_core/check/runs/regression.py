"""A test from a counterexample: it fails while the run breaks a promise, and passes after."""

from saga_core.check.runs.capsule import AGENTMUX, Capsule, text_of

_FILE = '''\
"""{promise}: {sentence}.

Written by `agentmux-launcher check --pytest`. It fails while this run breaks a promise; it passes
once the run keeps them all, or can't happen any more.
"""

{imports}

CAPSULE = r"""
{text}"""


def test_{function}() -> None:
    """{promise}: {sentence}."""
    outcome = replay(capsule_of(CAPSULE).unwrap(), SCENARIO)
    assert outcome.verdict != "breaks", f"move {{outcome.move}}: {{outcome.sentence}}"
'''


_API = "from saga_core.check import capsule_of, replay"


def pytest_file(capsule: Capsule) -> str:
    """The text of a pytest file that holds the capsule and replays it."""
    place = "saga_core.check.agentmux:SCENARIO"
    if capsule.application != AGENTMUX:
        place = capsule.application
    module, _, name = place.partition(":")
    imported = name if name == "SCENARIO" else f"{name} as SCENARIO"
    return _FILE.format(
        promise=capsule.promise,
        sentence=_quoted(capsule.sentence),
        imports="\n".join(sorted([_API, f"from {module} import {imported}"])),
        text=text_of(capsule),
        function=capsule.promise.lower(),
    )


def _quoted(sentence: str) -> str:
    """`sentence` for a docstring."""
    return sentence.replace("\\", "\\\\").replace('"', '\\"').rstrip(".")
