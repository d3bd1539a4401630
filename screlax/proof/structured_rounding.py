"""What rounding can do to the numbers of a structured proof; see `screlax.gram.rounding`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..equations.slack_vector import Moments, SlackVectorEquations, State
from ..gram.kernels import Array
from ..gram.rounding import UNIT

SUM = 8 * UNIT
"""Largest error of a sum over the class sizes, relative to the sum of their sizes.

Pairwise and blocked summation, and kernels that are interpolated to 1e-15.
"""

SMALL = 4 * float(np.finfo(float).smallest_subnormal)
"""Largest absolute error of what underflows."""


@dataclass(frozen=True, eq=False)
class Rounding:
    """Largest errors of a batch of structured proofs.

    Attributes
    ----------
    upper, gap : ndarray, shape (B,)
        Of the bounds; that of the objective is from a matrix that is feasible exactly.
    own, centre : ndarray, shape (B, m)
        Of the Gram matrix.
    """

    upper: Array
    gap: Array
    own: Array
    centre: Array


MOST_MOVED = 100.0
"""A matrix is not made feasible from numbers so much larger: too few digits would be left."""

_LOST = -740.0
"""Logarithm of what is nothing beside one in double precision, even summed."""


def others_are_known(outside: Array, unit: Array, inside: Array) -> Array:
    """Whether Σ p_cc' over the other classes is a number or too small to matter, shape (B,).

    Sums are relative to e^unit; where they underflow, that need not be small beside e^inside.
    """
    underflown = outside - unit < np.log(np.finfo(float).tiny)
    nothing = unit + np.log(np.finfo(float).tiny) - inside < _LOST
    return np.asarray((~underflown | nothing).all(axis=1))


def row_loss(own: Array, outside: Array) -> Array:
    """Return log(o + e^outside), accurate also where o is one and it is nearly zero."""
    simple = (outside < 30.0) & (own >= 0.5)
    if simple.all():
        return np.asarray(np.log1p(own - 1 + np.exp(outside)))
    near = np.log1p(np.maximum(own, 0.5) - 1 + np.exp(np.minimum(outside, 30.0)))
    return np.where(simple, near, np.logaddexp(np.log(own), outside))


def row_error(own: Array) -> Array:
    """Return what a row's loss is rounded by beyond its own size: its terms may cancel.

    They do not where o is one, and from two on the loss is of their size.
    """
    terms = 2 * UNIT * (2 + np.where(own > 0, np.abs(np.log(own)), 0.0))
    return np.where((own == 1) | (own >= 2), 0.0, terms)


def log_size(outside: Array) -> Array:
    """Return the size of a logarithm; nothing where what it is of has underflown to zero."""
    return np.where(outside == -np.inf, 0.0, np.abs(outside))


def own_errors(
    equations: SlackVectorEquations, state: State, moments: Moments
) -> tuple[Array, Array]:
    """Return the errors of the entries of rows of G, and of −Σ v_c' pair_cc'/v_c, both (B, m).

    Centres are rounded sums of log v, β/2 and −log u, and the sum of the products is rounded. The
    zero matrix is exact.
    """
    sizes = np.abs(state.log_slack) + np.abs(state.log_normalizer) / 2
    sizes = sizes + np.abs(np.log(equations.pair))
    weight = equations.copies * moments.slack
    bend = moments.centre * moments.total - moments.product - 2 * moments.centre * moments.slack
    bend = np.abs(bend + (weight * moments.centre).sum(axis=1, keepdims=True))
    around = sizes * moments.total + (weight * sizes).sum(axis=1, keepdims=True) + bend
    entry = 2 * UNIT * (sizes + sizes.max(axis=1, keepdims=True))
    level = state.log_normalizer == state.log_normalizer[:, :1]
    zero = (level & (moments.centre == 0)).all(axis=1, keepdims=True)
    return entry, np.where(zero, 0.0, SUM * around / moments.slack)


def divergence_error(p: Array, q: Array, error: Array) -> Array:
    """Return the error of the divergence of two-entry rows, log(p/q) off by `error` at most.

    A divergence is of second order in log(p/q), so that only what it already is gets multiplied.
    """
    ratio = np.abs(p - q) / np.maximum(q, np.finfo(float).tiny)
    return np.asarray(np.abs(p - q) * (error + SUM * (1 + ratio)) + q * error**2)


def remainder_error(p: Array, q: Array, rest: Array) -> Array:
    """Return the error of the divergence of (p, 1 − p) from (q, rest) as p is a rounded sum."""
    rounding = SUM * p
    return np.asarray(
        rounding * (np.abs(p - q) + rounding) / np.maximum(rest, np.finfo(float).tiny)
    )
