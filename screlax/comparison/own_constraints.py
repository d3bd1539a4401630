"""Whether embeddings satisfy the constraints of a problem's own: only then is there an excess."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..gram.cells import CellGram, Level
from ..problem.program import bounds_at
from ..solution.solution import Solution
from .objective import Evaluation

_SINGLE = 1e-5
"""Excess over a bound, relative to what it sums, that embeddings in single precision round to."""


@dataclass(frozen=True)
class Satisfied:
    """What constraints are to embeddings.

    Attributes
    ----------
    reason : str
        Why there is no excess over the optimum; empty where all are satisfied.
    worth : float
        What rounding beyond the bounds can be worth, by their multipliers: Σ |y| of it.
    """

    reason: str = ""
    worth: float = 0.0


def satisfied(evaluation: Evaluation, solution: Solution) -> Satisfied:
    """Return whether the classes' mean squared norms and inner products are within all bounds.

    The lower bound of an optimum is one over embeddings that are; others may have a smaller loss.
    """
    problem = solution.problem
    if not problem.constraints:
        return Satisfied()
    linear, convex = bounds_at(problem, Level.CLASSES)
    gram = CellGram(evaluation.squares, evaluation.gram.pair)
    if linear is None or convex is not None:
        return Satisfied("some of them are functions, which no lower bound knows of")
    beyond = np.abs(linear.excess(gram))
    worst = int(np.argmax(beyond / linear.sizes(gram)))
    if beyond[worst] > _SINGLE * linear.sizes(gram)[worst]:
        value = problem.temperature * float(linear.values(gram)[worst])
        return Satisfied(
            f"these embeddings do not satisfy {linear.names[worst]} (they have {value:.4g}), and "
            "those that do not may have a smaller loss"
        )
    dual = None if solution.orbit_dual is None else solution.orbit_dual.linear
    prices = np.zeros(len(linear)) if dual is None else np.abs(linear.admissible(dual))
    return Satisfied(worth=float(prices @ beyond))
