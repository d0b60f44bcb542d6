"""Every race, driven through `step` exhaustively: for our sagas and for yours.

    from saga_core.check import Scenario, Scope, Watch, check

A `Scenario` tells of an application and its peers, a `Scope` how many triggers come and what may
go wrong; `check` visits every world within the scope and reports what holds. The reducer that it
drives is the one that runs in production.
"""

from saga_core.check.checker import COMPLETES, CONTRACTS, ENDS, SAFETY, SETTLES, SOMETIMES, check
from saga_core.check.report import (
    CheckedScope,
    Counterexample,
    CoveredFile,
    Line,
    Report,
    StepCoverage,
    Swap,
    Verdict,
)
from saga_core.check.runs.capsule import AGENTMUX, Capsule, capsule_of, text_of
from saga_core.check.runs.diagram import diagram
from saga_core.check.runs.played import Played
from saga_core.check.runs.regression import pytest_file
from saga_core.check.runs.replay import Outcome, misfit, played, replay
from saga_core.check.scope import (
    ALIKE,
    DEAD_ANSWERS,
    DEGRADED,
    FAULTS,
    HONEST,
    LATE_ROWS,
    NAMES,
    NO_LESS,
    ORDER,
    REDUCTIONS,
    ROWS,
    LogForm,
    Scenario,
    Scope,
)
from saga_core.check.search import Limits, Progress, Watch

__all__ = [
    "AGENTMUX",
    "ALIKE",
    "COMPLETES",
    "CONTRACTS",
    "DEAD_ANSWERS",
    "DEGRADED",
    "ENDS",
    "FAULTS",
    "HONEST",
    "LATE_ROWS",
    "NAMES",
    "NO_LESS",
    "ORDER",
    "REDUCTIONS",
    "ROWS",
    "SAFETY",
    "SETTLES",
    "SOMETIMES",
    "Capsule",
    "CheckedScope",
    "Counterexample",
    "CoveredFile",
    "Limits",
    "Line",
    "LogForm",
    "Outcome",
    "Played",
    "Progress",
    "Report",
    "Scenario",
    "Scope",
    "StepCoverage",
    "Swap",
    "Verdict",
    "Watch",
    "capsule_of",
    "check",
    "diagram",
    "misfit",
    "played",
    "pytest_file",
    "replay",
    "text_of",
]
