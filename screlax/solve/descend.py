"""A descent at orbit level, and where it starts when no Gram matrix is near."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..gram.cells import CellGram, Level
from ..gram.curve import AnyGram
from ..optional import require_memory
from ..problem.program import build_program
from ..problem.ufm import UFM
from .base import ROOM, with_room
from .factored import solve_factored

_BUDGET_STRIDE, _ON_THE_WAY = 4.0, 1e-8
_NEAR_BUDGET = 10.0
"""ρ/τ up to which separate classes are a start as good as any, and no digits are lost by it."""


def descend(problem: UFM, near: AnyGram | None, deadline: float) -> tuple[CellGram, int, str]:
    """Run Burer–Monteiro from near a Gram matrix, or from separate classes.

    Returns the Gram matrix that it ends at, its iterations, and why it ended.
    """
    cells, before = problem.points.orbits, 0
    require_memory(8 * 40 * cells**2, f"Burer–Monteiro with {cells:,} distinct class sizes")
    # of squared norms below zero nothing would be left but zero, a saddle that no descent leaves
    if near is not None and near.is_finite() and (near.own > 0).all():
        guess = near.dense()
    else:
        guess, before = _from_smaller_budgets(problem, deadline)
    program = build_program(with_room(problem, ROOM), Level.ORBITS)
    gram, run = solve_factored(program, guess, deadline=deadline)
    return gram, before + run.iterations, run.reason


def _from_smaller_budgets(problem: UFM, deadline: float) -> tuple[CellGram, int]:
    """Return separate classes as a start, and of a large budget the optimum of smaller ones.

    Far beyond the temperature the exponentials of a start at random vanish, and with them what
    tells a descent where to go; optima of different budgets are nearly in proportion.
    """
    cells, control = problem.points.orbits, problem.control
    guess, iterations = CellGram(np.ones(cells), np.eye(cells)), 0
    if control.fixes_norms or control.is_penalty:
        return guess, iterations
    beyond = control.parameter / (_NEAR_BUDGET * problem.temperature)
    strides = max(0, math.ceil(math.log(beyond, _BUDGET_STRIDE)))
    for stride in range(strides, 0, -1):
        smaller = control.with_parameter(control.parameter / _BUDGET_STRIDE**stride)
        posed = with_room(replace(problem, control=smaller), ROOM)
        gram, run = solve_factored(
            build_program(posed, Level.ORBITS), guess, accuracy=_ON_THE_WAY, deadline=deadline
        )
        guess, iterations = gram.scaled(_BUDGET_STRIDE), iterations + run.iterations
    return guess, iterations
