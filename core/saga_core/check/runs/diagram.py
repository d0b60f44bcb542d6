"""A run as a Mermaid sequence diagram: who told whom what, move by move."""

from collections.abc import Iterator, Sequence

from saga_core.check.report import Line

_WORLD, _REGISTRY = "W", "R"
_TOLD = {
    "log": ("G", "log"),
    "link": ("L", "link + buffer"),
    "timers": ("T", "timers"),
    "peers": ("P", "peers"),
    "bus": ("B", "bus"),
}
"""Each lane's participant: a single letter is no word of Mermaid's, and its label."""


_ESCAPES = {"#": "#35;", ";": "#59;"}


def diagram(lines: Sequence[Line], ending: str, repeats: int | None = None) -> str:
    """The moves with what each changed; `ending` is what the run comes to.

    `repeats`: from which of the moves on the run goes round for ever, as in a counterexample.
    """
    return "\n".join(_diagram(lines, ending, repeats)) + "\n"


def _diagram(lines: Sequence[Line], ending: str, repeats: int | None) -> Iterator[str]:
    yield "sequenceDiagram"
    for letter, label in ((_WORLD, "world"), (_REGISTRY, "registry"), *_TOLD.values()):
        yield f"    participant {letter} as {label}"
    for place, line in enumerate(lines):
        if place == repeats:
            yield "    loop for ever"
        yield from _move(place + 1, line)
    if repeats is not None and repeats < len(lines):
        yield "    end"
    if repeats == len(lines):
        yield "    Note over W,B: and from here on nothing that is fair can happen"
    yield f"    Note over W,B: {_plain(ending)}"


def _move(number: int, line: Line) -> Iterator[str]:
    yield f"    {_WORLD}->>{_REGISTRY}: {number}. {_plain(line.move)}"
    if line.registry:
        yield f"    Note over {_REGISTRY}: {_plain(line.registry)}"
    for lane, (letter, _) in _TOLD.items():
        text = getattr(line, lane)
        if text:
            yield f"    {_REGISTRY}->>{letter}: {_plain(text)}"


def _plain(text: str) -> str:
    """`text` without what ends a statement or begins an escape in Mermaid."""
    escaped = (_ESCAPES.get(character, character) for character in text)
    return " ".join("".join(escaped).split())
