"""Losses of embeddings: where all classes, or all but the largest, share one mean.

With a ridge and real features, of an orbit of several classes: they are merged only if

    λτ r/(2a) ≥ 1 − p_own + p_other,      p_own/p_other = o/u where they are merged,

and p_other (κ − 1 + o/u) ≤ 1, so that they are apart below

    (2a/(rτ)) (1 − (o/u − 1)₊/(o/u + κ − 1)),

and from λ_max on all embeddings are zero. On a sphere or ball two opposite points are optimal under
a condition in closed form (`screlax.solve.collapse`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import SolverCapabilityError
from ...problem.losses.class_rows import ClassTerms
from ...problem.ufm import UFM
from ...types import Vector
from ..collapse import opposite_points
from .result import CollapseThreshold, MinorityCollapse

BY_MULTIPLIERS = "proved apart below the first number, and merged at zero from the second on"
BY_OPPOSITE_POINTS = "full minority collapse, all on one point opposite the largest: by formula"

_RANGE = 1e-8, 1e4
"""Values of ρ/τ between which the threshold is looked for."""


def collapse_of_embeddings(problem: UFM) -> MinorityCollapse:
    """Return what is known of a loss of embeddings; see `minority_collapse`.

    Raises
    ------
    SolverCapabilityError
        If nothing is.
    """
    terms = problem.loss.class_terms(problem.class_sizes)
    if terms is None or not (terms.pair > 0).all():
        raise SolverCapabilityError(
            f"where classes merge is not known for loss {problem.loss}: its rows are no softmax "
            "over all classes drawn to their own; solve it and look at class_gram"
        )
    if problem.features.are_nonnegative:
        raise SolverCapabilityError(
            "with nonnegative features classes are orthogonal at the optimum, and do not merge: "
            "they vanish one by one, which the norms of `class_gram` show"
        )
    if problem.control.is_penalty:
        return _of_penalty(problem, terms)
    if problem.control.fixes_norms:
        return _of_fixed_norms(problem, terms)
    raise SolverCapabilityError(
        f"where classes merge is not known with {problem.control}; take Ridge, Sphere or Ball, or "
        "solve it and look at class_gram"
    )


def _of_penalty(problem: UFM, terms: ClassTerms) -> MinorityCollapse:
    """Return λ of every orbit, between the two numbers of the module's text."""
    sizes, mine, zero = problem.class_sizes, problem.control.parameter, problem.zero_threshold()
    copies = sizes.multiplicities.astype(float)
    thresholds = []
    for orbit, apart in enumerate(_apart_below(terms, copies) / problem.temperature):
        lower = min(float(apart), zero)
        decided = mine < lower or mine >= zero
        thresholds.append(
            CollapseThreshold(
                (orbit,),
                (int(sizes.distinct[orbit]),),
                int(copies[orbit]),
                lower,
                zero,
                mine >= zero if decided else None,
            )
        )
    return MinorityCollapse(problem, tuple(thresholds), True, zero, None, BY_MULTIPLIERS)


def _apart_below(terms: ClassTerms, copies: Vector) -> Vector:
    """Return λτ below which the classes of each orbit are apart; zero for those without anchors."""
    ratio = terms.own / terms.pair
    most = np.maximum(ratio - 1, 0.0) / np.maximum(ratio + copies - 1, 1e-300)
    return np.asarray(2 * terms.anchors / terms.embeddings * (1 - np.minimum(most, 1.0)))


def _of_fixed_norms(problem: UFM, terms: ClassTerms) -> MinorityCollapse:
    """Return ρ up to which all classes but the largest are on one point."""
    sizes = problem.class_sizes
    minority = tuple(range(1, sizes.orbits))
    if sizes.multiplicities[0] > 1 or not minority or not (terms.anchors > 0).all():
        raise SolverCapabilityError(
            "full minority collapse, of all classes opposite the largest, is for one largest class "
            "and no singletons; solve the problem and look at class_gram"
        )
    lower, upper = _bracket(problem)
    classes = int(sizes.multiplicities[1:].sum())
    sizes_of = tuple(int(size) for size in sizes.distinct[1:])
    merged = opposite_points(problem) is not None
    threshold = CollapseThreshold(minority, sizes_of, classes, lower, upper, merged)
    return MinorityCollapse(problem, (threshold,), False, None, None, BY_OPPOSITE_POINTS)


def _bracket(problem: UFM) -> tuple[float, float]:
    """Return ρ at which two points are optimal and a slightly larger one at which they are not."""
    tau = problem.temperature

    def collapses(radius: float) -> bool:
        control = problem.control.with_parameter(radius * tau)
        return opposite_points(replace(problem, control=control)) is not None

    lower, upper = _RANGE
    if not collapses(lower):
        return 0.0, 0.0
    while upper / lower > 1 + 1e-14:
        middle = float(np.sqrt(lower * upper))
        if not lower < middle < upper:
            break
        lower, upper = (middle, upper) if collapses(middle) else (lower, middle)
    return lower * tau, upper * tau
