"""Nonnegative features natively: class means first, then the samples of a class apart."""

from __future__ import annotations

import time

import numpy as np

from ..gram.cells import CellGram, Level
from ..optional import require_memory
from ..problem.levels import lift_from_orbits, scattered
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..proof.dense import certify
from ..proof.dual import DualPoint, dual_from_orbits
from .base import ROOM, Candidate, SolverOptions, deadline_of, with_room
from .nonnegative import NonnegativeRun, solve_nonnegative


def solve_multipliers(
    problem: UFM, level: Level, options: SolverOptions, start: float, guess: CellGram | None
) -> Candidate:
    """Run the method of multipliers over class means, and over instances where these do not prove.

    Parameters
    ----------
    problem : UFM
        With nonnegative features.
    level : Level
        What was asked for; the result is at level "instances" where classes do not collapse.
    options : SolverOptions
    start : float
        When the solver started.
    guess : CellGram, optional
        Where to begin, at orbit level.
    """
    program = build_program(problem, Level.ORBITS)
    if guess is not None and certify(program, guess).certificate.proves(options.tol):
        gram = lift_from_orbits(problem.points, level, guess)
        return _candidate(gram, (), 0, "orthogonal classes", level, start)
    means = guess or CellGram(np.ones(program.size), np.eye(program.size))
    run = _run(problem, Level.ORBITS, means, options, start)
    if problem.loss.collapses or run.gap <= options.tol:
        dual = DualPoint(None, None, run.entries)
        dual = dual_from_orbits(problem, build_program(problem, level), dual)
        gram = lift_from_orbits(problem.points, level, run.gram)
        return _candidate(gram, (dual,), run.iterations, run.reason, level, start)
    apart = _run(problem, Level.INSTANCES, run.gram, options, start)
    if apart.gap > options.tol:  # a saddle, where class means coincide or are zero
        separate = CellGram(np.ones(program.size), np.eye(program.size))
        other = _run(problem, Level.INSTANCES, separate, options, start, apart=True)
        apart = min(apart, other, key=lambda found: found.gap)
    gram = scattered(problem.points, problem.instances, Level.INSTANCES, apart.gram)
    level = level if level is Level.SAMPLES else Level.INSTANCES
    gram = lift_from_orbits(problem.points, level, gram)
    return _candidate(gram, (), run.iterations + apart.iterations, apart.reason, level, start)


def _run(
    problem: UFM,
    level: Level,
    means: CellGram,
    options: SolverOptions,
    start: float,
    *,
    apart: bool = False,
) -> NonnegativeRun:
    """Run the method at a level from near a Gram matrix by orbit, with samples `apart` or not."""
    program = build_program(with_room(problem, ROOM), level)
    require_memory(8 * 40 * program.size**2, f"nonnegative features of {program.size:,} cells")
    lifted = lift_from_orbits(problem.points, level, means)
    if apart:
        np.fill_diagonal(lifted.pair, np.where(program.cells.points > 1, 0.0, lifted.own))
    return solve_nonnegative(program, lifted, deadline_of(options, start))


def _candidate(
    gram: CellGram,
    duals: tuple[DualPoint, ...],
    iterations: int,
    reason: str,
    level: Level,
    start: float,
) -> Candidate:
    seconds = {"solve": time.perf_counter() - start}
    return Candidate(gram, duals, iterations, f"multipliers: {reason}", seconds, level)
