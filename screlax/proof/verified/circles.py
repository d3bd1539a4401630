"""Circles for coefficients of generating functions, and what a trapezoidal rule on them leaves out.

With J nodes on the circle |z| = r, for F of nonnegative coefficients c_i and any s₁ > 1 > s₂ > 0,

    |r^{−d}/J Σ F(z_j) e^{−iθ_j d} − c_d| ≤ (r s₁)^{−d} F(r s₁) s₁^{−J} + (r s₂)^{−d} F(r s₂) s₂^J,

Chernoff's bounds of the coefficients d ± J, d ± 2J, …; the latter is zero where J > d. Nodes from
an angle on are left out too: factors 1 + z y shrink with the angle, so that the first of them, by
absolute value, bounds each. Where nodes are is chosen in doubles; what they leave out is enclosed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import acb, arb
from numpy.typing import NDArray

from ...problem.batches.contour import log_radii, units_beyond
from ...problem.batches.draws import Draws
from ...types import Matrix, Vector
from .balls import rounded_up

Indices = NDArray[np.int64]

_NEEDED = 48.0
"""−log of what may be left out."""

_UP = np.geomspace(0.02, 8, 24)
"""Logarithms of s, or less them, that are tried."""


class TooWide(Exception):
    """Rows differ too much to share circles."""

    def __init__(self, key: Vector) -> None:
        super().__init__()
        self.key = key


@dataclass(frozen=True, eq=False)
class Circle:
    """A circle in z for one node t.

    Attributes
    ----------
    radius : float
    halves : int
        Nodes on half of the circle, at the angles (j + ½)π/halves.
    kept : int
        How many of them are summed.
    above, below : float or None
        s₁ and s₂; None where there is no coefficient beyond.
    drop, variance : float
        By how many factors of e terms are less than those of the first t, and the variance that
        they fall by along the circle.
    """

    radius: float
    halves: int
    kept: int
    above: float | None
    below: float | None
    drop: float
    variance: float

    def drop_at(self, angle: float) -> float:
        """Return by how many factors of e a term counts less."""
        return self.drop + 2 * self.variance * math.sin(angle / 2) ** 2


@dataclass(frozen=True, eq=False)
class Place:
    """A node (t, z), or one whose terms bound what nodes leave out.

    Attributes
    ----------
    term : int
        The number of t.
    z : acb
    modulus : arb
        |z|.
    angle : float
        At least |arg z|.
    weight : acb or arb
        What its term is multiplied by.
    is_bound : bool
    largest_mean : arb
        At least |z y/(1 + z y)|, of all that it bounds.
    drop : float
        By how many factors of e, about, it counts less than others.
    """

    term: int
    z: Any
    modulus: Any
    angle: float
    weight: Any
    is_bound: bool = False
    largest_mean: Any = None
    drop: float = 0.0

    @property
    def size(self) -> float:
        """A few digits of |z|."""
        return float(self.modulus)

    @classmethod
    def alone(cls, term: int, odds: Any) -> Place:
        """Return the only node of a t, where there is no coefficient to take."""
        return cls(term, acb(odds), odds, 0.0, arb(1))


def places_on(term: int, circle: Circle, degree: int) -> list[Place]:
    """Return the nodes of a circle, and those that bound what it leaves out."""
    radius, halves = arb(circle.radius), circle.halves
    power = radius ** (-degree)
    found = []
    for j in range(circle.kept):
        angle = arb(2 * j + 1) / (2 * halves)
        turned = acb((angle * degree).cos_pi(), -(angle * degree).sin_pi())
        z = radius * acb(angle.cos_pi(), angle.sin_pi())
        turn = _up(angle)
        weight, drop = turned * (power / halves), circle.drop_at(turn)
        found.append(Place(term, z, radius, turn, weight, drop=drop))
    if circle.kept < halves:
        angle = arb(2 * circle.kept + 1) / (2 * halves)
        z = radius * acb(angle.cos_pi(), angle.sin_pi())
        share = power * (halves - circle.kept) / halves
        mean = arb(1) if angle <= 0.5 else 1 / angle.sin_pi()
        turn = _up(angle)
        found.append(Place(term, z, radius, turn, share, True, mean, circle.drop_at(turn)))
    for shift, sign in ((circle.above, -1), (circle.below, 1)):
        if shift is not None:
            moved = radius * shift
            tail = moved ** (-degree) * arb(shift) ** (2 * sign * halves)
            found.append(Place(term, acb(moved), moved, 0.0, tail, True, arb(1), _NEEDED - 6))
    return found


def _up(angle: Any) -> float:
    return rounded_up(angle * arb.pi())


_SPREAD = 60.0
"""By so many factors of e the sum over a circle may be less than its terms."""


def circles_of(draws: Draws, decay: Vector, each: Matrix, always: Vector) -> list[Circle]:
    """Return circles that R rows can share, one for each decay V t.

    Parameters
    ----------
    draws : Draws
        Of R rows, with a degree and without replacement.
    decay : ndarray, shape (K,)
        From the least on.
    each : ndarray, shape (R, m)
        κ e.
    always : ndarray, shape (R,)
        What there is besides units, in the units of decay.

    Raises
    ------
    TooWide
        If they cannot.
    """
    key = (draws.units * each).sum(axis=1) / np.maximum(draws.units.sum(axis=1), 1e-300)
    order = np.argsort(key)
    rows = np.unique(order[[0, (len(key) - 1) // 2, -1]])
    middle = int(order[(len(key) - 1) // 2])
    found: list[Circle] = []
    first = np.zeros(len(key))
    for log_radius, t in zip(
        log_radii(draws.rows([middle]), decay, each[middle]).tolist(), decay, strict=True
    ):
        at = _At(draws, log_radius, -t * each, -t)
        logs = at.logs() - t * always
        first = first if found else logs
        drop = np.maximum(first - logs, 0.0)
        lost = at.away**2 / (2 * (at.variance + at.away / 3 + 1))
        if len(key) > 1 and (lost - drop).max() > _SPREAD:
            raise TooWide(key)
        needed = np.maximum(_NEEDED + lost + at.rare - drop, 2.0)
        found.append(_circle(at, needed, float(drop.min()), rows))
    return found


class _At:
    """Where rows are at the real point of a circle, in doubles."""

    def __init__(self, draws: Draws, log_radius: float, log_y: Matrix, log_own: float) -> None:
        self.draws, self.log_radius = draws, log_radius
        self.degree, self.everything = float(draws.degree or 0), float(draws.everything.max())
        self._log_y, self._log_own = log_y, log_own
        mean = draws.mean(log_radius + log_y)
        own = draws.mean(np.array(log_radius + log_own))
        inside = draws.own_units * own
        self.others = (draws.units * draws.variance(mean)).sum(axis=1)
        self.variance = np.maximum(self.others + draws.own_units * draws.variance(own), 1e-3)
        self.away = np.abs((draws.units * mean).sum(axis=1) + inside - self.degree)
        missing = draws.missing(needed=True) & (draws.own_units > 0)
        self.rare = np.where(missing, -np.log(np.clip(inside, 1e-300, 1.0)), 0.0)

    def logs(self, shift: float = 0.0, rows: Any = slice(None)) -> Vector:
        """Return the logarithms of generating functions over z^d at a multiple of the radius."""
        draws, at = self.draws, self.log_radius + shift
        others = (draws.units[rows] * draws.unit(at + self._log_y[rows])[0][0]).sum(axis=1)
        own = draws.unit(np.array(at + self._log_own))[0][0]
        return np.asarray(others + draws.own_units[rows] * own - self.degree * at)


def _circle(at: _At, needed: Vector, drop: float, rows: Indices) -> Circle:
    beyond = float((units_beyond(at.variance, needed) + at.away).max()) + 2
    degree, everything = at.degree, at.everything
    halves = math.ceil(min(beyond, max(degree, everything - degree) + 1) / 2)
    farthest = float(np.sqrt(needed / np.maximum(2 * at.others, 1e-300)).max())
    last = 2 * math.asin(min(farthest, 1.0))
    kept = min(max(math.ceil(last * halves / math.pi), 1), halves)
    is_above, is_below = degree + 2 * halves <= everything, degree - 2 * halves >= 0
    return Circle(
        math.exp(at.draws.log_odds + at.log_radius),
        halves,
        kept,
        _shift(at, rows, needed[rows], 2 * halves, _UP) if is_above else None,
        _shift(at, rows, needed[rows], 2 * halves, -_UP) if is_below else None,
        drop,
        float(at.others.min()),
    )


def _shift(at: _At, rows: Indices, needed: Vector, nodes: int, shifts: Vector) -> float:
    """Return the s that bounds a tail best, for the worst of some rows."""
    start = at.logs(0.0, rows) - needed
    worst = [(at.logs(shift, rows) - start).max() for shift in shifts.tolist()]
    return math.exp(shifts[int(np.argmin(np.array(worst) - nodes * np.abs(shifts)))])
