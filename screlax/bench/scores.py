"""Methods over the same problems for all: solved, shifted geometric means, performance profiles.

Failures count: where a method does not reach the accuracy within the limit (refused, not tried,
timeout, failed, or too far off) its time is the limit in a mean, and infinite in a profile.

Sources: Mittelmann's benchmarks for the means; Dolan and Moré, Benchmarking optimization software
with performance profiles, Mathematical Programming 91 (2002) for the profiles.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .table import NOT_TRIED, REFUSED, Row

SHIFT = 0.01
"""Seconds added before the geometric mean and subtracted after: times far below count the same."""

_UNTAKEN = (REFUSED, NOT_TRIED)


def shifted_geometric_mean(seconds: Sequence[float], shift: float = SHIFT) -> float:
    """Return exp(mean log(t + shift)) − shift; NaN of nothing."""
    if not seconds:
        return math.nan
    return math.exp(sum(math.log(t + shift) for t in seconds) / len(seconds)) - shift


Times = dict[str, dict[str, float]]
"""Seconds to an accuracy by method and problem, infinite where it is not reached in time."""


def times_to(
    rows: Sequence[Row], accuracy: float, limit: float, excess: Mapping[Row, float]
) -> Times:
    """Return the least time of any run of a method on a problem whose `excess` is in reach."""
    problems = dict.fromkeys(row.problem for row in rows)
    found: Times = {}
    for row in rows:
        times = found.setdefault(row.method, dict.fromkeys(problems, math.inf))
        if excess[row] <= accuracy and row.seconds <= limit:
            times[row.problem] = min(times[row.problem], row.seconds)
    return found


def taken(rows: Sequence[Row]) -> dict[str, set[str]]:
    """Return for each method the problems that it was run on, whatever came of it."""
    found: dict[str, set[str]] = {}
    for row in rows:
        mine = found.setdefault(row.method, set())
        if row.outcome not in _UNTAKEN:
            mine.add(row.problem)
    return found


@dataclass(frozen=True)
class Score:
    """A method at one accuracy.

    `mean` is over all problems of the suite, the limit where not reached; `common_mean` the same
    over the problems that every method of a comparison takes, NaN for others.
    """

    method: str
    problems: int
    taken: int
    solved: int
    mean: float
    common_mean: float


def compared(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Return the methods that take at least half the problems, and the problems all of them take.

    The rest would leave next to no problem in common.
    """
    mine = taken(rows)
    problems = list(dict.fromkeys(row.problem for row in rows))
    methods = [method for method, own in mine.items() if 2 * len(own) >= len(problems)]
    common = [one for one in problems if all(one in mine[method] for method in methods)]
    return methods, common if methods else []


def scores(
    rows: Sequence[Row], accuracy: float, limit: float, excess: Mapping[Row, float]
) -> list[Score]:
    """Return a score per method, in the order of the rows; `excess` has to reach `accuracy`."""
    mine, (methods, common) = taken(rows), compared(rows)
    found = []
    for method, times in times_to(rows, accuracy, limit, excess).items():
        at_most = {problem: min(seconds, limit) for problem, seconds in times.items()}
        shared = [at_most[problem] for problem in common] if method in methods else []
        found.append(
            Score(
                method=method,
                problems=len(times),
                taken=len(mine[method]),
                solved=sum(map(math.isfinite, times.values())),
                mean=shifted_geometric_mean(list(at_most.values())),
                common_mean=shifted_geometric_mean(shared),
            )
        )
    return found


def profile(times: Times) -> dict[str, list[tuple[float, float]]]:
    """Return the performance profile of each method: steps (ratio, share of problems), ascending.

    The share of all problems that a method solves within `ratio` times the least time of any
    method; its last step is the share that it solves at all.

    >>> from screlax.bench.scores import profile
    >>> profile({"a": {"p": 1.0, "q": 4.0}, "b": {"p": 2.0, "q": float("inf")}})
    {'a': [(1.0, 1.0)], 'b': [(2.0, 0.5)]}
    """
    best: dict[str, float] = {}
    for of_method in times.values():
        for problem, seconds in of_method.items():
            best[problem] = min(seconds, best.get(problem, math.inf))
    found = {}
    for method, of_method in times.items():
        ratios = sorted(
            seconds / best[problem]
            for problem, seconds in of_method.items()
            if math.isfinite(seconds)
        )
        share = {ratio: (number + 1) / len(of_method) for number, ratio in enumerate(ratios)}
        found[method] = list(share.items())
    return found
