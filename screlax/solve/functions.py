"""Constraints that are functions of the cvxpy variable: what is known of the optimum without them.

That optimum is the optimum where it satisfies them; else its dual point gives the best lower bound
that there is, since none knows of functions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ..gram.cells import CellGram, Level
from ..problem.levels import lift_from_orbits
from ..problem.program import Program, build_program
from ..problem.ufm import UFM
from ..proof.dual import DualPoint, dual_from_orbits
from ..proof.repair import stationary_multipliers
from .base import Candidate, SolverOptions
from .cascade import Native

_TOL = 1e-9


def solve_with_functions(
    problem: UFM,
    level: Level,
    options: SolverOptions,
    solve: Callable[[UFM, Level, SolverOptions], Candidate],
) -> Candidate:
    """Solve without the functions first, natively, and with them only where that violates any.

    Parameters
    ----------
    problem : UFM
        With constraints of which some are functions.
    level : Level
    options : SolverOptions
    solve : callable
        Solves it with them.
    """
    start, program = time.perf_counter(), build_program(problem, level)
    assert program.convex is not None
    linear = replace(
        problem, constraints=tuple(one for one in problem.constraints if one.is_linear)
    )
    free = Native().solve(linear, Level.ORBITS, SolverOptions(_TOL, options.time_limit))
    gram = lift_from_orbits(problem.points, level, free.gram.dense())
    dual = _dual(problem, program, gram, free)
    if gram.is_finite() and program.convex.violation(gram) == 0:
        message = "the optimum without the functions, which satisfies them"
        seconds = {"solve": time.perf_counter() - start}
        return Candidate(gram, (dual,), free.iterations, message, seconds)
    found = solve(problem, level, options)
    return replace(found, duals=(*found.duals, dual) if gram.is_finite() else found.duals)


def _dual(problem: UFM, program: Program, gram: CellGram, free: Candidate) -> DualPoint:
    """Return the dual point of the optimum without functions: its softmax rows and multipliers."""
    own = dual_from_orbits(problem, program, free.duals[0]) if free.duals else DualPoint(None)
    at = program.loss.expand(gram)
    multipliers = stationary_multipliers(program, program.loss.gradient(at), own.linear, gram)
    rows = None if program.loss.softmax_rows is None else at
    return replace(own, rows=rows, multipliers=multipliers)
