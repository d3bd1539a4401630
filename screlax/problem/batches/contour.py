"""Coefficients of generating functions by the trapezoidal rule on a circle.

    [z^d] F(z) = (1/J) Σ_j F(r ω_j) (r ω_j)^{−d},    ω_j = e^{(2j+1)πi/J}

is exact up to the coefficients d ± J, d ± 2J, …; on the circle through the saddle point of F z^{−d}
these are the tails of a distribution of mean d, which Bennett's inequality bounds. Coefficients are
real, so that half of the circle is enough. Any radius is exact: rows whose saddle points are near
each other share their circles, one for each t, and all that depends on z alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...types import Matrix, Vector
from .complex_numbers import Parts, exp_of
from .draws import Array, Draws

_FAR = 300.0
"""Bound on |log r|, beyond which all terms vanish."""

LOG_ACCURACY = 37.0
"""−log of the tails that are left out: 9e-17."""


@dataclass(frozen=True, eq=False)
class Circles:
    """Circles |z| = z₀ r, one for each node t of a sum of exponentials.

    Attributes
    ----------
    decay : ndarray, shape (K,)
        V t: the logarithm of y is that times −κ e.
    log_radius : ndarray, shape (K,)
        log r.
    angle : ndarray, shape (K,)
        How far on the circle there are nodes.
    """

    decay: Vector
    log_radius: Vector
    angle: Vector


@dataclass(frozen=True, eq=False)
class Nodes:
    """Where generating functions are evaluated, M pairs of t and z.

    Attributes
    ----------
    term : ndarray of int, shape (M,)
        The number of t in the sum of exponentials.
    log_radius, angle, weight : ndarray, shape (M,)
        log(z/z₀) and the weight of the real part.
    """

    term: NDArray[np.int64]
    log_radius: Vector
    angle: Vector
    weight: Vector

    @classmethod
    def real(cls, log_radius: Vector) -> Nodes:
        """Return the points of circles where z is real, weighted alike."""
        count = len(log_radius)
        return cls(np.arange(count), log_radius, np.zeros(count), np.ones(count))

    @cached_property
    def log_z(self) -> Parts:
        """log(z/z₀), (…, M)."""
        both = [self.log_radius] if self.is_real else [self.log_radius, self.angle]
        return np.stack(both)

    @cached_property
    def is_real(self) -> bool:
        """Whether z is real."""
        return not self.angle.any()

    @property
    def angles(self) -> Array | None:
        """The angles as a column, None where z is real."""
        return None if self.is_real else self.angle[:, None]

    def unit(self, draws: Draws, log_y: Array) -> tuple[Parts, Parts]:
        """Return `Draws.unit` at the nodes, (…, M, q), log y being (M, q)."""
        return draws.unit(self.log_radius[:, None] + log_y, self.angles)


def log_radii(draws: Draws, decay: Vector, each: Vector) -> Vector:
    """Return log r through the saddle points of a single row, (K,); two digits of it are enough.

    Parameters
    ----------
    draws : Draws
        Of one row, with a degree.
    decay : ndarray, shape (K,)
    each : ndarray, shape (m,)
        κ e.
    """
    log_y = -np.outer(decay, np.append(each, 1.0))
    weight = np.append(draws.units[0], draws.own_units[0])
    wanted = draws.wanted
    if draws.replaced:
        with np.errstate(divide="ignore"):
            found = math.log(wanted / draws.rate) - np.log(np.exp(log_y) @ weight)
        return np.asarray(np.minimum(found, _FAR))
    low, high = np.full(len(decay), -_FAR), np.full(len(decay), _FAR)
    log_radius = np.minimum(-(log_y @ weight) / weight.sum(), _FAR)
    for _ in range(60):
        mean = draws.mean(log_radius[:, None] + log_y)
        excess = mean @ weight - wanted
        slope = draws.variance(mean) @ weight
        high = np.where(excess > 0, log_radius, high)
        low = np.where(excess <= 0, log_radius, low)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = log_radius - excess / slope
        known = (step > low) & (step < high)
        step = np.where(known, step, (low + high) / 2)
        settled = np.abs(step - log_radius).max() < 0.01
        log_radius = step
        if settled:
            break
    return np.asarray(log_radius)


@dataclass(frozen=True, eq=False)
class Spread:
    """How many units there are on the circles where z is real, whose tails the rule leaves out.

    Attributes
    ----------
    importance : ndarray, shape (K,)
        Largest share, over the rows, that |terms| of a circle have in the result.
    away : ndarray, shape (K,)
        Largest distance of their mean number from d.
    most, least : ndarray, shape (K,)
        Bounds of its variance, the least without the own class.
    extra : float
        Units that are always there.
    """

    importance: Vector
    away: Vector
    most: Vector
    least: Vector
    extra: float


def nodes_on(draws: Draws, log_radius: Vector, spread: Spread) -> Nodes:
    """Return nodes on half circles such that what they leave out is below rounding."""
    if draws.degree is None:
        return Nodes.real(log_radius)
    with np.errstate(divide="ignore"):
        log_allowed = -LOG_ACCURACY - np.log(spread.importance * len(log_radius))
    halves = _halves(draws, spread, log_allowed)
    term = np.repeat(np.arange(len(halves)), halves)
    place = np.arange(len(term)) - np.repeat(np.cumsum(halves) - halves, halves)
    angle = (place + 0.5) * math.pi / halves[term]  # never −1, where a factor may vanish
    small = -2 * spread.least[term] * np.sin(angle / 2) ** 2 < log_allowed[term]
    kept = ~small | (place == 0)
    term, angle = term[kept], angle[kept]
    return Nodes(term, log_radius[term], angle, 1 / halves[term])


def _halves(draws: Draws, spread: Spread, log_allowed: Vector) -> NDArray[np.int64]:
    """Return how many nodes there are on each half circle, (K,)."""
    draws_all = float(draws.everything.max())
    degree = float(draws.degree or 0.0)
    variance = np.maximum(spread.most, 1e-3)
    most = 2 * math.ceil(spread.away.max() + 20 * math.sqrt(float(variance.max())) + 80)
    counts = np.unique(np.ceil(np.geomspace(1, most, 160)))
    free = 2 * counts - spread.extra - spread.away[:, None]
    log_tail = math.log(4) + log_tails(variance[:, None], free)
    enough = log_tail <= log_allowed[:, None]
    found = np.where(enough.any(axis=1), counts[enough.argmax(axis=1)], counts[-1])
    if not draws.replaced:  # a polynomial: more nodes than coefficients on either side are exact
        found = np.minimum(found, math.ceil((max(degree, draws_all - degree) + 1) / 2))
    return np.asarray(found.astype(np.int64))


def log_tails(variance: Matrix, free: Matrix) -> Matrix:
    """Return Bennett's bound on the logarithm of the chance of so many more units than the mean."""
    x = np.maximum(free, 0.0) / variance
    return np.asarray(-variance * ((1 + x) * np.log1p(x) - x))


def log_normalizer(draws: Draws) -> float:
    """Return the logarithm of the same sum over all batches, where z₀ is the radius.

    Errors that both have cancel; rows of the same batches have the same units in all.
    """
    if draws.degree is None:
        return 0.0
    units = float(draws.everything.max())
    variance = units * draws.variance(np.full(1, draws.rate))
    away = np.array([abs(draws.wanted - draws.degree)])
    one = np.ones(1)
    nodes = nodes_on(draws, np.zeros(1), Spread(one, away, variance, variance, 0.0))
    log_factor, _ = nodes.unit(draws, np.zeros((1, 1)))
    logs = units * log_factor[..., 0] - draws.degree * nodes.log_z
    return math.log(float(nodes.weight @ exp_of(logs)[0]))
