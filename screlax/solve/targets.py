"""Losses whose classes need not collapse: class means first, then the samples of a class apart.

At a level of class means the certificate is that of all embeddings (`GramLoss.spread`), so that a
proof there proves the collapse too. Where it fails, the cells are the classes with their samples
exchangeable, but not the same (level "instances").
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ..gram.cells import CellGram, Level
from ..optional import require_memory
from ..problem.constraints.norms import Sphere
from ..problem.levels import lift_from_orbits, quotient_to_orbits, scattered
from ..problem.program import Program, build_program
from ..problem.ufm import UFM
from ..proof.dense import certify
from .base import ROOM, Candidate, SolverOptions, deadline_of, with_room
from .factored import solve_factored
from .trust_region import TrustRegionResult

_PROVED = 1e-9
"""Certified relative gap of a descent that ended at the optimum."""

_NEARLY = 1e-6
"""Relative gap of class means from which on a descent among them is worth trying."""


def solve_targets(
    problem: UFM, level: Level, options: SolverOptions, start: float, guess: CellGram | None
) -> Candidate:
    """Descend over class means, and over instances where these do not prove optimal.

    Parameters
    ----------
    problem : UFM
    level : Level
        What was asked for; the result is at level "instances" where classes do not collapse.
    options : SolverOptions
    start : float
        When the solver started.
    guess : CellGram, optional
        Where to begin, at orbit level.
    """
    orbits, classes = problem.points.orbits, problem.classes
    iterations, deadline = 0, deadline_of(options, start)
    means = guess or CellGram(np.ones(orbits), np.eye(orbits))
    asked = level is Level.INSTANCES
    if guess is not None and not asked and _gap(problem, guess) <= options.tol:
        return _result(problem, level, guess, 0, "the optimum for the own class", start)
    if orbits < classes and not asked:
        means, run = _descend(problem, Level.ORBITS, means, deadline)
        iterations = run.iterations
        if _gap(problem, means) <= options.tol:
            return _result(problem, level, means, iterations, run.reason, start)
    apart, run = _descend(problem, Level.INSTANCES, means, deadline)
    iterations += run.iterations
    together = quotient_to_orbits(problem.points, Level.INSTANCES, apart)
    if not asked and (_gap(problem, together) <= _NEARLY or _meets_targets(problem, apart)):
        together, last = _descend(problem, Level.ORBITS, together, deadline)
        if _gap(problem, together) <= options.tol:
            iterations += last.iterations
            return _result(problem, level, together, iterations, last.reason, start)
    gram = scattered(problem.points, problem.instances, Level.INSTANCES, apart)
    return _result(problem, level, gram, iterations, run.reason, start)


def _descend(
    problem: UFM, level: Level, means: CellGram, deadline: float
) -> tuple[CellGram, TrustRegionResult]:
    """Minimise at a level from near a Gram matrix by orbit."""
    program = build_program(with_room(problem, ROOM), level)
    require_memory(8 * 40 * program.size**2, f"Burer–Monteiro with {program.size:,} cells")
    start, before = lift_from_orbits(problem.points, level, means), 0
    control = program.control
    if control.fixes_norms and control.manifold(program.cells).has_slack:  # a ball, often full
        on_sphere = replace(program, control=Sphere(control.parameter))
        start, run = _minimize(on_sphere, start, deadline)
        if certify(program, start).certificate.proves(_PROVED):
            return start, run
        before = run.iterations
    gram, run = _minimize(program, start, deadline)
    return gram, replace(run, iterations=before + run.iterations)


def _minimize(
    program: Program, start: CellGram, deadline: float
) -> tuple[CellGram, TrustRegionResult]:
    gram, run = solve_factored(program, start, deadline=deadline, scaled=True)
    if certify(program, gram).certificate.proves(_PROVED) or time.perf_counter() > deadline:
        return gram, run
    # scaled steps may end at a saddle point, which noise leaves
    again, more = solve_factored(program, gram, deadline=deadline)
    return again, replace(more, iterations=run.iterations + more.iterations)


def _meets_targets(problem: UFM, apart: CellGram) -> bool:
    """Whether the loss is at its infimum: then classes that collapse may be as good."""
    loss = build_program(problem, Level.INSTANCES).loss
    return loss.value(apart) - loss.infimum <= _NEARLY * abs(loss.infimum)


def _gap(problem: UFM, means: CellGram) -> float:
    """Return the certified relative gap of class means, among all embeddings."""
    return certify(build_program(problem, Level.ORBITS), means).certificate.relative_gap


def _result(
    problem: UFM, level: Level, gram: CellGram, iterations: int, reason: str, start: float
) -> Candidate:
    if gram.scatter.any() and level is not Level.SAMPLES:
        level = Level.INSTANCES
    candidate = Candidate(
        lift_from_orbits(problem.points, level, gram),
        (),
        iterations,
        f"Burer–Monteiro: {reason}",
        {"solve": time.perf_counter() - start},
    )
    return replace(candidate, level=level)
