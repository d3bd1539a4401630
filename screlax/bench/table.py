"""Rows of results, and what each says of how far its method got."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

CONTRADICTION = 1e-9
"""Relative amount by which a value may be below another row's bound: more, and one is wrong."""

RAN, TIMEOUT, FAILED, REFUSED, NOT_TRIED = "ran", "timeout", "failed", "refused", "not tried"
"""Outcomes: ended by itself; was stopped; raised an error or crashed; cannot take the problem;
could, but is not tried on one so large."""

OUTCOMES = (RAN, TIMEOUT, FAILED, REFUSED, NOT_TRIED)

MEASURED = (
    *("outcome", "reason", "ran", "seconds", "cpu_seconds", "runs", "relative_gap"),
    *("value", "lower", "scale", "megabytes", "iterations"),
)
"""Columns that runs add to those that name a case."""


@dataclass(frozen=True)
class Row:
    """One method on one problem at one requested relative accuracy.

    Attributes
    ----------
    group, problem, method : str
        Names of the set of problems, the problem and the method.
    about : str
        Loss, control and features of the problem.
    classes, distinct_sizes : int
        Of the problem.
    tolerance : float
        Relative accuracy asked for; of a method that takes none, the smallest of the run.
    outcome : str
        One of those above; `reason` says why, where it is not "ran".
    ran : str
        What really ran, by the method's own report, and why it stopped.
    seconds, cpu_seconds : float
        Medians of `runs` runs: wall time of the method without certifying (the limit where it was
        stopped), and processor time of the whole call, the certificate included.
    relative_gap, value, lower : float
        Certified for the method's own points.
    scale : float
        What gaps are relative to: |value| + value − infimum of the loss.
    megabytes : float
        Peak memory above what the process had before; NaN where the system does not tell.
    iterations : int or None
        As the method counts them.
    """

    group: str
    problem: str
    method: str
    about: str
    classes: int
    distinct_sizes: int
    tolerance: float
    outcome: str = FAILED
    reason: str = ""
    ran: str = ""
    seconds: float = math.inf
    cpu_seconds: float = math.nan
    runs: int = 0
    relative_gap: float = math.inf
    value: float = math.nan
    lower: float = math.nan
    scale: float = math.nan
    megabytes: float = math.nan
    iterations: int | None = None


WALL, PROCESSOR = "wall", "processor"
"""Clocks: that on the wall, without certificates; and the processor's, of whole calls."""


def by_clock(row: Row, clock: str) -> Row:
    """Return a row whose `seconds` are by a clock; of what was stopped there are none."""
    if clock == WALL:
        return row
    return replace(row, seconds=row.cpu_seconds if row.cpu_seconds > 0 else math.inf)


def suboptimality(rows: Sequence[Row]) -> dict[Row, float]:
    """Return for each row (value − bound)/scale with the best bound of any row of its problem.

    Any certified bound proves how good a value is. Infinite where there is no value or bound, and
    where a value is below a bound: one certificate is wrong then, which must not look like success.
    """
    bounds: dict[str, float] = {}
    for row in rows:
        if math.isfinite(row.lower):
            bounds[row.problem] = max(row.lower, bounds.get(row.problem, -math.inf))
    return {row: _excess(row, bounds.get(row.problem, -math.inf)) for row in rows}


def _excess(row: Row, bound: float) -> float:
    """Return how far a value is above a bound; infinite without either, or far below the bound."""
    if not (math.isfinite(row.value) and row.scale > 0 and math.isfinite(bound)):
        return math.inf
    excess = (row.value - bound) / row.scale
    return math.inf if excess < -CONTRADICTION else max(excess, 0.0)


def own_gaps(rows: Sequence[Row]) -> dict[Row, float]:
    """Return for each row the gap that its own points certify."""
    return {row: row.relative_gap for row in rows}
