"""How well a Gram matrix satisfies the constraints of a problem's own."""

from __future__ import annotations

import numpy as np

from ..gram.cells import CellGram, Level
from ..gram.curve import AnyGram
from ..problem.program import Program, bounds_at
from ..problem.ufm import UFM

_NEARLY = 1e-9
"""Excess, relative to what a constraint sums, that factors of a Gram matrix may round to."""


def largest_excess(problem: UFM, gram: AnyGram) -> float:
    """Return the largest excess of all constraints at a Gram matrix by orbit, in its units."""
    linear, convex = bounds_at(problem, Level.ORBITS)
    unit, excess = gram.dense().scaled(1 / problem.temperature), 0.0
    if linear is not None:
        excess = problem.temperature * float(np.abs(linear.excess(unit)).max())
    return excess if convex is None else max(excess, convex.violation(unit))


def is_nearly_within(program: Program, gram: CellGram) -> bool:
    """Whether all constraints hold at a Gram matrix at unit temperature, but for rounding."""
    linear, convex = program.linear, program.convex
    if linear is not None:
        beyond = np.abs(linear.excess(gram)) > _NEARLY * linear.sizes(gram)
        if beyond.any():
            return False
    return convex is None or convex.hold(gram)
