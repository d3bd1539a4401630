"""How many prototypes are enough, where all classes have the same number."""

from __future__ import annotations

import dataclasses

from ..problem.ufm import UFM
from ..solve.solve import silent_solution
from .target import Target

_MOST = 10**9
"""Prototypes of a class that are looked at."""


def enough_prototypes(problem: UFM, target: Target, tolerance: float) -> int | None:
    """Return the smallest number with which the optimum is within a distance of the target.

    By doubling and bisection, of a distance that falls with the number from there on; None where a
    billion are not enough.

    Parameters
    ----------
    problem : UFM
        Of a loss with `Loss.among_prototypes`.
    target : Target
    tolerance : float
    """
    loss = problem.loss.among_prototypes()
    assert loss is not None

    def is_enough(count: int) -> bool:
        turned = dataclasses.replace(problem, loss=loss.with_options(per_class=count))
        return target.distance(silent_solution(turned).orbit_gram) <= tolerance

    if is_enough(0):
        return 0
    low, high = 0, 1
    while not is_enough(high):
        low, high = high, 2 * high
        if high > _MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
