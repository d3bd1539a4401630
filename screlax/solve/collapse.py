"""Optima on two opposite points of a ball or sphere, for losses whose targets are the own class.

At ρ/τ = x, with E = e^{−2x}, row c of class sides s = ±1 has normaliser Z_c e^x,
Z_c = o_c + (weight u of the other classes on its side) + E (weight u of the other side). With
α = a/Z, the sums U, A of u, α over a side, and those across marked ', the slack that annihilates s
is on each side, once signs are taken away, diag(d) + ½(α uᵀ + u αᵀ),

    d_c = E/2 (α_c U' + u_c A') − ½(α_c U + u_c A),

and −E/2 (α uᵀ + u αᵀ) across; its rows sum to zero. So it is positive semidefinite

* with one class on a side of its own, exactly if its block on the other side is;
* with all classes without anchors (α = 0) on one side, exactly if its Schur complement on the other
  side is, where u is replaced by u − E/2 (U'/A) α.

Either is a diagonal plus rank two. For SC they are the boundary of full minority collapse,
n₁²(1+E) + n₁[(m−2) + mE − 2m/E] + 2m(1/E − m) ≥ 0 with n₁ samples in the largest class and m in all
others, none a singleton; and κ₀ E ≥ 2 n_a, κ₀ singletons opposite all n_a anchors.

With weights of one's own several anchored classes may be on either side, which is left to descent.

Compare Nguyen et al. 2026 (arXiv 2605.11291), thresholds of minority collapse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..gram.opposite import OppositeGram
from ..problem.losses.class_rows import ClassTerms
from ..problem.losses.thresholds import is_semidefinite
from ..problem.ufm import UFM
from ..types import Vector

_LARGEST = 1e150
"""Share of an anchor in its denominator whose square is within double precision."""

_ROUNDING = 1e-14
"""By how much, relative to its entries, a singular slack may fail to be semidefinite."""


def opposite_points(problem: UFM) -> OppositeGram | None:
    """Return the Gram matrix of two opposite points at unit temperature, None if not optimal.

    Examples
    --------
    >>> import screlax
    >>> from screlax.solve.collapse import opposite_points
    >>> opposite_points(screlax.UFM([100, 3, 2], screlax.Sphere(0.5))).pair[0]
    array([ 0.5, -0.5, -0.5])
    >>> opposite_points(screlax.UFM([100, 3, 2], screlax.Sphere(2.0))) is None
    True
    """
    terms = problem.loss.class_terms(problem.class_sizes)
    if terms is None or not problem.control.fixes_norms or problem.features.are_nonnegative:
        return None
    copies = problem.points.multiplicities.astype(float)
    radius = problem.control_at_unit_temperature.parameter
    for side in _candidates(terms, copies):
        if _is_optimal(terms, copies, side, math.exp(-2 * radius)):
            return OppositeGram(side, radius, copies)
    return None


def _candidates(terms: ClassTerms, copies: Vector) -> Iterator[Vector]:
    """Yield sides: the heaviest class against all others, anchored classes against the rest."""
    bare = terms.anchors == 0
    if bare.any() and not bare.all():
        yield np.where(bare, -1.0, 1.0)
    alone = np.flatnonzero((copies == 1) & ~bare)
    if len(alone):
        for weight in (terms.pair, terms.anchors):
            side = np.full(len(copies), -1.0)
            side[alone[np.argmax(weight[alone])]] = 1.0
            yield side


def _is_optimal(terms: ClassTerms, copies: Vector, side: Vector, decay: float) -> bool:
    """Whether the slack of two points is positive semidefinite."""
    first = side > 0
    pair = terms.pair

    def sums(numbers: Vector) -> tuple[Vector, Vector]:
        one, other = float((copies * numbers)[first].sum()), float((copies * numbers)[~first].sum())
        return np.where(first, one, other), np.where(first, other, one)

    near, far = sums(pair)
    anchored = terms.anchors > 0
    normalizer = np.where(anchored, terms.own + (near - pair) + decay * far, 1.0)
    if (normalizer <= 0).any():
        return False
    with np.errstate(over="ignore"):
        share = terms.anchors / normalizer
    if not share.max() < _LARGEST:  # a denominator that is e^{−2ρ} alone
        return False
    share_near, share_far = sums(share)
    across = decay / 2 * (share * far + pair * share_far)
    within = (share * near + pair * share_near) / 2
    root = np.sqrt(copies)
    if not share[~first].any():  # the Schur complement is singular as such
        kept, lent = first, decay / 2 * far[first][0] / share_near[first][0]
        pair = pair - lent * share
        within = within - _ROUNDING * (within + across)
    else:
        kept = ~first
    diagonal = (across - within)[kept]
    return is_semidefinite(diagonal, (share * root)[kept], (pair * root)[kept], copies[kept])
