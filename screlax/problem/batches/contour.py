"""Coefficients of generating functions by the trapezoidal rule on a circle.

    [z^d] F(z) = (1/J) Σ_j F(r ω_j) (r ω_j)^{−d},    ω_j = e^{(2j+1)πi/J}

is exact up to the coefficients d ± J, d ± 2J, …; on the circle through the saddle point of F z^{−d}
these are the tails of a distribution of mean d, which Bennett's inequality bounds. Coefficients are
real, so that half of the circle is enough.
"""

from __future__ import annotations

import math

import numpy as np

from ...types import Matrix, Vector
from .draws import Array, Draws

_FAR, _START = 300.0, 0.01
"""Bound on log r, beyond which all terms vanish, and where the search begins: not at r = 1."""

_FROM_ALL = 0.3
"""Where nearly all units are drawn the circle goes through where this many are left."""

_LOG_ACCURACY = 38.0
"""−log of the tails that are left out: 3e-17."""


def saddle_points(draws: Draws, units: Matrix, drawn: Array, own: Vector) -> Matrix:
    """Return log r for each generating function, (R, K); two digits of it are enough.

    Parameters
    ----------
    draws : Draws
        With a degree.
    units : ndarray, shape (R, q)
        Units at each column.
    drawn : ndarray, shape (R, K, q)
        y^κ at each column.
    own : ndarray, shape (K,)
        y of the own class.
    """
    degree = float(draws.degree or 0.0)
    weight, own_units = units[:, :, None], draws.own_units[:, None]
    if draws.replaced:
        with np.errstate(divide="ignore"):
            found = math.log(degree) - np.log((drawn @ weight)[..., 0] + own_units * own)
        return np.asarray(np.minimum(found, _FAR))
    # where everything is drawn the saddle is at infinity
    wanted = np.minimum(degree, draws.everything - _FROM_ALL)[:, None]
    low, high = np.full(drawn.shape[:2], -_FAR), np.full(drawn.shape[:2], _FAR)
    log_radius = np.full(drawn.shape[:2], _START)
    for _ in range(60):
        radius = np.exp(log_radius)
        mean, inside = draws.mean(radius[..., None] * drawn), draws.mean(radius * own)
        excess = (mean @ weight)[..., 0] + own_units * inside - wanted
        slope = (draws.variance_kernel(mean) @ weight)[..., 0]
        slope += own_units * draws.variance_kernel(inside)
        high = np.where(excess > 0, log_radius, high)
        low = np.where(excess <= 0, log_radius, low)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = log_radius - excess / slope
        known = (step > low) & (step < high)
        step = np.where(known, step, (low + high) / 2)
        settled = np.abs(step - log_radius).max() < 0.02
        log_radius = step
        if settled:
            break
    return log_radius


def half_circle(draws: Draws, most: float, least: float) -> tuple[Vector, Vector]:
    """Return angles θ and weights of a rule for all rows, shape (L,).

    Parameters
    ----------
    draws : Draws
    most, least : float
        Bounds of the variance of how many units there are, on circles through saddle points.
    """
    variance = max(most, 1e-3)
    tail = _LOG_ACCURACY + 0.5 * math.log(2 * math.pi * max(variance, 1.0))
    count = 2.0
    while variance * _bennett(count / variance) < tail:
        count *= 1.05
    if not draws.replaced:  # a polynomial: more nodes than coefficients on either side are exact
        degree = float(draws.degree or 0.0)
        count = min(count, max(degree, float(draws.everything.max()) - degree) + 1)
    half = math.ceil(count / 2)
    angles = (np.arange(half) + 0.5) * math.pi / half  # never −1, where a factor may vanish
    weights = np.full(half, 1.0 / half)
    kept = 2 * least * np.sin(angles / 2) ** 2 < _LOG_ACCURACY
    return angles[kept], weights[kept]


def _bennett(x: float) -> float:
    return (1 + x) * math.log1p(x) - x
