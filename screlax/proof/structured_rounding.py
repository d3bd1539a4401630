"""What rounding can do to the numbers of a structured proof; see `screlax.gram.rounding`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..gram.kernels import Array
from ..gram.rounding import UNIT

SUM = 8 * UNIT
"""Largest error of a sum over the class sizes, relative to the sum of their sizes.

By pairwise and blocked summation.
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


def divergence_error(p: Array, q: Array, error: Array) -> Array:
    """Return the error of the divergence of two-entry rows, log(p/q) off by `error` at most.

    A divergence is of second order in log(p/q), so that only what it already is gets multiplied.
    """
    ratio = np.abs(p - q) / np.maximum(q, np.finfo(float).tiny)
    return np.asarray(np.abs(p - q) * (error + SUM * (1 + ratio)) + q * error**2)


def remainder_error(p: Array, q: Array, rest: Array, relative: Array) -> Array:
    """Return the error of the divergence of (p, 1 − p) from (q, rest), p off by p · relative."""
    rounding = relative * p
    return np.asarray(
        rounding * (np.abs(p - q) + rounding) / np.maximum(rest, np.finfo(float).tiny)
    )
