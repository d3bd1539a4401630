"""The generating function of one row: where it is evaluated, and what it is there.

    E[ 1 e^{−tY} y^{A−1} ] = [z^d] G(y, t, z)

Its coefficients are not negative, so that real z bound what the nodes of a circle leave out:

    Σ_{b ≥ d+J} [z^b] G r^b ≤ G(r e^h) e^{−h(d+J)}
    Σ_{b ≤ d−J} [z^b] G r^b ≤ G(r e^{−h}) e^{h(d−J)}

for every h > 0 (Chernoff). At an angle θ, at most e^{−2 v sin²(θ/2)} is left of the part of a class
whose units are drawn each for itself, in number with a variance v, and all of what is beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Vector
from ..losses.batch_terms import BatchTerms
from .class_parts import ClassParts
from .contour import on_half_circles, units_beyond
from .draws import Array, Draws
from .joined_numbers import expm1_of, log1p_of

LOG_ACCURACY = 38.0
"""−log of the tails that are left out of circles: 3e-17."""

_FAR = 300.0
"""Bound on log r."""

_CLOSE = 0.02
"""How well log r is known."""

_FLAT, _LEAST = 0.05, 1e-300
"""Slopes and numbers that are taken for rounding."""

_BESIDE = 2.0
"""More nodes, for derivatives: they count units, also those of tails."""

_APART = 0.25
"""Mean number of samples from which on e^w − 1 − w loses nothing that matters."""

_ANGLES = np.arange(1, 17) * (math.pi / 16)
"""Where circles may end."""

_ENTRIES = 1 << 14
"""Classes at nodes that are evaluated at once, about."""


@dataclass(frozen=True, eq=False)
class Points:
    """Places (y, t, z), M of them.

    Attributes
    ----------
    y : ndarray, shape (M,)
    term : ndarray of int, shape (M,)
        The number of t in the sum of exponentials.
    z : ndarray, shape (M,)
    weight : ndarray, shape (M,)
        Of the real part.
    """

    y: Vector
    term: NDArray[np.int64]
    z: Array
    weight: Vector

    def at(self, index: Any) -> Points:
        """Return some of them."""
        return Points(self.y[index], self.term[index], self.z[index], self.weight[index])

    def with_every(self, terms: int) -> Points:
        """Return each of them with every t."""
        at = self.at(np.repeat(np.arange(len(self.y)), terms))
        return Points(at.y, np.tile(np.arange(terms), len(self.y)), at.z, at.weight)


@dataclass(frozen=True, eq=False)
class GeneralRow:
    """The generating function of one row.

    Attributes
    ----------
    draws : Draws
        Of this row alone.
    views : int
    terms : BatchTerms
    parts : ClassParts
    copies : ndarray, shape (m,)
        Other classes of each orbit.
    own_keys : float
    needed : bool
        Whether a positive has to be drawn.
    anchors, shared : (ndarray, ndarray)
        y and weights of rules for 1/A of the anchors of a batch, and of those of the own class.
    t : ndarray, shape (K,)
    added : ndarray, shape (m,)
        What a unit of each class adds to Y, or the class.
    keys : float
        What keys of other classes add.
    log_normalizer : float
    also : ndarray, shape (m,), or None
        Other such numbers, with which the function is evaluated on the same circles.
    """

    draws: Draws
    views: int
    terms: BatchTerms
    parts: ClassParts
    copies: Vector
    own_keys: float
    needed: bool
    anchors: tuple[Vector, Vector]
    shared: tuple[Vector, Vector]
    t: Vector
    added: Vector
    keys: float
    log_normalizer: float = 0.0
    also: Vector | None = None

    def decay(self, points: Points, added: Vector | None = None) -> Array:
        """Return how much units decay by what they add to Y, (M, m)."""
        return np.outer(self.t[points.term], self.added if added is None else added)

    def beside(self, points: Points) -> tuple[Array, Array]:
        """Return logarithm of all but other classes, relative to all batches, and a factor."""
        t = self.t[points.term]
        own = self._shared if self.terms.shared else self._own
        logs, factor = own(points.z, points.y, t)
        logs = logs - t * self.keys - self.log_normalizer
        if self.draws.degree is not None:
            logs = logs - self.draws.degree * np.log(points.z)
        return logs, factor

    def whole(self, others: Array, logs: Array, factor: Array) -> Array:
        """Return the generating function; without the batches that have no negative."""
        if self.terms.has_own:
            return np.asarray(factor * np.exp(logs + others))
        scale, met = _less_one(others)
        return np.asarray(factor * met * np.exp(logs + scale))

    def others(self, points: Points) -> Array:
        """Return the logarithm of the part of other classes, (M,)."""
        parts = self.parts.at(points.z[:, None], points.y[:, None], self.decay(points))
        return np.asarray(parts.log @ self.copies)

    def at(self, points: Points) -> Array:
        """Return it at places, (M,)."""
        return self.whole(self.others(points), *self.beside(points))

    def nodes(self, terms: Callable[[Points], Array]) -> Iterator[Points]:
        """Yield nodes, some at a time, for the sum of the real parts of some terms.

        Parameters
        ----------
        terms : callable
            Of nodes, (M,). At real z they are not negative, and say how much of the sum comes from
            each circle.
        """
        places, weights = self.anchors
        term = np.tile(np.arange(len(self.t)), len(places))
        y, weight = np.repeat(places, len(self.t)), np.repeat(weights, len(self.t))
        z = np.full(len(y), self.draws.odds if self.draws.degree is None else 1.0)
        points = Points(y, term, z, weight)
        if self.draws.degree:
            points = self._on_circles(points, terms)
        step = max(1, _ENTRIES // max(len(self.added), 1))
        for first in range(0, len(points.y), step):
            yield points.at(slice(first, first + step))

    def _on_circles(self, circles: Points, terms: Callable[[Points], Array]) -> Points:
        """Return nodes on circles, one for each y and t."""
        log_radius, variance = self._radii(circles)
        circles = Points(circles.y, circles.term, np.exp(log_radius), circles.weight)
        needed = LOG_ACCURACY + 0.5 * np.log(2 * math.pi * np.maximum(variance, 1.0))
        size = circles.weight * np.abs(terms(circles))
        if size.sum() > 0:
            needed += np.log(np.maximum(size / size.sum() * len(size), _LEAST))
        seen = needed > 0  # elsewhere, next to nothing comes from the whole circle
        circles, variance, needed = circles.at(seen), variance[seen], needed[seen]
        halves = self._halves(circles, variance, needed)
        last = self._last_angles(circles, needed)
        circle, angle = on_half_circles(halves, last)
        nodes, halves, turn = circles.at(circle), halves[circle], np.exp(1j * angle)
        return Points(nodes.y, nodes.term, nodes.z * turn, nodes.weight / halves)

    def _radii(self, circles: Points) -> tuple[Vector, Vector]:
        """Return log r through the saddle points and the variance of units there; any will do."""
        draws, total = self.draws, float(self.draws.everything[0])
        degree = float(draws.degree or 0.0)
        wanted = degree if draws.replaced else min(degree, total - 0.3)

        def place_of(units: Vector) -> Vector:  # nearly log r and a constant
            left = 1.0 if draws.replaced else np.maximum(total - units, _LEAST)
            return np.asarray(np.log(np.maximum(units, _LEAST) / left))

        goal = float(place_of(np.full(1, wanted))[0])
        decay = self.decay(circles) - np.outer(np.log(circles.y), self.parts.samples_each)
        place = goal + decay @ (self.copies * self.parts.units) / total
        place = np.clip(place - (math.log(total) if draws.replaced else 0.0), -_FAR, _FAR)
        low, high = np.full_like(place, -_FAR), np.full_like(place, _FAR)
        slope, moved, last = np.ones_like(place), np.zeros_like(place), np.full_like(place, np.inf)
        for _ in range(60):
            units = self._units(circles, np.exp(place))
            away = place_of(units) - goal
            if (np.minimum(np.abs(away), high - low) < _CLOSE).all():
                break
            low, high = np.where(away > 0, low, place), np.where(away > 0, place, high)
            with np.errstate(invalid="ignore", divide="ignore"):
                rise = (away - last) / moved
            slope = np.where(np.isfinite(rise) & (rise > _FLAT), rise, slope)
            flat = np.abs(away) > 0.5 * np.abs(last)
            step = np.where(flat, -4 * np.sign(away) * np.abs(moved), -away / slope)
            inside = (place + step > low) & (place + step < high)
            step = np.where(inside, step, (low + high) / 2 - place)
            place, moved, last = place + step, step, away
        share = 0.0 if draws.replaced else units / total
        return place, np.maximum(slope * units * (1 - share), 1e-3)

    def _units(self, circles: Points, radius: Vector) -> Vector:
        """Return the mean number of units that are drawn at real z, (M,)."""
        draws, x = self.draws, self._own_decay(self.t[circles.term])
        parts = self.parts.at(radius[:, None], circles.y[:, None], self.decay(circles))
        drawn = radius * x * circles.y
        own = draws.own_units[0] * (drawn if draws.replaced else drawn / (1 + drawn))
        if self.needed:
            logs = draws.own_units[0] * (drawn if draws.replaced else np.log1p(drawn))
            own = _given_one(own, logs)
        others = parts.units @ self.copies
        if not self.terms.has_own:
            others = _given_one(others, parts.log @ self.copies)
        return np.asarray(others + own)

    def _log_size(self, circles: Points, log_scale: Vector | float = 0.0) -> tuple[Vector, Array]:
        """Return the logarithm of it at real z times e^{log_scale}, (M,), and slopes over it."""
        points = Points(circles.y, circles.term, circles.z * np.exp(log_scale), circles.weight)
        parts = self.parts.at(points.z[:, None], points.y[:, None], self.decay(points))
        others, (logs, factor) = parts.log @ self.copies, self.beside(points)
        scale, met = (others, 1.0) if self.terms.has_own else _less_one(others)
        return np.asarray(logs + scale + np.log(factor * met)), parts.mean

    def _halves(self, circles: Points, variance: Vector, needed: Vector) -> NDArray[np.int64]:
        """Return how many nodes half a circle takes, by Chernoff's bound on either side."""
        draws, degree = self.draws, float(self.draws.degree or 0.0)
        total = float(draws.everything[0])
        h = np.log1p(units_beyond(variance, needed) / variance)  # best where Bennett's bound is
        with np.errstate(divide="ignore", invalid="ignore"):  # nothing is left of the function
            (start, here), (above, there) = self._log_size(circles), self._log_size(circles, h)
            if self.parts.averaged:  # slopes by a class rise with the chance that it is there
                above = above + np.log(
                    np.divide(there, here, np.ones_like(here), where=here > 0).max(axis=1)
                )
            start = start - needed
            more, less = (above - start) / h, (self._log_size(circles, -h)[0] - start) / h
        less, most = np.minimum(less, degree + 1), np.inf
        if not draws.replaced:  # a polynomial: more nodes than coefficients on either side
            more, most = np.minimum(more, total - degree + 1), max(degree, total - degree) + 1
        count = np.minimum(np.maximum(less, more) + _BESIDE, most)
        count = np.where(np.isfinite(start), count, 1.0)
        return np.asarray(np.ceil(count / 2), dtype=np.int64)

    def _last_angles(self, circles: Points, needed: Vector) -> Vector:
        """Return angles beyond which nothing is left of other classes, (M,)."""
        z, y = circles.z[:, None], circles.y[:, None]
        both = [self.added] if self.also is None else [self.added, self.also]
        apart = [self.parts.drawn_apart(z, y, self.decay(circles, added)) for added in both]
        low, high = np.zeros((2, len(needed)), dtype=np.int64)
        high += len(_ANGLES) - 1
        while (low < high).any():
            middle = (low + high) // 2
            far = 2 * np.sin(_ANGLES[middle] / 2) ** 2
            with np.errstate(divide="ignore"):
                each = [np.log1p(b * np.expm1(-v * far[:, None])) @ self.copies for b, v in apart]
            left = np.max(each, axis=0)
            low = np.where(left < -needed, low, np.minimum(middle + 1, high))
            high = np.where(left < -needed, middle, high)
        return np.asarray(_ANGLES[high])

    def _own_decay(self, t: Vector) -> Array:
        has_own = self.terms.has_own and not self.terms.averaged
        return np.exp(-t * self.views) if has_own else np.ones_like(t)

    def _shared(self, z: Array, y: Array, t: Vector) -> tuple[Array, Array]:
        """Return the part of the anchor's class where its anchors share a mass of one."""
        if self.terms.averaged and not self.draws.own_fixed[0]:
            own = float(self.draws.own_units[0]) + (not self.draws.replaced)
            if own * np.abs(z).min() > _APART:
                logs = own * (z if self.draws.replaced else log1p_of(z))
                scale, factor = _shared_alone(own * z, logs, needed=self.needed)
                return scale - t, factor
        places, weights = self.shared
        found = [self._own(z, np.full_like(y, place), t) for place in places]
        logs = found[int(places.argmax())][0]
        pairs = zip(weights, found, strict=True)
        return logs, np.asarray(sum(w * f * np.exp(of - logs) for w, (of, f) in pairs))

    def _own(self, z: Array, y: Array, t: Vector) -> tuple[Array, Array]:
        """Return the part of the anchor's class: logarithm and a factor, (M,)."""
        fixed, always = float(self.draws.own_fixed[0]), 1.0
        if not self.terms.averaged:
            always = self.views * fixed + self.views - 1 + self.own_keys
            always = always if self.terms.has_own else 0.0
        drawn = z * self._own_decay(t) * y
        logs = self.draws.own_units[0] * (drawn if self.draws.replaced else log1p_of(drawn))
        start = fixed * np.log(y) - t * always
        if not self.needed:
            return logs + start, np.ones(1)
        scale, factor = _less_one(logs)
        return scale + start, factor


def _shared_alone(drawn: Array, logs: Array, *, needed: bool) -> tuple[Array, Array]:
    """Return scale and factor of ∫₀¹ F(y z) dy, less one where a positive is `needed`.

    With w = (N + 1) z it is ((1 + z)^{N+1} − 1)/w, with replacement (e^w − 1)/w, w = N z.
    """
    large = logs.real > 0
    size = np.exp(np.where(large, -logs, logs))
    less = 1 + drawn if needed else 1.0
    return np.where(large, logs, 0.0), np.where(large, 1 - size * less, size - less) / drawn


def _given_one(units: Vector, logs: Vector) -> Vector:
    """Return the mean number of units where there is at least one, of e^logs − 1."""
    return np.where(logs > 0, units / -np.expm1(-np.maximum(logs, _LEAST)), 1.0)


def _less_one(logs: Array) -> tuple[Array, Array]:
    """Return scale and factor of e^logs − 1 = e^scale factor, in bounds and without cancelling."""
    large = logs.real > 0
    ratio = expm1_of(np.where(large, -logs, logs))
    return np.where(large, logs, 0.0), np.where(large, -ratio, ratio)
