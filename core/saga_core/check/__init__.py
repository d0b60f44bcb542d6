"""Every race, driven through `step` exhaustively: for our sagas and for yours.

    from saga_core.check import Scenario, Scope, Watch, check

A `Scenario` tells of an application and its peers, a `Scope` how many triggers come and what may
go wrong; `check` visits every world within the scope and reports what holds. The reducer that it
drives is the one that runs in production.
"""

from saga_core.check.checker import COMPLETES, CONTRACTS, ENDS, SAFETY, SOMETIMES, check
from saga_core.check.report import CheckedScope, Counterexample, Line, Report, Verdict
from saga_core.check.scope import (
    DEAD_ANSWERS,
    FAULTS,
    HONEST,
    LATE_ROWS,
    NAMES,
    REDUCTIONS,
    Scenario,
    Scope,
)
from saga_core.check.search import Limits, Progress, Watch

__all__ = [
    "COMPLETES",
    "CONTRACTS",
    "DEAD_ANSWERS",
    "ENDS",
    "FAULTS",
    "HONEST",
    "LATE_ROWS",
    "NAMES",
    "REDUCTIONS",
    "SAFETY",
    "SOMETIMES",
    "CheckedScope",
    "Counterexample",
    "Limits",
    "Line",
    "Progress",
    "Report",
    "Scenario",
    "Scope",
    "Verdict",
    "Watch",
    "check",
]
