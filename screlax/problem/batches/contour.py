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

LOG_ACCURACY = 35.0
"""−log of the tails that are left out: 6e-16, far below rounding."""


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
        with np.errstate(all="ignore"):  # where the slope vanishes, the interval is halved
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
    importance : ndarray, shape (R, K)
        Share that |terms| of a circle have in the result.
    away : ndarray, shape (R, K)
        Distance of their mean number from d.
    all, others : ndarray, shape (R, K)
        Its variance, and that without the own class.
    log_none : ndarray, shape (R, K)
        Logarithm of the share of terms without a positive, which are subtracted; −inf where none
        are.
    extra : float
        Units that are always there.
    """

    importance: Matrix
    away: Matrix
    all: Matrix
    others: Matrix
    log_none: Matrix
    extra: float


def nodes_on(draws: Draws, log_radius: Vector, spread: Spread) -> Nodes:
    """Return nodes on half circles such that what they leave out is below rounding."""
    if draws.degree is None:
        return Nodes.real(log_radius)
    count = len(log_radius)
    needed = LOG_ACCURACY + np.log(np.maximum(spread.importance * count, 1e-300))
    needed = np.maximum(needed, 1e-2)
    halves = _halves(draws, spread, needed)
    # what is subtracted decays as all other classes do
    variance = np.where(spread.log_none < -needed - 2, spread.all, spread.others)
    farthest = np.sqrt(needed / np.maximum(2 * variance, 1e-300)).max(axis=0)
    last = 2 * np.arcsin(np.minimum(farthest, 1.0))
    term, angle = on_half_circles(halves, last)
    return Nodes(term, log_radius[term], angle, 1 / halves[term])


def on_half_circles(halves: NDArray[np.int64], last: Vector) -> tuple[NDArray[np.int64], Vector]:
    """Return the circle and the angle of each node, up to about a last angle.

    Half a circle has as many nodes as `halves` says, where that is zero none at all.
    """
    kept = np.minimum(np.maximum(np.ceil(last * halves / math.pi), 1), halves).astype(np.int64)
    circle = np.repeat(np.arange(len(kept)), kept)
    place = np.arange(len(circle)) - np.repeat(np.cumsum(kept) - kept, kept)
    return circle, (place + 0.5) * math.pi / halves[circle]  # never −1: a factor may vanish there


def _halves(draws: Draws, spread: Spread, needed: Matrix) -> NDArray[np.int64]:
    """Return how many nodes there are on each half circle, (K,)."""
    everything, degree = float(draws.everything.max()), float(draws.degree or 0.0)
    free = units_beyond(np.maximum(spread.all, 1e-3), needed + math.log(4))
    found = np.ceil((free + spread.extra + spread.away).max(axis=0) / 2)
    if not draws.replaced:  # a polynomial: more nodes than coefficients on either side are exact
        found = np.minimum(found, math.ceil((max(degree, everything - degree) + 1) / 2))
    return np.asarray(np.maximum(found, 1).astype(np.int64))


def units_beyond(variance: Matrix | float, needed: Matrix | float) -> Matrix:
    """Return x such that x more units than the mean, or fewer, have a chance below e^{−needed}.

    Bennett's inequality: v h(x/v) ≥ needed, h(x) = (1 + x) log(1 + x) − x, by Newton's method from
    Bernstein's larger x; h is convex, so that it never falls below.
    """
    x = needed / 3 + np.sqrt(needed**2 / 9 + 2 * variance * needed)
    for _ in range(2):
        log = np.log1p(x / variance)
        x = x - ((variance + x) * log - x - needed) / log
    return np.asarray(x)


def log_normalizer(draws: Draws) -> float:
    """Return the logarithm of the same sum over all batches, where z₀ is the radius.

    Errors that both have cancel; rows of the same batches have the same units in all.
    """
    if draws.degree is None:
        return 0.0
    units = float(draws.everything.max())
    variance = units * draws.variance(np.full(1, draws.rate))
    away = np.full((1, 1), abs(draws.wanted - draws.degree))
    one, all_units = np.ones((1, 1)), variance[None]
    spread = Spread(one, away, all_units, all_units, -np.inf * one, 0.0)
    nodes = nodes_on(draws, np.zeros(1), spread)
    log_factor, _ = nodes.unit(draws, np.zeros((1, 1)))
    logs = units * log_factor[..., 0] - draws.degree * nodes.log_z
    return math.log(float(nodes.weight @ exp_of(logs)[0]))
