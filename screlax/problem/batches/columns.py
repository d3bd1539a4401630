"""Fewer places for generating functions: every row depends on its classes through one number.

The part of class j in a generating function is an analytic function of κ_j e_j, the same for all
rows, so that its Chebyshev coefficients on one interval say all of them. How many are needed is
known beforehand: on an ellipse with the ends of the interval as its foci and half axes that sum to
ρ half intervals, where |f| ≤ M, interpolation at q points errs by at most 4 M ρ^{1−q}/(ρ − 1).

Source: Trefethen 2019, Approximation Theory and Approximation Practice, theorem 8.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...types import Matrix, Vector
from .contour import Circles
from .draws import Array, Draws

MOST = 40
"""Rows that need more columns than this are taken apart."""

_ELLIPSES = np.geomspace(1.2, 1e5, 32)
"""Values of ρ that are tried."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Values of κ_j e_j at which generating functions are evaluated, and the way from there.

    Attributes
    ----------
    places : ndarray, shape (q,)
    coefficients : ndarray, shape (q, q)
        From values at the places to coefficients of the basis.
    x : ndarray, shape (R, m), or None
        Every κ_j e_j on the interval from −1 to 1; None where those of a single row are the places.
    """

    places: Vector
    coefficients: Matrix
    x: Matrix | None

    @cached_property
    def basis(self) -> Array:
        """Functions at every κ_j e_j: Chebyshev polynomials, or one for each, (R, q, m)."""
        if self.x is None:
            return np.eye(len(self.places))[None]
        basis = np.empty((len(self.places), *self.x.shape))
        basis[0] = 1.0
        basis[1:2] = self.x
        for degree in range(2, len(basis)):
            np.multiply(basis[degree - 1], self.x, out=basis[degree])
            basis[degree] *= 2
            basis[degree] -= basis[degree - 2]
        return np.moveaxis(basis, 0, 1)

    def first(self, count: int) -> Columns:
        """Return the first functions of the basis alone."""
        return Columns(self.places[:count], self.coefficients[:count], self.x)

    def errors(self, allowed: Vector) -> Vector:
        """Return the error on each circle: none where nothing is interpolated."""
        return np.zeros_like(allowed) if self.x is None else allowed

    def gathered(self, units: Matrix) -> Matrix:
        """Return weights of the coefficients in the sum over all units (R, m), (R, q)."""
        return np.asarray((self.basis @ units[..., None])[..., 0])

    def spread(self, found: Matrix) -> Matrix:
        """Return values at every κ_j e_j of coefficients (R, q), (R, m)."""
        return np.asarray((found[:, None, :] @ self.basis)[:, 0])

    def of(self, values: Array) -> Array:
        """Return the coefficients of functions of which the values (…, M, q) are known."""
        return values if self.x is None else np.asarray(values @ self.coefficients.T)


def every_column(each: Vector) -> Columns:
    """Return those of a single row, one for each class."""
    return Columns(each, np.eye(len(each)), None)


def chebyshev_columns(each: Matrix, low: float, high: float, count: int) -> Columns:
    """Return `count` columns for all values from `low` to `high`."""
    angles = (2 * np.arange(count) + 1) * math.pi / (2 * count)
    middle, half = (low + high) / 2, (high - low) / 2
    x = (each - middle) / half if half > 0 else np.zeros_like(each)
    order = np.arange(count)[:, None]
    coefficients = np.cos(order * angles) * np.where(order == 0, 1.0, 2.0) / count
    return Columns(middle + half * np.cos(angles), coefficients, x)


def needed_columns(
    draws: Draws,
    circles: Circles,
    ends: tuple[float, float],
    allowed: Vector,
    *,
    from_zero: bool = False,
) -> int:
    """Return how many columns give sums over all units, and means of each, to an error.

    Parameters
    ----------
    draws : Draws
    circles : Circles
        Where z is.
    ends : (float, float)
        The interval of κ e.
    allowed : ndarray, shape (K,)
        The error, relative to a generating function, on each circle.
    from_zero : bool
        Whether what is interpolated is the slope from e = 0, which is multiplied by κ e: a mean of
        derivatives between.
    """
    half, middle = (ends[1] - ends[0]) / 2, (ends[1] + ends[0]) / 2
    if half <= 0:
        return 1
    wide, high = (_ELLIPSES + 1 / _ELLIPSES) / 2, (_ELLIPSES - 1 / _ELLIPSES) / 2
    decay = circles.decay[:, None]
    log_size = draws.log_odds + circles.log_radius[:, None]
    reach = decay * half * wide
    log_most = log_size + np.maximum(reach - decay * middle, 0.0 if from_zero else -np.inf)
    log_least = log_size - reach - decay * middle
    angle = circles.angle[:, None] + decay * half * high
    factor = decay * ends[1] if from_zero else reach
    with np.errstate(all="ignore"):  # ellipses that are too large for the function
        slope = _largest_slope(draws, log_most, log_least, angle)
        log_needed = np.log(4 * float(draws.everything.max()) * slope * factor / (_ELLIPSES - 1))
        count = (log_needed - np.log(allowed)[:, None]) / np.log(_ELLIPSES)
    count = np.where(np.isnan(count), np.inf, count).min(axis=1)
    found = float(np.maximum(count, 0.0).max())
    return 2 + math.ceil(found) if found < MOST else MOST + 1


def _largest_slope(draws: Draws, log_most: Array, log_least: Array, angle: Array) -> Array:
    """Bound φ' less a constant, and the change of the mean, on ellipses around circles.

    That is min(|g|, |1 − g|)(1 + |g|), g = w/(1 + w), where w has a modulus within these and an
    argument up to `angle`: near zero, far from it, or in a sector without −1.
    """
    most, least = np.exp(log_most), np.exp(log_least)
    if draws.replaced:
        return most
    near = np.where(most <= 0.5, 2 * most * (1 + 2 * most), np.inf)
    far = np.where(least >= 2, 3 / (least - 1), np.inf)
    away = 1 / np.where(angle < math.pi, np.sin(np.maximum(angle, math.pi / 2)), 0.0)
    sector = np.minimum(1.0, np.minimum(most, 1 / least)) * away * (1 + away)
    return np.asarray(np.fmin(np.fmin(near, far), sector))
