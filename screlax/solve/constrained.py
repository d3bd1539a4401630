"""Linear constraints of a problem's own, natively: the optimum without them, else multipliers."""

from __future__ import annotations

import math
import time

import numpy as np

from ..gram.cells import CellGram, Level
from ..optional import require_memory
from ..problem.levels import lift_from_orbits
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..proof.dual import DualPoint, dual_from_orbits
from .base import ROOM, Candidate, SolverOptions, deadline_of, with_room
from .constraints.feasible import is_feasible, require_feasible, strictly_inside
from .constraints.rounds import rounds_of_multipliers


def solve_constrained(
    problem: UFM, level: Level, options: SolverOptions, start: float, free: CellGram | None
) -> Candidate:
    """Solve at orbit level under linear constraints, and lift the result.

    Parameters
    ----------
    problem : UFM
        With constraints, all linear.
    level : Level
        What was asked for.
    options : SolverOptions
    start : float
        When the solver started.
    free : CellGram, optional
        The optimum without the constraints, by orbit: the optimum where it satisfies them.

    Raises
    ------
    InvalidInputError
        If nothing satisfies the constraints.
    """
    program = build_program(with_room(problem, ROOM), Level.ORBITS)
    require_memory(8 * 40 * program.size**2, f"constraints on {program.size:,} kinds of classes")
    if free is not None and free.is_finite() and is_feasible(program, free):
        message = "the optimum without constraints, which satisfies them"
        return _candidate(problem, level, free, (), 0, message, start)
    begin = free if free is not None and free.is_finite() else None
    begin = begin or CellGram(np.ones(program.size), np.eye(program.size))
    deadline = deadline_of(options, start)
    near = require_feasible(program, begin, deadline)
    inside = strictly_inside(program, near.gram, deadline)
    found = rounds_of_multipliers(program, near.gram, inside, options.tol, deadline)
    message = f"multipliers: {found.reason}"
    if inside is None and math.isinf(found.gap):
        message += f"; nothing strictly inside the constraints was found, excess {found.excess:.1e}"
    return _candidate(problem, level, found.gram, (found.dual,), found.iterations, message, start)


def _candidate(
    problem: UFM,
    level: Level,
    gram: CellGram,
    duals: tuple[DualPoint, ...],
    iterations: int,
    message: str,
    start: float,
) -> Candidate:
    lifted = lift_from_orbits(problem.points, level, gram)
    program = build_program(problem, level)
    moved = tuple(dual_from_orbits(problem, program, dual) for dual in duals)
    seconds = {"solve": time.perf_counter() - start}
    return Candidate(lifted, moved, iterations, message, seconds)
