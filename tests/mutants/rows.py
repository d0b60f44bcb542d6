"""The known races of FACTS 7.1 and 7.2, and the hand-made mutants of each, or why there is none.

A hand-made mutant says in its first line which of them it brings back.
"""

from re import findall
from typing import NamedTuple

from tests.core.check.test_mutants import KILLS

_MIRROR = "a rule of the mirror of processes, windows and pool: the checker promises nothing of it"
_GATE = "who may say what is a rule of the application: the checker's peers are hosts"
_SHELL = "a rule of the shell"
_HOST = "a rule of the host"
_LOG = "a rule of the log's file"
_DIAG = "a rule of `diag`"
_WIRE = "a rule of the wire form"
_DECIDED = "nothing was built, by decision"

WHY = {
    "F-01": _SHELL,
    "F-02": _MIRROR,
    "F-03": _MIRROR,
    "F-04": _GATE,
    "F-05": _GATE,
    "F-06": _MIRROR,
    "F-07": _MIRROR,
    "F-08": _HOST,
    "F-09": _MIRROR,
    "F-10": _DIAG,
    "F-11": _DIAG,
    "F-12": _SHELL,
    "F-13": _WIRE,
    "F-14": _SHELL,
    "F-15": _MIRROR,
    "F-18": _LOG,
    "F-21": "a crash close is no trigger: the checker's triggers are those that start a saga",
    "F-22": _SHELL,
    "F-23": _SHELL,
    "F-27": _WIRE,
    "F-28": _SHELL,
    "F-35": _LOG,
    "F-36": _DIAG,
    "F-37": _DIAG,
    "F-39": _HOST,
    "F-40": _HOST,
    "F-41": _MIRROR,
    "F-42": _MIRROR,
    "F-43": _MIRROR,
    "F-44": _SHELL,
    "F-46": _MIRROR,
    "R-04": _SHELL,
    "R-05": _SHELL,
    "R-12": _DECIDED,
    "R-14": "the order of its answers is a saga's own: the checker knows only that it ends",
    "R-15": "two triggers are two sagas, by decision: a trigger that starts none breaks no promise",
    "R-21": _HOST,
    "R-22": _HOST,
    "R-23": _DECIDED,
    "R-31": _SHELL,
    "R-32": _SHELL,
    "R-35": _DECIDED,
    "R-36": _SHELL,
    "R-37": _LOG,
    "R-43": _SHELL,
    "R-45": _LOG,
    "R-46": _LOG,
    "R-47": _DIAG,
    "R-48": _DIAG,
    "R-49": _SHELL,
    "R-50": _GATE,
    "R-51": _GATE,
    "R-52": _GATE,
    "R-53": _GATE,
    "R-54": _GATE,
    "R-55": _SHELL,
    "R-57": _MIRROR,
    "R-58": _MIRROR,
    "R-59": _DECIDED,
    "R-60": _SHELL,
    "R-61": _SHELL,
    "R-62": _SHELL,
    "R-63": _SHELL,
    "R-64": _SHELL,
}
"""Why a row has no mutant. `tests/README.md` names the tests of each row, these too."""


class Told(NamedTuple):
    """The mutants of a row, by name; without any, `why` says why."""

    mutants: tuple[str, ...]
    why: str


def _told(row: str) -> Told:
    mutants = tuple(mutant.__name__ for mutant in KILLS if row in _named(mutant.__doc__ or ""))
    return Told(mutants, WHY.get(row, ""))


def _named(text: str) -> list[str]:
    return findall(r"\b[FR]-\d\d\b", text.partition("\n")[0])


ROWS = {
    row: _told(row)
    for row in (*(f"F-{n:02}" for n in range(1, 48)), *(f"R-{n:02}" for n in range(1, 65)))
}
"""All rows."""
