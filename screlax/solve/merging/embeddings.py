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
from numpy.typing import NDArray

from ...errors import SolverCapabilityError
from ...gram.opposite import OppositeGram
from ...problem.class_sizes import MAX_SIZE
from ...problem.losses.class_rows import ClassTerms
from ...problem.ufm import UFM
from ...types import Vector
from ..collapse import opposite_points
from .result import CollapseThreshold, MinorityCollapse
from .vanishing import vanishing_embeddings

BY_MULTIPLIERS = "proved apart below the first number, and merged at zero from the second on"
BY_ZERO = "by formula; classes of one size, which might share a mean below that, there are none"
BY_OPPOSITE_POINTS = "full minority collapse, all on one point opposite the largest: by formula"
NEVER = "full minority collapse, all on one point opposite the largest, occurs at no ρ: by formula"

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
        return vanishing_embeddings(problem, terms)
    if problem.control.is_penalty:
        return _of_penalty(problem, terms)
    if problem.control.fixes_norms:
        return _of_fixed_norms(problem, terms)
    raise SolverCapabilityError(
        f"where classes merge is not known with {problem.control}; take Ridge, Sphere or Ball, or "
        "solve it and look at class_gram"
    )


def _of_penalty(problem: UFM, terms: ClassTerms) -> MinorityCollapse:
    """Return λ of every orbit of several classes, between the two numbers of the module's text."""
    problem.require_bounded()
    sizes, mine, zero = problem.class_sizes, problem.control.parameter, problem.zero_threshold()
    copies = sizes.multiplicities.astype(float)
    apart = np.minimum(_apart_below(terms, copies) / problem.temperature, zero)
    thresholds = tuple(
        CollapseThreshold.of_orbit(
            problem,
            orbit,
            float(apart[orbit]),
            zero,
            True if mine >= zero else False if mine < apart[orbit] else None,
        )
        for orbit in np.flatnonzero(copies > 1).tolist()
    )
    basis = BY_MULTIPLIERS if thresholds else BY_ZERO
    return MinorityCollapse(problem, thresholds, True, zero, None, basis)


def _apart_below(terms: ClassTerms, copies: Vector) -> Vector:
    """Return λτ below which the classes of each orbit are apart; zero for those without anchors."""
    ratio = terms.own / terms.pair
    most = np.maximum(ratio - 1, 0.0) / np.maximum(ratio + copies - 1, 1e-300)
    return np.asarray(2 * terms.anchors / terms.embeddings * (1 - np.minimum(most, 1.0)))


def _of_fixed_norms(problem: UFM, terms: ClassTerms) -> MinorityCollapse:
    """Return ρ up to which all classes but one are on one point."""
    sizes = problem.class_sizes
    if not (terms.anchors > 0).all():
        raise SolverCapabilityError(
            "full minority collapse, of all classes opposite the largest, is known without "
            "singletons; solve the problem and look at class_gram"
        )
    lower, upper, minority = _bracket(problem)
    thresholds = []
    if len(minority):
        copies = sizes.multiplicities[minority]
        thresholds.append(
            CollapseThreshold(
                tuple(minority.tolist()),
                tuple(sizes.distinct[minority].tolist()),
                int(copies.sum()),
                lower,
                upper,
                opposite_points(problem) is not None,
            )
        )
    basis, imbalance = BY_OPPOSITE_POINTS if thresholds else NEVER, _critical_imbalance(problem)
    return MinorityCollapse(problem, tuple(thresholds), False, None, imbalance, basis)


def _critical_imbalance(problem: UFM) -> tuple[float, float] | None:
    """Return two ratios of whole sizes between which the minority of a step profile merges.

    Of one majority class with others of one size; None where there is no such ratio.
    """
    sizes = problem.class_sizes
    if sizes.orbits != 2 or sizes.multiplicities.tolist()[0] != 1:
        return None
    small, most = int(sizes.distinct[1]), MAX_SIZE

    def merges(majority: int) -> bool:
        changed = replace(problem, class_sizes=sizes.with_sizes(np.array([majority, small])))
        return opposite_points(changed) is not None

    apart, merged = small, most
    if merges(apart) or not merges(merged):
        return None
    while merged - apart > 1:
        middle = (apart + merged) // 2
        apart, merged = (apart, middle) if merges(middle) else (middle, merged)
    return apart / small, merged / small


def _bracket(problem: UFM) -> tuple[float, float, NDArray[np.int64]]:
    """Return ρ at which two points are optimal, one beyond, and the orbits that then merge.

    No orbits where two points are optimal for no ρ.
    """
    tau = problem.temperature

    def points(radius: float) -> OppositeGram | None:
        control = problem.control.with_parameter(radius * tau)
        return opposite_points(replace(problem, control=control))

    lower, upper = _RANGE
    last = points(lower)
    if last is None:
        return 0.0, 0.0, np.zeros(0, dtype=np.int64)
    while upper / lower > 1 + 1e-14:
        middle = float(np.sqrt(lower * upper))
        if not lower < middle < upper:
            break
        found = points(middle)
        lower, upper = (lower, middle) if found is None else (middle, upper)
        last = last if found is None else found
    copies = problem.class_sizes.multiplicities
    alone = np.array([copies[last.side == side].sum() == 1 for side in last.side])
    return lower * tau, upper * tau, np.flatnonzero(~alone)
