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
from ...types import Matrix, Vector

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
    places : ndarray, shape (q,)
    basis : ndarray, shape (m, q), or None
        Lagrange polynomials of the places at every κ_j e_j; None where those are the places.
    """

    places: Vector
    basis: Matrix | None = None

    def gathered(self, units: Vector) -> Vector:
        """Return what units at κ_j e_j are at the places."""
        return units if self.basis is None else np.asarray(units @ self.basis)

    def spread(self, values: Vector) -> Vector:
        """Return values at every κ_j e_j of those at the places."""
        return values if self.basis is None else np.asarray(self.basis @ values)

    def scaled_basis(self, scale: Vector) -> Matrix:
        """Return the basis with each row multiplied by a number."""
        return np.diag(scale) if self.basis is None else np.asarray(scale[:, None] * self.basis)


Evaluate = Callable[[Columns], tuple[Callable[[Vector], Matrix], Matrix]]
"""From columns to a function of κ e at nodes, (K, L, q), and the weights |terms| there, (K, L)."""


def fewest_columns(each: Vector, units: Vector, size: float, evaluate: Evaluate) -> Columns:
    """Return as few columns as say the sum of a function over all units to rounding.

    Parameters
    ----------
    each : ndarray, shape (m,)
        κ_j e_j.
    units : ndarray, shape (m,)
        How often each is in the sum.
    size : float
        Of the sum: its rounding is that of so many ones.
    evaluate : callable
    """
    exact = Columns(each)
    if len(each) <= _EXACT:
        return exact
    tested = each[np.linspace(0, len(each) - 1, _TESTED).astype(int)]
    for count in _COUNTS:
        if count >= len(each):
            return exact
        places = _chebyshev(float(each.min()), float(each.max()), count)
        columns = Columns(places, _lagrange(places, each))
        function, terms = evaluate(columns)
        error = function(places) @ _lagrange(places, tested).T - function(tested)
        weight = np.abs(terms) / np.maximum(np.abs(terms.real.sum(axis=1, keepdims=True)), 1e-300)
        worst = float((weight[:, :, None] * np.abs(error)).sum(axis=1).max())
        if float(units.sum()) * worst < 16 * UNIT * (8 + size):
            return columns
    return exact


def _chebyshev(low: float, high: float, count: int) -> Vector:
    """Return Chebyshev points of an interval."""
    angles = (2 * np.arange(count) + 1) * math.pi / (2 * count)
    return np.asarray((low + high) / 2 + (high - low) / 2 * np.cos(angles))


def _lagrange(places: Vector, at: Vector) -> Matrix:
    """Return the Lagrange polynomials of Chebyshev points, shape (len(at), q), barycentric."""
    count = len(places)
    angles = (2 * np.arange(count) + 1) * math.pi / (2 * count)
    weights = (-1.0) ** np.arange(count) * np.sin(angles)
    away = at[:, None] - places
    hit = away == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = weights / away
        basis = terms / terms.sum(axis=1, keepdims=True)
    rows = hit.any(axis=1)
    basis[rows] = hit[rows]
    return np.asarray(basis)
