"""Fewer places for generating functions: every row depends on its classes through one number.

The part of class j in a generating function is an analytic function of κ_j e_j, so that where there
are many classes its values at a few Chebyshev points say all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...gram.rounding import UNIT
from ...types import Matrix
from .draws import Array

_EXACT = 16
"""Up to this many orbits every one has its own column; beyond, columns are interpolated."""

_COUNTS = (8, 12, 18, 27, 40, 60)
"""Numbers of Chebyshev points that are tried."""

_TESTED = 8
"""At how many of the classes interpolation is compared with the function itself."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Values of κ_j e_j at which generating functions are evaluated, and the way from there.

    Attributes
    ----------
    places : ndarray, shape (R, q)
    basis : ndarray, shape (R, m, q), or None
        Lagrange polynomials of the places at every κ_j e_j; None where those are the places.
    """

    places: Matrix
    basis: Array | None = None

    def gathered(self, units: Matrix) -> Matrix:
        """Return what units at κ_j e_j are at the places, (R, q)."""
        return units if self.basis is None else np.asarray((units[:, None, :] @ self.basis)[:, 0])

    def spread(self, values: Matrix) -> Matrix:
        """Return values at every κ_j e_j of those at the places, (R, m)."""
        return (
            values if self.basis is None else np.asarray((self.basis @ values[..., None])[..., 0])
        )

    def scaled_basis(self, scale: Matrix) -> Array:
        """Return the basis with each row multiplied by a number, (R, m, q)."""
        if self.basis is None:
            return np.asarray(scale[:, :, None] * np.eye(scale.shape[1]))
        return np.asarray(scale[:, :, None] * self.basis)


Evaluate = Callable[[Columns], tuple[Array, Callable[[Matrix], Array], Array]]
"""From columns to a function at them and at any κ e, (R, K, L, q), and weights (R, K, L)."""


def fewest_columns(
    each: Matrix, units: Matrix, size: float, evaluate: Evaluate, least: int = 0
) -> Columns:
    """Return as few columns as say the sums of a function over all units to rounding.

    Parameters
    ----------
    each : ndarray, shape (R, m)
        κ_j e_j.
    units : ndarray, shape (R, m)
        How often each is in the sum.
    size : float
        Of the sum: its rounding is that of so many ones.
    evaluate : callable
    least : int
        So many are tried first.
    """
    exact = Columns(each)
    cells = each.shape[1]
    if cells <= _EXACT:
        return exact
    tested = each[:, np.linspace(0, cells - 1, _TESTED).astype(int)]
    allowed = 16 * UNIT * (8 + size)
    for count in _COUNTS:
        if count < least:
            continue
        if count >= cells:
            break
        places = _chebyshev(each.min(axis=1), each.max(axis=1), count)
        columns = Columns(places, _lagrange(places, each))
        with np.errstate(all="ignore"):  # too few columns may say anything at all
            at_places, function, terms = evaluate(columns)
            worst = _error(at_places, function(tested), terms, _lagrange(places, tested))
        if (units.sum(axis=1) * worst < allowed).all():
            return columns
    return exact


def _error(at_places: Array, exact: Array, terms: Array, basis: Array) -> Matrix:
    """Return the largest error of what is interpolated, weighted by |terms|, (R,)."""
    found = at_places @ np.swapaxes(basis, 1, 2)[:, None]
    error = np.abs(found - exact).max(axis=3)
    total = np.maximum(np.abs(terms.real.sum(axis=2)), 1e-300)
    return np.asarray(((np.abs(terms) * error).sum(axis=2) / total).max(axis=1))


def _chebyshev(low: Matrix, high: Matrix, count: int) -> Matrix:
    """Return Chebyshev points of intervals, (R, q)."""
    angles = (2 * np.arange(count) + 1) * math.pi / (2 * count)
    middle, half = (low + high) / 2, (high - low) / 2
    return np.asarray(middle[:, None] + half[:, None] * np.cos(angles))


def _lagrange(places: Matrix, at: Matrix) -> Array:
    """Return the Lagrange polynomials of Chebyshev points, (R, len(at), q), barycentric."""
    count = places.shape[1]
    angles = (2 * np.arange(count) + 1) * math.pi / (2 * count)
    weights = (-1.0) ** np.arange(count) * np.sin(angles)
    away = at[:, :, None] - places[:, None, :]
    hit = away == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = weights / away
        basis = terms / terms.sum(axis=2, keepdims=True)
    return np.asarray(np.where(hit.any(axis=2, keepdims=True), hit, basis))
