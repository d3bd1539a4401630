"""Rows of results, and what is computed from them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHIFT = 0.01
"""Seconds added before the geometric mean and subtracted after: times far below count the same."""

CONTRADICTION = 1e-9
"""Relative amount by which a value may be below another row's bound: more, and one is wrong."""


@dataclass(frozen=True)
class Row:
    """One method on one problem at one requested relative accuracy.

    `outcome` is "ran", "time-out", "failed" or "skipped", `reason` says why. `seconds` is the wall
    time of the method without certifying (the limit where it ran out), `megabytes` the peak memory
    of the process; `relative_gap`, `value` and `lower` are certified, `loss` is the problem's.
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
    loss: str = "supcon"


def shifted_geometric_mean(seconds: Sequence[float], shift: float = SHIFT) -> float:
    """Return exp(mean log(t + shift)) − shift (the convention of Mittelmann's benchmarks)."""
    if not seconds:
        return math.nan
    return math.exp(sum(math.log(t + shift) for t in seconds) / len(seconds)) - shift


def suboptimality(rows: Sequence[Row]) -> dict[Row, float]:
    """Return for each row (value − bound)/|value| with the best bound of any row of its problem.

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
    if not (math.isfinite(row.value) and row.value != 0 and math.isfinite(bound)):
        return math.inf
    excess = (row.value - bound) / abs(row.value)
    return math.inf if excess < -CONTRADICTION else max(excess, 0.0)


@dataclass(frozen=True)
class Score:
    """A method over the problems it was not skipped on: how many it solved within the limit.

    The mean of the times to the accuracy is shifted geometric, with the limit where not reached.
    """

    method: str
    problems: int
    solved: int
    mean_seconds: float


def scores(
    rows: Sequence[Row], accuracy: float, limit: float, excess: Mapping[Row, float]
) -> list[Score]:
    """Return a score per method, in the order of the rows; `excess` has to reach `accuracy`."""
    found = []
    for method in dict.fromkeys(row.method for row in rows):
        times: dict[str, float] = {}
        for row in rows:
            if row.method == method and row.outcome != "skipped":
                reached = row.seconds if excess[row] <= accuracy else math.inf
                times[row.problem] = min(reached, times.get(row.problem, math.inf))
        solved = sum(t <= limit for t in times.values())
        mean = shifted_geometric_mean([min(t, limit) for t in times.values()])
        found.append(Score(method, len(times), solved, mean))
    return found
