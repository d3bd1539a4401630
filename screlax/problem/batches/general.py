"""Expected losses of any kind: one row, one circle and one number of anchors after another.

    E[ 1 log Y w ],   w = 1, or 1/A of A anchors in the batch, or in the class

1/A = ∫ y^{A−1} dy takes a second generating variable y; see `class_parts` for the classes,
`expectation` for the faster way where the loss is SupCon and w = 1, and for what both share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...gram.rounding import UNIT
from ...types import Matrix, Vector
from ..losses.batch_terms import BatchTerms
from .class_parts import ClassParts, Evaluated
from .draws import Array, Draws
from .exponential_sum import ExponentialSum, exponential_sum, require_range
from .general_moments import GeneralMoments
from .joined_numbers import expm1_of, log1p_of

_LOG_ACCURACY = 38.0
"""−log of the tails that are left out of circles: 3e-17."""

_FAR = 300.0
"""Bound on log r."""

_GAUSS = 24
"""Up to twice this many anchors a Gauss rule of half as many nodes is exact for 1/A."""

_ENTRIES = 1 << 20
"""Complex numbers that are held at once, about."""


@dataclass(frozen=True, eq=False)
class _Row:
    """The generating function of one row at nodes (y, t, z), of shape (Y, K, L).

    Attributes
    ----------
    z, y : ndarray, shape (Y, K, L, 1), (Y, 1, 1, 1)
    parts : Evaluated
        Of every other class, (Y, K, L, m).
    logs : ndarray
        Logarithm of all but other classes and `factor`.
    factor : ndarray
    """

    z: Array
    y: Array
    parts: Evaluated
    logs: Array
    factor: Array


class GeneralExpectation:
    """The expected losses of the anchors of every orbit as functions of e.

    Parameters
    ----------
    draws : Draws
        Of R rows.
    views : int
    terms : BatchTerms
    copies : ndarray, shape (R, m)
        Other classes of each orbit.
    units : ndarray, shape (m,)
        Units of one class, or its share.
    orbits : ndarray of int, shape (R,)
        The orbit of each row.
    per_anchor : bool
        Whether the loss of a batch is divided by its anchors.
    most : float
        Samples of a batch, at most.
    """

    is_enclosed = False
    """See `Expectation.is_enclosed`."""

    def __init__(
        self,
        draws: Draws,
        views: int,
        terms: BatchTerms,
        copies: Matrix,
        units: Vector,
        orbits: NDArray[np.int64],
        *,
        per_anchor: bool = False,
        most: float = 1.0,
    ) -> None:
        self.draws, self.views, self.terms = draws, views, terms
        self.copies = np.where(draws.units > 0, copies, 0.0)
        self.per_anchor, self.most = per_anchor, most
        keys = terms.keys_of(len(units))
        self.keys, self.own_keys = copies * keys, keys[orbits]
        lonely = (draws.samples_each == 1) & (views == 1) & (keys == 0) & per_anchor
        self.parts = ClassParts(
            units, draws.samples_each, draws.replaced, terms.averaged, np.asarray(lonely)
        )

    @property
    def has_positives(self) -> NDArray[np.bool_]:
        """Whether anchors of each row ever have a positive, and a sum to take, shape (R,)."""
        draws = self.draws
        within = draws.own_units + draws.own_fixed + self.own_keys
        found = (within > 0) | (self.views > 1)
        if self.terms.has_own:
            return np.asarray(found)
        room = np.inf if draws.degree is None else draws.degree - self._needed
        return np.asarray(found & (draws.units.sum(axis=1) > 0) & (room > 0))

    @property
    def _needed(self) -> NDArray[np.bool_]:
        """Whether a positive has to be drawn, by row."""
        alone = (self.draws.own_fixed == 0) & (self.own_keys == 0)
        return np.asarray(alone & (self.views == 1))

    @cached_property
    def _is_alone(self) -> NDArray[np.bool_]:
        """Whether anchors with a positive meet no other class: an excess of exactly zero, (R,)."""
        full = self.draws.degree is not None and self.draws.degree <= 1
        return np.asarray(self._needed & full & ~self.keys.any(axis=1))

    @cached_property
    def error(self) -> float:
        """Largest relative error of values and derivatives."""
        mean = float(self.draws.mean_units.max())
        factor = 1.0 if self.draws.degree is not None else 1 + float(np.log1p(self.draws.odds))
        return UNIT * (200 + 32 * factor * mean)

    @property
    def has_floor(self) -> bool:
        """Whether the loss is bounded below."""
        return self.terms.has_own

    @cached_property
    def floor(self) -> Vector:
        """The loss where e is zero, shape (R,); zero, of no meaning, where there is no floor."""
        if not self.has_floor or self.terms.averaged:
            return np.zeros(len(self.copies))
        zero = np.zeros_like(self.copies)
        return np.array([self._value(row, zero[row]) for row in range(len(zero))])

    @cached_property
    def floor_error(self) -> Vector:
        """Largest error of each floor, shape (R,)."""
        if self.has_floor and self.terms.averaged:
            return np.zeros(len(self.copies))
        return np.asarray(self.error * (self._chance + np.abs(self.floor)))

    @cached_property
    def _chance(self) -> Vector:
        """Expected weight of a batch with a loss, shape (R,)."""
        start = ExponentialSum(np.zeros(1), np.ones(1))
        zero = np.zeros_like(self.copies)
        return np.array([self._sums(row, zero[row], start)[0] for row in range(len(zero))])

    def excess(self, e: Matrix) -> Vector:
        """Return the losses less their floor, accurate also where they are tiny, shape (R,)."""
        if not self.has_floor:
            return np.array([self._value(row, e[row]) for row in range(len(e))])
        return np.array([self._excess(row, e[row]) for row in range(len(e))])

    def excess_and_error(self, e: Matrix) -> tuple[Vector, Vector]:
        """Return `excess` and bounds of its errors, each of shape (R,)."""
        found = self.excess(e)
        return found, self.error * np.abs(found)

    def softmax(self, e: Matrix) -> Matrix:
        """Return the softmax of `moments` alone, shape (R, m)."""
        return np.array([self._moments(row, e[row], second=False)[0] for row in range(len(e))])

    def moments(self, e: Matrix) -> GeneralMoments:
        """Return softmax and Hessians at e (R, m)."""
        found = [self._moments(row, e[row]) for row in range(len(e))]
        softmax, diagonal, second = (np.array(each) for each in zip(*found, strict=True))
        return GeneralMoments(softmax, np.full(len(e), self.error), diagonal, second)

    def _added(self, e: Vector) -> Vector:
        """Return what a unit of each class adds to Y, or the class, (m,)."""
        if self.terms.averaged:
            return e
        return np.asarray(self.views * self.draws.samples_each * e)

    def _value(self, row: int, e: Vector) -> float:
        """Return E[1 log Y w], directly."""
        rule = self._rule(row, e)
        sums = self._sums(row, e, rule)
        chance = float(self._chance[row])
        lost = chance * np.exp(-rule.nodes * rule.least) - sums
        return chance * math.log(rule.least) + float(lost @ (rule.weights / rule.nodes))

    def _sums(self, row: int, e: Vector, rule: ExponentialSum) -> Vector:
        """Return E[1 e^{−t_k Y} w], shape (K,)."""
        total = np.zeros(len(rule.nodes))
        for at in self._nodes(row, rule, self._added(e), self.keys[row] @ e):
            total += self._whole(row, at).real.sum(axis=(0, 2))
        return total

    def _excess(self, row: int, e: Vector) -> float:
        """Return the loss less that at e = 0, of the same circles."""
        if self._is_alone[row]:
            return 0.0
        rule, found = self._rule(row, e), 0.0
        added, kept = self._added(e), rule.nodes * float(self.keys[row] @ e)
        over = rule.weights / rule.nodes
        for at in self._nodes(row, rule, 0 * added, 0.0):
            first, change = self.parts.changes(at.z, at.y, rule.nodes[:, None, None] * added)
            change = change @ self.copies[row] - kept[:, None]
            start = at.logs + first @ self.copies[row]
            far = change.real > 0.5
            near = -np.exp(start) * expm1_of(np.where(far, 0.0, change))
            away = np.exp(start) - np.exp(np.where(far, start + change, start))
            lost = at.factor * np.where(far, away, near)
            found += float(over @ lost.real.sum(axis=(0, 2)))
        return found

    def _whole(self, row: int, at: _Row) -> Array:
        """Return the generating function; without the batches that have no negative."""
        others = at.parts.log @ self.copies[row]
        if self.terms.has_own:
            return np.asarray(at.factor * np.exp(at.logs + others))
        large = others.real > 0
        ratio = expm1_of(np.where(large, -others, others))
        signed = np.where(large, -ratio, ratio)
        return np.asarray(at.factor * np.exp(at.logs + np.where(large, others, 0.0)) * signed)

    def _moments(
        self, row: int, e: Vector, *, second: bool = True
    ) -> tuple[Vector, Vector, Matrix]:
        """Return E[1 ∂Y w/Y], the diagonal and all of E[1 ∂Y ∂Yᵀ w/Y²], ∂ by log e."""
        rule, added, copies = self._rule(row, e), self._added(e), self.copies[row]
        keys = self.keys[row] * e
        softmax, diagonal = np.zeros(len(e)), np.zeros(len(e))
        matrix = np.zeros((len(e), len(e)))
        if self._is_alone[row]:
            return softmax, diagonal, matrix
        for at in self._nodes(row, rule, added, float(self.keys[row] @ e)):
            others = at.parts.log @ copies
            terms = at.factor * np.exp(at.logs + others)
            flat = (terms * rule.weights[:, None]).reshape(-1)
            units = at.parts.mean.reshape(len(flat), -1)
            left = np.where(units == 0, 0.0, added)  # of what is far, nothing at large nodes
            mean = copies * left * units + keys
            softmax += (flat @ mean).real
            if not second:
                continue
            # nodes are as large as Y is small: their squares overflow, unless with what adds
            root = (np.sqrt(rule.weights) * np.sqrt(rule.nodes))[:, None]
            scale = np.where(terms == 0, 0.0, root).reshape(-1, 1)
            flat, mean = terms.reshape(-1), scale * mean
            variance = copies * (scale * left) ** 2 * at.parts.variance.reshape(len(flat), -1)
            diagonal += (flat @ variance).real
            matrix += (mean.T @ (flat[:, None] * mean)).real
        return softmax, diagonal, matrix + np.diag(diagonal)

    def _rule(self, row: int, e: Vector) -> ExponentialSum:
        """Return a rule for every Y from that of e = 0, or the least one there is, to e."""
        draws, exist = self.draws, self.copies[row] > 0
        each, keys = self._added(e)[exist], float(self.keys[row] @ e)
        largest = max(float(each.max(initial=0.0)), 1.0)
        most = float(draws.most_units[row])
        if self.terms.averaged:
            least, top = 1.0, 1 + min(most, float(self.copies[row].sum())) * largest
        else:
            least = self.views * draws.own_fixed[row] + self.views - 1 + self.own_keys[row]
            least = max(float(least), 1.0 if self._needed[row] else 0.0)
            top = self.views * (float(draws.own_fixed[row]) + 1) + self.own_keys[row]
            top += most * max(largest, self.views) + keys
        if not self.terms.has_own:
            least = float(each.min())
        require_range(least, max(top, least))
        return exponential_sum(least, max(top, least))

    @cached_property
    def _anchor_rule(self) -> tuple[Vector, Vector]:
        """Return y and weights of a rule ∫ y^{A−1} dy = 1/A; y = 1 where w = 1."""
        if not (self.per_anchor or self.terms.shared):
            return np.ones(1), np.ones(1)
        if self.most <= 2 * _GAUSS:
            places, weights = np.polynomial.legendre.leggauss(max(1, math.ceil(self.most / 2)))
            return (places + 1) / 2, weights / 2
        rule = exponential_sum(1.0, self.most)
        y = np.exp(-rule.nodes)
        kept = y > 0
        return y[kept], rule.weights[kept] * y[kept]

    def _nodes(self, row: int, rule: ExponentialSum, added: Vector, keys: float) -> Iterator[_Row]:
        """Yield the generating function at nodes, some y at a time.

        Parameters
        ----------
        row : int
        rule : ExponentialSum
        added : ndarray, shape (m,)
            What units add to Y.
        keys : float
            What keys of other classes add.
        """
        every_y, every_weight = self._anchor_rule if self.per_anchor else (np.ones(1), np.ones(1))
        step = max(1, _ENTRIES // (40 * len(rule.nodes) * len(added)))
        decay = rule.nodes[:, None, None] * added
        for first in range(0, len(every_y), step):
            y = every_y[first : first + step, None, None, None]
            weight = every_weight[first : first + step, None, None]
            z, circle = self._circle(row, rule, y, added)
            parts = self.parts.at(z[..., None], y, decay)
            own = self._shared if self.terms.shared else self._own
            logs, factor = own(row, z, y[..., 0], rule.nodes[:, None])
            logs = logs - rule.nodes[:, None] * keys - self._log_normalizer[row]
            if self.draws.degree is not None:
                logs = logs - self.draws.degree * np.log(z)
            yield _Row(z[..., None], y, parts, logs, factor * circle * weight)

    def _shared(self, row: int, z: Array, y: Array, t: Array) -> tuple[Array, Array]:
        """Return the part of the anchor's class where its anchors share a mass of one."""
        places, weights = self._anchor_rule
        found = [self._own(row, z, np.full_like(y, place), t) for place in places]
        logs = found[int(places.argmax())][0]
        pairs = zip(weights, found, strict=True)
        return logs, np.asarray(sum(w * f * np.exp(of - logs) for w, (of, f) in pairs))

    def _own(self, row: int, z: Array, y: Array, t: Array) -> tuple[Array, Array]:
        """Return the part of the anchor's class: logarithm and a factor, (Y, K, L)."""
        draws, has_own = self.draws, self.terms.has_own and not self.terms.averaged
        fixed = draws.own_fixed[row]
        always = self.views * fixed + self.views - 1 + self.own_keys[row] if has_own else 0.0
        if self.terms.averaged:
            always = 1.0
        x = np.exp(-t * self.views) if has_own else np.ones_like(t)
        drawn = z * x * y
        logs = draws.own_units[row] * (drawn if draws.replaced else log1p_of(drawn))
        start = fixed * np.log(y) - t * always
        if not self._needed[row]:
            return logs + start, np.ones(1)
        large = logs.real > 0
        ratio = expm1_of(np.where(large, -logs, logs))
        return np.where(large, logs, 0.0) + start, np.where(large, -ratio, ratio)

    def _circle(
        self, row: int, rule: ExponentialSum, y: Array, added: Vector
    ) -> tuple[Array, Vector]:
        """Return z on circles through saddle points, (Y, K, L), and the weights of the rule."""
        draws, shape = self.draws, (len(y), len(rule.nodes), 1)
        if draws.degree is None:
            return np.full(shape, draws.odds), np.ones(1)
        if draws.degree == 0:
            return np.ones(shape), np.ones(1)
        total = float(draws.everything[row])
        wanted = draws.degree if draws.replaced else min(draws.degree, total - 0.3)
        low, high = np.full(shape, -_FAR), np.full(shape, _FAR)
        for _ in range(40):
            middle = (low + high) / 2
            above = self._units(row, np.exp(middle), y, rule, added) > wanted
            low, high = np.where(above, low, middle), np.where(above, middle, high)
            if (high - low).max() < 0.01:
                break
        radius = np.exp(np.minimum(high, _FAR))
        count = self._count(row, radius, y, rule, added)
        angles = (np.arange(count) + 0.5) * math.pi / count
        return radius * np.exp(1j * angles), np.full(count, 1.0 / count)

    def _units(
        self, row: int, radius: Array, y: Array, rule: ExponentialSum, added: Vector
    ) -> Array:
        """Return the mean number of units that are drawn at real z, (Y, K, 1)."""
        draws, has_own = self.draws, self.terms.has_own and not self.terms.averaged
        decay = rule.nodes[:, None, None] * added
        with np.errstate(over="ignore", invalid="ignore"):
            units = self.parts.at(radius[..., None], y, decay).units @ self.copies[row]
            x = np.exp(-rule.nodes[:, None] * self.views) if has_own else 1.0
            drawn = radius * x * y[..., 0]
            own = draws.own_units[row] * (drawn if draws.replaced else drawn / (1 + drawn))
            if self._needed[row]:  # at least one
                logs = draws.own_units[row] * (drawn if draws.replaced else np.log1p(drawn))
                own = np.where(logs > 0, own / -np.expm1(-np.maximum(logs, 1e-300)), 1.0)
            found = units + own
        return np.where(np.isfinite(found), found, np.inf)

    def _count(self, row: int, radius: Array, y: Array, rule: ExponentialSum, added: Vector) -> int:
        """Return how many nodes half a circle takes.

        The number of units is one of independent draws, whose tail Bennett's inequality bounds;
        a class that is there or not, and brings its units together, may be a tail of its own.
        """
        draws, near = self.draws, math.exp(0.05)
        more, less = (
            self._units(row, radius * factor, y, rule, added) for factor in (near, 1 / near)
        )
        spread = (more - less)[np.isfinite(more)] / 0.1
        variance = max(float(spread.max(initial=0.0)), 1e-3)
        count = _nodes_of(variance) + 4.0
        if self.terms.averaged or self.parts.lonely.any() or self.parts.samples_each.max() > 1:
            decay = rule.nodes[:, None, None] * added
            largest = self.parts.reach(radius[..., None], y, decay)
            reach = float(np.where(self.copies[row] > 0, largest, 0.0).max())
            count += reach + 9 * math.sqrt(reach) + 10
        if not draws.replaced:  # a polynomial: more nodes than coefficients on either side
            degree = float(draws.degree or 0.0)
            count = min(count, max(degree, float(draws.everything[row]) - degree) + 1)
        return math.ceil(count / 2)

    @cached_property
    def _log_normalizer(self) -> Vector:
        """Log of the same sums over all batches, (R,)."""
        return np.array([self._log_of_all(row) for row in range(len(self.copies))])

    def _log_of_all(self, row: int) -> float:
        draws = self.draws
        total = float(draws.everything[row])
        if draws.degree is None:
            return total * math.log1p(draws.odds)
        if draws.degree == 0:
            return 0.0
        degree = float(draws.degree)
        if draws.replaced:
            radius, variance = degree / total, degree
        else:
            wanted = min(degree, total - 0.3)
            radius, variance = wanted / (total - wanted), wanted * (1 - wanted / total)
        count = _nodes_of(variance)
        if not draws.replaced:
            count = min(count, max(degree, total - degree) + 1)
        half = math.ceil(count / 2)
        z = radius * np.exp(1j * (np.arange(half) + 0.5) * math.pi / half)
        logs = total * (z if draws.replaced else log1p_of(z)) - degree * np.log(z)
        peak = float(logs.real.max())
        return peak + math.log(float(np.exp(logs - peak).real.mean()))


def _nodes_of(variance: float) -> float:
    """Return how many nodes leave out tails of no account, by Bennett's inequality."""
    tail = _LOG_ACCURACY + 0.5 * math.log(2 * math.pi * max(variance, 1.0))
    count = 2.0
    while variance * _bennett(count / variance) < tail:
        count *= 1.05
    return count


def _bennett(x: float) -> float:
    return (1 + x) * math.log1p(x) - x
