"""Cases of the suite and their rows on disk: one small file each, so that nothing is done twice."""

import hashlib
import json
import re
from dataclasses import asdict, replace
from typing import Any, NamedTuple, get_type_hints

import numpy as np

from ..problem.ufm import UFM
from ..tasks.work import Work
from .methods import Method
from .problems import BenchProblem
from .table import MEASURED, OUTCOMES, RAN, TIMEOUT, Row

_KEPT = (RAN, TIMEOUT)
"""Outcomes that are kept; the others cost nothing, or may go better next time."""


class Case(NamedTuple):
    """A method on a problem at a requested tolerance."""

    problem: BenchProblem
    method: Method
    tolerance: float


def blank_row(case: BenchProblem, method: Method, tolerance: float) -> Row:
    """Return the row of a case before anything is known."""
    problem = case.problem
    sizes, control = problem.class_sizes, problem.control
    about = f"{problem.loss}, {control.name} {control.numbers_in_words}, {problem.features.value}"
    size = (sizes.classes, sizes.orbits)
    return Row(case.group, case.name, method.name, about, *size, tolerance)


class BenchWork(Work[Case, Row]):
    """What is kept of a case; the runner does the work, as cases take turns."""

    mark = "screlax-bench-3"

    def __init__(self, limit: float, repeats: int) -> None:
        self.limit, self.repeats = limit, repeats

    def run(self, task: Case) -> Row:
        """Refuse: one case is never run alone."""
        raise NotImplementedError("cases of a problem take turns; see run_suite")

    def failure(self, task: Case, reason: str) -> Row:
        """Return a row that says so."""
        return replace(blank_row(*task), reason=reason)

    def place(self, task: Case) -> str:
        """Name files so that one finds them."""
        plain = re.sub(r"[^A-Za-z0-9.=]+", "-", f"{task.problem.name}_{task.method.name}")
        text = json.dumps(self.identity(task), sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:12]
        return f"{plain[:80]}_{task.tolerance:g}_{key}"

    def identity(self, task: Case) -> dict[str, Any]:
        """Return what the row depends on; machine and versions are those of the whole folder."""
        return {
            "set": task.problem.group,
            "name": task.problem.name,
            "problem": problem_record(task.problem.problem),
            "method": task.method.name,
            "tolerance": task.tolerance,
            "limit": self.limit,
            "repeats": self.repeats,
        }

    def record(self, outcome: Row) -> dict[str, Any] | None:
        """Keep what was measured, if it ran."""
        if outcome.outcome not in _KEPT:
            return None
        return {name: getattr(outcome, name) for name in MEASURED}

    def restore(self, task: Case, record: dict[str, Any]) -> Row:
        """Return the row; its bounds are believed, as the Gram matrix behind them is not kept."""
        return row_of({**asdict(blank_row(*task)), **{name: record[name] for name in MEASURED}})


def row_of(record: dict[str, Any]) -> Row:
    """Return the row of a record that a run can have left.

    Raises
    ------
    TypeError, ValueError
        If it is none.
    """
    row = Row(**record)
    for name, kind in get_type_hints(Row).items():
        if not isinstance(getattr(row, name), kind):
            raise ValueError(f"{name} is {record[name]!r}")
    if row.outcome not in OUTCOMES or not (row.seconds > 0 and row.relative_gap >= 0):  # or NaN
        raise ValueError("it says what no run can")
    return row


def problem_record(problem: UFM) -> dict[str, Any]:
    """Return everything that a problem depends on, as JSON has it; sizes as their hash."""
    sizes = problem.class_sizes
    orbits = () if sizes.orbit_of_class is None else sizes.orbit_of_class
    counts = (sizes.distinct, sizes.multiplicities, orbits)
    digest = hashlib.sha256()
    for numbers in counts:
        digest.update(np.asarray(numbers, dtype="<i8").tobytes() + b"|")
    return {
        "sizes": digest.hexdigest(),
        "control": problem.control.record(),
        "temperature": problem.temperature,
        "loss": problem.loss.record(),
        "features": problem.features.value,
        "constraints": [one.record() if one.is_linear else str(one) for one in problem.constraints],
    }
