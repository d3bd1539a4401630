"""Cross-entropy by a conic solver: the reference that the native solver is measured against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import InvalidInputError, SolverCapabilityError, SolverFailedError
from ...gram.cells import Level
from ...gram.logits import CellMatrix, LogitGram
from ...optional import require_memory
from ...problem.logits import LogitProgram, logit_program
from ...problem.ufm import UFM
from ...types import Matrix
from ..base import Candidate, SolverOptions
from ..conic_solvers import conic_memory
from .conic_dual import DualForm
from .conic_model import LogitModel, NuclearForm, SemidefiniteForm

FORMS: dict[str, type[LogitModel]] = {
    form.form: form for form in (DualForm, NuclearForm, SemidefiniteForm)
}

Attempt = Callable[[Callable[[Any], LogitModel], Any, SolverOptions], Any]
"""Poses a form of a program and solves it."""


def solve_logits_by_cones(
    problem: UFM, level: Level, options: SolverOptions, solver: str, attempt: Attempt
) -> Candidate:
    """Return logits by orbit that a conic solver ended at.

    Its own option ``form`` is "dual" (`screlax.solve.logits.conic_dual`), the fastest, "nuclear" or
    "psd" (`screlax.solve.logits.conic_model`).

    Raises
    ------
    SolverCapabilityError
        At level "samples", with nonnegative features, or of a form that the control does not have.
    ProblemTooLargeError
        If modelling and solving would not fit in memory.
    SolverFailedError
        If the solver left no finite point.
    """
    program, form = _posed(problem, level), _form_of(problem, options)
    size = 2 * program.size
    require_memory(
        conic_memory(solver, size),
        f"the conic form of cross-entropy at level '{level}' (order {size:,}, solver {solver})",
    )
    rest = {name: value for name, value in options.extra.items() if name != "form"}
    tried = attempt(form, program, replace(options, extra=rest))
    found = tried.model.found()
    if found is None or not found.is_finite():
        raise SolverFailedError(
            f"{solver} left no finite point (its status: {tried.run.status}); "
            "try another solver, a larger tol or a longer time_limit"
        )
    return Candidate(
        _by_orbit(problem, found) if level is Level.CLASSES else found,
        iterations=tried.run.statistics.iterations,
        message=tried.run.status,
        seconds={"model": tried.modelling, "solve": tried.solving},
        statistics=(tried.run.statistics,),
    )


def _posed(problem: UFM, level: Level) -> LogitProgram:
    """Return the program at a level, where there is a conic form of it."""
    if level not in (Level.ORBITS, Level.CLASSES):
        raise SolverCapabilityError(
            "cross-entropy is solved by classes or orbits, not by samples, which coincide within "
            "their class by convexity; use level='classes'"
        )
    if problem.features.are_nonnegative:
        raise SolverCapabilityError(
            "the conic forms of cross-entropy are for real features: nonnegative ones are a cone "
            "of completely positive matrices, which no solver takes; use solver='native'"
        )
    program = logit_program(problem)
    orbit = problem.class_sizes.orbit_index
    return program if level is Level.ORBITS else program.lifted(orbit())


def _form_of(problem: UFM, options: SolverOptions) -> type[LogitModel]:
    given = options.extra.get("form", DualForm.form)
    if given not in FORMS:
        raise InvalidInputError(f"form must be one of {', '.join(FORMS)}, got {given!r}")
    if given == "nuclear" and problem.control.fixes_norms:
        raise SolverCapabilityError(
            f"with {problem.control} logits are bounded row by row, which is no nuclear norm; "
            "use form='dual' or 'psd'"
        )
    return FORMS[given]


def _by_orbit(problem: UFM, gram: LogitGram) -> LogitGram:
    """Return logits of classes as means over their orbits, which are no worse by convexity."""
    orbit, matrix = problem.class_sizes.orbit_index(), gram.unit_logits.pair
    program = logit_program(problem)
    place = np.zeros((len(orbit), program.size))
    place[np.arange(len(orbit)), orbit] = 1.0
    own = place.T @ gram.logit_own / program.copies
    return program.gram(
        CellMatrix(own, _mean_of_pairs(place, matrix, own)), place.T @ gram.bias / program.copies
    )


def _mean_of_pairs(place: Matrix, matrix: Matrix, own: Matrix) -> Matrix:
    """Return the mean over pairs of different classes, by orbit; `own` where there is none."""
    copies = place.sum(axis=0)
    sums, pairs = place.T @ matrix @ place, np.outer(copies, copies)
    sums[np.diag_indices_from(sums)] -= copies * own
    pairs[np.diag_indices_from(pairs)] -= copies
    alone = np.diag(np.where(copies > 1, 0.0, own))
    found: Matrix = np.divide(sums, pairs, out=alone, where=pairs > 0)
    return found
