"""Circles that the rows of class-averaged losses share, and how many nodes they take.

Everything here is where z is real, of rows (R), classes (m) and nodes t (K) of the rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...types import Matrix, Vector
from .averaged_nodes import TILTS, TURNS, on_circles, points_at
from .draws import Array, Draws
from .general_row import Points

_LOG_ACCURACY = 36.0
"""−log of what is left out of circles: 2e-16."""

_FAR = 300.0
"""Bound on log r."""

_SEEN = 1e-10
"""Accuracy of Hessians, which no bound rests on."""

_OFF, _TRIED = 0.5, (0.25, -0.25, 1.0, -1.0)
"""How much more than at other radii, of these logarithms, a row's logarithm may be on a circle."""


@dataclass(frozen=True, eq=False)
class RealRows:
    """Rows where z = r, one r for each t.

    Attributes
    ----------
    rows : ndarray of int, shape (R,)
    draws : Draws
        Of these rows.
    units : ndarray, shape (m,)
        N of a single class.
    copies, e : ndarray, shape (R, m)
    times : ndarray, shape (K,)
        t.
    radius : ndarray, shape (K,)
    present : ndarray of bool, shape (R,)
        Whether the own part has at least one unit.
    beside : callable
        Logarithms of all but other classes where z is (K, T), (R, K, T).
    """

    rows: NDArray[np.int64]
    draws: Draws
    units: Vector
    copies: Matrix
    e: Matrix
    times: Vector
    radius: Vector
    present: NDArray[np.bool_]
    beside: Callable[[Matrix], Array]

    @cached_property
    def decay(self) -> Array:
        """What classes take off, t e, (R, m, K)."""
        return np.asarray(self.e[..., None] * self.times)

    @cached_property
    def first(self) -> Matrix:
        """Logarithms of F, (m, K)."""
        return self._first(self.radius)

    def _first(self, radius: Array) -> Array:
        phi = radius if self.draws.replaced else np.log1p(radius)
        return np.asarray(np.multiply.outer(self.units, phi))

    @cached_property
    def log(self) -> Array:
        """Logarithms of f, (R, m, K)."""
        first, large = self.first, self.first > 30
        near = np.log1p(np.exp(-self.decay) * np.expm1(np.where(large, 0.0, first)))
        if not large.any():
            return np.asarray(near)
        gone = np.log(-np.expm1(-self.decay))
        far = np.logaddexp(np.where(large, first, 0.0) - self.decay, gone)
        return np.asarray(np.where(large, far, near))

    @cached_property
    def share(self) -> Array:
        """The share b = x F/f of F, (R, m, K)."""
        return np.asarray(np.exp(self._log_shares[0]))

    @cached_property
    def _log_shares(self) -> tuple[Array, Array]:
        """Logarithms of b and of 1 − b, each with its digits, (R, m, K)."""
        share = np.minimum(self.first - self.decay - self.log, 0.0)
        return share, np.minimum(np.log(-np.expm1(-self.decay)) - self.log, 0.0)

    @cached_property
    def mean(self) -> Array:
        """−∂ log f/∂s, (R, m, K)."""
        return np.asarray(-np.expm1(-self.log))

    @cached_property
    def _beside(self) -> Matrix:
        """Logarithms of all but other classes, (R, K)."""
        return np.asarray(self.beside(self.radius[:, None])[..., 0])

    def summed(self, terms: Array) -> Matrix:
        """Sum (R, m, K) over the classes beside each anchor, (R, K)."""
        return np.asarray((self.copies[:, None] @ terms)[:, 0])

    @cached_property
    def log_size(self) -> Matrix:
        """Logarithms of Φ(r) r^{−d}, (R, K)."""
        return np.asarray(self.summed(self.log) + self._beside)

    @property
    def degree(self) -> float:
        """The coefficient that is taken; 0 where none is."""
        return self.draws.degree or 0.0

    @cached_property
    def rate(self) -> Vector:
        """Mean number of a unit, (K,)."""
        r = self.radius
        return r if self.draws.replaced else np.asarray(r / (1 + r))

    @cached_property
    def unit_variance(self) -> Vector:
        """Its variance, (K,)."""
        return self.rate if self.draws.replaced else np.asarray(self.rate * (1 - self.rate))

    @cached_property
    def _moments(self) -> tuple[Matrix, Matrix]:
        """Mean number of units, and its variance, (R, K)."""
        mean = self.units[:, None] * self.rate
        inside = self.units[:, None] * self.unit_variance
        spread = self.share * inside + self.share * (1 - self.share) * mean**2
        units, variance = self.summed(self.share * mean), self.summed(spread)
        own, bent = _of_own(self.draws, self.present, self.radius)
        return units + own, variance + bent

    @property
    def away(self) -> Matrix:
        """How far the mean is from d, (R, K)."""
        return np.asarray(self._moments[0] - self.degree)

    @property
    def variance(self) -> Matrix:
        """Of the number of units, (R, K)."""
        return self._moments[1]

    @property
    def above_saddle(self) -> Matrix:
        """How far log Φ(r) r^{−d} falls at a few other r, (R, K)."""
        lowest = np.zeros(self.log_size.shape)
        for tilt in _TRIED:
            beyond = self.radius * np.exp(tilt)
            grown = self._first(beyond) - self.first
            moved = self.summed(_log_mixed(*self._log_shares, grown))
            moved += self.beside(beyond[:, None])[..., 0] - self._beside
            lowest = np.fmin(lowest, moved)
        return -lowest

    def needed(self, log_terms: Matrix, log_wanted: Matrix) -> Matrix:
        """Return −log of what may be left out of each term, relative to it, (R, K).

        Coefficients are about r^d Φ(r)/√(2πv).

        Parameters
        ----------
        log_terms : ndarray, shape (R, K)
            Bounds of the terms.
        log_wanted : ndarray, shape (R, K)
            What is wanted of each.
        """
        spread = np.log(2 * math.pi * np.maximum(self.variance, 1.0)) / 2
        top = log_wanted.max(axis=1, keepdims=True)
        total = top + np.log(np.exp(log_wanted - top).sum(axis=1, keepdims=True))
        found = _LOG_ACCURACY + math.log(log_terms.shape[1]) + spread + log_terms - total
        return np.where(np.isnan(found), -1.0, found)  # there is nothing

    @cached_property
    def seen(self) -> Matrix:
        """|Φ| that matters in Hessians, (R, K)."""
        moved = np.log(self.summed(self.e[..., None] * self.mean))
        curved = self.log_size + 2 * (moved + np.log(self.times))
        top = curved.max(axis=1, keepdims=True)
        return np.asarray(_SEEN * np.exp(top - 2 * (moved + np.log(self.times))))

    def nodes(self, needed: Matrix, *, whole: bool, marked: bool) -> Points:
        """Return nodes that leave out what may be.

        Parameters
        ----------
        needed : ndarray, shape (R, K)
        whole : bool
            Whether tails are those of e = 0.
        marked : bool
            Whether one class is there in any case, whichever it is.
        """
        if self.draws.degree is None:
            return points_at(np.arange(len(self.radius)), self.radius)
        total = float(self.draws.everything.max())
        room = (np.inf if self.draws.replaced else max(total - self.degree, 0.0), self.degree)
        tails = self._tails(whole=whole, marked=marked)
        return on_circles(self.radius, needed, tails, self._decay(marked=marked), room)

    def _tails(self, *, whole: bool, marked: bool) -> Array:
        """Bound log Φ(r e^ζ)/Φ(r) − ζ d, (R, K, T)."""
        beyond = self.radius[:, None] * np.exp(TILTS)
        there = self._first(beyond)
        grown = there - self.first[..., None]
        beside = self.beside(beyond) - self._beside[..., None]
        if whole:
            return np.asarray(self._over(grown) + beside)
        least, most = self._extremes
        up = TILTS > 0
        grown_most = np.where(up, _log_mixed(*most, grown), _log_mixed(*least, grown))
        found = np.asarray(self._over(self._present(grown_most)) + beside)
        if marked:  # x (F − 1) of one class, in place of f
            extra = (
                _log_expm1(there) - _log_expm1(self.first)[..., None] - _log_mixed(*least, grown)
            )
            found += np.where(up, self._present(extra), 0.0).max(axis=0)
        return found

    def _over(self, terms: Array) -> Array:
        """Sum (m, K, T) over the classes beside each anchor, (R, K, T)."""
        return np.asarray(np.tensordot(self.copies, terms, 1))

    def _decay(self, *, marked: bool) -> Array:
        """Bound log |Φ|/Φ(r) beyond angles, (R, K, S)."""
        inside = self.units[:, None, None] * self.unit_variance[:, None] * TURNS
        each = np.maximum(_log_mixed(*self._extremes[0], -2 * inside), -1e3)
        kept = self._present(each)
        return np.asarray(self._over(kept) - (kept.min(axis=0) if marked else 0.0))

    def _present(self, terms: Array) -> Array:
        """Return terms (m, K, T), zero for classes that no row meets."""
        return np.where((self.copies.max(axis=0) > 0)[:, None, None], terms, 0.0)

    @cached_property
    def _extremes(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Logarithms of the least and most b of all rows, and of 1 − b, each (m, K, 1)."""
        exists, (share, rest) = self.copies[..., None] > 0, self._log_shares
        least = (
            np.where(exists, share, 0.0).min(axis=0)[..., None],
            np.where(exists, rest, -np.inf).max(axis=0)[..., None],
        )
        most = (
            np.where(exists, share, -np.inf).max(axis=0)[..., None],
            np.where(exists, rest, 0.0).min(axis=0)[..., None],
        )
        return least, most


def _log_mixed(share: Array, rest: Array, log: Array) -> Array:
    """Return log(1 − b + b e^log), of logarithms of b and 1 − b."""
    return np.asarray(np.logaddexp(rest, share + log))


def _log_expm1(log: Array) -> Array:
    """Return log(e^log − 1)."""
    return np.asarray(log + np.log(-np.expm1(-log)))


def _of_own(draws: Draws, present: NDArray[np.bool_], radius: Vector) -> tuple[Matrix, Matrix]:
    """Return mean and variance of the units of own parts, (R, K)."""
    own = draws.own_units[:, None]
    phi, rate = (radius, radius) if draws.replaced else (np.log1p(radius), radius / (1 + radius))
    some = np.where(present[:, None], -np.expm1(-own * phi), 1.0)
    mean = own * rate
    variance = mean if draws.replaced else mean * (1 - rate)
    within = mean / some
    return within, np.maximum((variance + mean * mean) / some - within * within, 0.0)


def saddle(
    draws: Draws, units: Vector, copies: Matrix, decay: Array, present: NDArray[np.bool_]
) -> Vector:
    """Return r near the saddle points of rows that are alike, (K,).

    Any radius is exact; see `RealRows` for the parameters.
    """
    weight = copies.sum(axis=0)
    s = np.einsum("rm,rmk->mk", copies, decay) / np.where(weight > 0, weight, 1.0)[:, None]
    weight = weight / len(copies)
    total = float(draws.everything.mean())
    degree = float(draws.degree or 0.0)
    wanted = degree if draws.replaced else min(degree, total - 0.3)
    low, high = np.full(s.shape[1], -_FAR), np.full(s.shape[1], _FAR)
    while (high - low).max() > 0.01:
        middle = (low + high) / 2
        z = np.exp(middle)
        first = np.outer(units, z if draws.replaced else np.log1p(z))
        rate = z if draws.replaced else z / (1 + z)
        share = np.exp(-np.logaddexp(0.0, np.log(-np.expm1(-s)) + s - first))
        own = _of_own(draws, present, z)[0].mean(axis=0)
        above = weight @ (units[:, None] * rate * share) + own > wanted
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.exp(high)


def on_shared_circles(
    rows: NDArray[np.int64],
    real_of: Callable[[NDArray[np.int64]], RealRows],
    log_wanted: Callable[[RealRows], Matrix],
) -> Iterator[RealRows]:
    """Yield rows whose saddle points are near each other.

    Parameters
    ----------
    rows : ndarray of int
    real_of : callable
        Rows on circles through the saddle points of their mean.
    log_wanted : callable
        Logarithms of what is wanted of each term, (R, K).
    """
    real = real_of(rows)
    wanted = log_wanted(real)
    counts = wanted > wanted.max(axis=1, keepdims=True) - _LOG_ACCURACY
    near = np.where(counts, real.above_saddle, 0.0).max(axis=1) <= _OFF
    if len(rows) == 1 or near.all() or real.draws.degree is None:
        yield real
        return
    if not near.any():
        away = np.where(counts, real.away, 0.0).sum(axis=1)
        near = np.argsort(np.argsort(away)) < len(rows) // 2
    for part in (rows[near], rows[~near]):
        yield from on_shared_circles(part, real_of, log_wanted)
