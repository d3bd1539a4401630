"""The certifier "verified": bounds that hold in exact arithmetic for the problem as it is given.

What double precision proves (`proof.prove`) is taken as a point, and both bounds are enclosed again
in ball arithmetic (python-flint's arb): from the slack vector where there is one, without a
factorisation; for orthogonal classes in closed form; from logits for cross-entropy; from tangents
for expected mini-batches (`batches`); else from floating-point factors (`dense`). The data are
exact: class sizes, λτ and ρ/τ, chances of batches, what cross-entropy has of both its numbers, and
weights of classes as the doubles they come to.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from flint import arb

from ...equations.orthogonal import orthogonal_classes
from ...equations.slack_vector import why_not
from ...errors import SolverCapabilityError
from ...gram.cells import CellGram, Level
from ...gram.curve import AnyGram, SlackVectorGram
from ...gram.diagonal import DiagonalGram
from ...gram.logits import LogitGram
from ...optional import require_memory
from ...problem.levels import lift_from_orbits
from ...problem.program import build_program
from ...problem.ufm import UFM
from ..certificate import Certificate
from ..certifiers import require_verifiable
from ..dense import Proof
from ..dual import DualPoint
from ..prove import prove_gram
from ..repair import stationary_multipliers
from ..zero import is_zero
from .balls import Bounds, balls, precision, rounded_down, rounded_up
from .batches import BatchBounds
from .dense import DenseBounds
from .logits import bounds_of as logit_bounds
from .orthogonal import bounds_of as orthogonal_bounds
from .own_constraints import Row, row_of
from .slack_vector import Data
from .slack_vector import bounds_of as slack_vector_bounds

_BITS = 128
_BALL_BYTES = 400
"""Of the few balls that are alive for each pair of cells."""


def prove_verified(
    problem: UFM, level: Level, gram: AnyGram, duals: Iterable[DualPoint] = ()
) -> Proof:
    """Prove as `prove_gram` does, with bounds that no rounding can have moved.

    Raises
    ------
    SolverCapabilityError
        If there is no such proof for the loss, for nonnegative features that do not end at
        orthogonal classes, under constraints that are functions, or for cross-entropy with a
        bias, nonnegative features or norms that are fixed.
    """
    require_verifiable(problem)
    known = prove_gram(problem, level, gram, duals)
    with precision(_BITS):
        bounds = _bounds(problem, level, known)
        certificate = _certificate(known.certificate, bounds)
    return dataclasses.replace(known, certificate=certificate)


def _bounds(problem: UFM, level: Level, known: Proof) -> Bounds:
    """Return the bounds that the form of the solution has."""
    if isinstance(known.gram, LogitGram):
        return logit_bounds(problem, level, known.gram)
    bounds = _structured(problem, level, known.gram)
    if bounds is None or not _is_proof(bounds):
        return _dense(problem, level, known)
    return bounds


def _structured(problem: UFM, level: Level, gram: AnyGram) -> Bounds | None:
    """Return bounds in O(m) where the form of the Gram matrix has them."""
    if level is not Level.ORBITS or problem.constraints:
        return None
    control = problem.control_at_unit_temperature
    if isinstance(gram, DiagonalGram):
        classes = orthogonal_classes(problem)
        if classes is not None:
            return orthogonal_bounds(classes, control, _parameter(problem), gram.own)
    if not isinstance(gram, SlackVectorGram) or is_zero(gram) or why_not(problem) is not None:
        return None
    terms = problem.loss.class_terms(problem.class_sizes)
    if terms is None or not (terms.own > 0).all():
        return None
    data = Data(
        anchors=balls(terms.anchors),
        own=balls(terms.own),
        pair=balls(terms.pair),
        embeddings=balls(terms.embeddings),
        copies=balls(gram.copies),
        parameter=_parameter(problem),
        log_slack=balls(gram.log_slack),
        log_normalizer=balls(gram.log_normalizer),
    )
    return slack_vector_bounds(data, control)


def _parameter(problem: UFM) -> Any:
    """Return λτ or ρ/τ, which no double need be."""
    parameter, temperature = arb(problem.control.parameter), arb(problem.temperature)
    return parameter * temperature if problem.control.is_penalty else parameter / temperature


def _dense(problem: UFM, level: Level, known: Proof) -> Bounds:
    """Return bounds of any row softmax from matrices."""
    program = build_program(problem, level)
    loss, expected = program.loss.softmax_rows, program.loss.expected_rows
    is_known = loss is not None or expected is not None
    if not is_known or program.is_nonnegative or not program.control.has_slack_vector:
        raise SolverCapabilityError(
            f"there is no proof against rounding for {problem.description}: it is for losses that "
            "are rows of a softmax, or expectations over batches, with features of any sign, or "
            "orthogonal classes; leave out rigorous, and the bounds are proved in double precision"
        )
    require_memory(_BALL_BYTES * float(program.size) ** 2, f"balls for {program.size:,} {level}")
    gram = known.gram
    if not isinstance(gram, CellGram):
        gram = lift_from_orbits(problem.points, level, gram.dense())
    if not gram.is_finite():
        return arb.nan(), arb.nan(), False
    control, linear = program.control, _linear(problem, level)
    dual = known.dual or DualPoint(None, None)
    if loss is None:
        assert expected is not None
        batches = BatchBounds(problem, level, expected, control, _parameter(problem), linear)
        return *batches.bounds(gram, dual.linear), True
    rows = loss.expand(gram) if dual.rows is None else dual.rows
    multipliers = dual.multipliers
    if multipliers is None:
        multipliers = stationary_multipliers(program, loss.gradient(rows), dual.linear, gram)
    if not np.isfinite(multipliers).all():
        return arb.nan(), arb.nan(), False
    bounds = DenseBounds(loss, control, _parameter(problem), linear)
    return bounds.lower(rows, multipliers, dual.linear), bounds.upper(gram), True


def _linear(problem: UFM, level: Level) -> list[Row]:
    """Return the linear constraints of a problem's own at a level."""
    if not problem.constraints:
        return []
    if level not in (Level.CLASSES, Level.ORBITS):
        raise SolverCapabilityError(
            "constraints of your own are enclosed at levels classes and orbits, not at level "
            f"{level}: they are on class means, and samples of a class coincide at the optimum"
        )
    sizes = problem.points
    cell = sizes.orbit_index() if level is Level.ORBITS else np.arange(sizes.classes)
    return [row_of(one, cell.tolist(), arb(problem.temperature)) for one in problem.constraints]


def _is_proof(bounds: Bounds) -> bool:
    lower, upper, is_feasible = bounds
    return bool(lower.is_finite() and upper.is_finite() and is_feasible)


def _certificate(known: Certificate, bounds: Bounds) -> Certificate:
    """Return the certificate of enclosed bounds; nothing is left to rounding."""
    lower, upper, is_feasible = bounds
    low = rounded_down(lower)  # never raised to the infimum, which is rounded itself
    high = rounded_up(upper) if is_feasible else math.inf
    gap = math.nextafter(high - low, math.inf) if high > low else 0.0
    infimum = min(known.infimum, low)
    return dataclasses.replace(
        known, upper=high, lower=low, infimum=infimum, gap=gap, rounding=0.0, is_verified=True
    )
