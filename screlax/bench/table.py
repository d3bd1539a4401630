"""Rows of results, and what is computed from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHIFT = 0.01
"""Seconds added before the geometric mean and subtracted after: times far below count the same."""

CONTRADICTION = 1e-9
"""Relative amount by which a value may be below another row's bound: more, and one is wrong."""


@dataclass(frozen=True)
class Row:
    """One method on one problem at one requested tolerance.

    Attributes
    ----------
    group, problem, method : str
    classes, distinct_sizes : int
    tolerance : float
        Relative accuracy asked for.
    outcome : {"ran", "time-out", "failed", "skipped"}
    reason : str
        Why it failed or was skipped.
    seconds : float
        Wall time of the method, without certifying; the time limit where it ran out.
    relative_gap : float
        Certified relative gap, infinite where there is none.
    value, lower : float
        Certified bounds.
    megabytes : float
        Peak memory of the process.
    """

    group: str
    problem: str
    method: str
    classes: int
    distinct_sizes: int
    tolerance: float
    outcome: str
    reason: str = ""
    seconds: float = math.inf
    relative_gap: float = math.inf
    value: float = math.nan
    lower: float = math.nan
    megabytes: float = math.nan


def shifted_geometric_mean(seconds: Sequence[float], shift: float = SHIFT) -> float:
    """Return exp(mean log(t + shift)) − shift (the convention of Mittelmann's benchmarks)."""
    if not seconds:
        return math.nan
    return math.exp(sum(math.log(t + shift) for t in seconds) / len(seconds)) - shift


def suboptimality(rows: Sequence[Row]) -> dict[Row, float]:
    """Return for each row (value − bound)/value with the best bound of any row of its problem.

    Infinite where there is no value or no bound, and where a value is below a certified bound: one
    of the two certificates is wrong then, which must not look like success.

    A method without a dual point has a value that may be excellent and a bound of its own that is
    not; any certified bound proves how good its value is.
    """
    bounds: dict[str, float] = {}
    for row in rows:
        if math.isfinite(row.lower):
            bounds[row.problem] = max(row.lower, bounds.get(row.problem, -math.inf))
    return {row: _excess(row, bounds.get(row.problem, -math.inf)) for row in rows}


def _excess(row: Row, bound: float) -> float:
    """Return how far a value is above a bound; infinite without either, or far below the bound."""
    if not (math.isfinite(row.value) and row.value > 0 and math.isfinite(bound)):
        return math.inf
    excess = (row.value - bound) / row.value
    return math.inf if excess < -CONTRADICTION else max(excess, 0.0)


def time_to(rows: Sequence[Row], accuracy: float, excess: Mapping[Row, float]) -> float:
    """Return the least time in which `excess` came down to `accuracy`, or inf."""
    return min((row.seconds for row in rows if excess[row] <= accuracy), default=math.inf)


@dataclass(frozen=True)
class Score:
    """A method over all problems it was run on.

    Attributes
    ----------
    method : str
    problems, solved : int
        Problems it was not skipped on, and those brought to the accuracy within the limit.
    mean_seconds : float
        Shifted geometric mean of the times to that accuracy, the time limit where not reached.
    """

    method: str
    problems: int
    solved: int
    mean_seconds: float


def scores(
    rows: Sequence[Row], accuracy: float, limit: float, excess: Mapping[Row, float]
) -> list[Score]:
    """Return one score per method, in the order of the rows; skipped problems do not count.

    Parameters
    ----------
    rows : sequence of Row
    accuracy : float
        What `excess` has to come down to.
    limit : float
        Seconds that count where it did not.
    excess : mapping from Row to float
        Certified gap of each row, or its `suboptimality`.
    """
    found = []
    for method in dict.fromkeys(row.method for row in rows):
        mine = [row for row in rows if row.method == method and row.outcome != "skipped"]
        names = dict.fromkeys(row.problem for row in mine)
        times = [
            time_to([r for r in mine if r.problem == name], accuracy, excess) for name in names
        ]
        solved = sum(t <= limit for t in times)
        mean = shifted_geometric_mean([min(t, limit) for t in times])
        found.append(Score(method, len(times), solved, mean))
    return found
