"""Expected losses of any kind: one row, one circle and one number of anchors after another.

    E[ 1 log Y w ],   w = 1, or 1/A of A anchors in the batch, or in the class

1/A = ∫ y^{A−1} dy takes a second generating variable y; see `class_parts` for the classes,
`expectation` for the faster way where the loss is SupCon and w = 1, and for what both share.
"""

from __future__ import annotations

import dataclasses
import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...gram.rounding import UNIT
from ...types import Matrix, Vector
from ..losses.batch_terms import BatchTerms
from .anchor_rule import anchor_rule
from .class_parts import ClassParts, Evaluated
from .contour import units_beyond
from .draws import Array, Draws
from .exponential_sum import ExponentialSum, exponential_sum, require_range
from .general_moments import GeneralMoments
from .general_row import LOG_ACCURACY, GeneralRow, Points
from .joined_numbers import expm1_of, log1p_of


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
        each, replaced, averaged = draws.samples_each, draws.replaced, terms.averaged
        self.parts = ClassParts(
            units, each, replaced, averaged, np.asarray(lonely), subtracted=not terms.has_own
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
        # what it is a difference of is rounded for every node of log Y, on either side of it
        share = 4.0 if self.has_floor else 1.0
        return np.asarray(self.error * (share * self._chance + np.abs(self.floor)))

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
        """Return E[1 e^{−t_k Y} w], shape (K,), all of the circles of t = 0.

        What they are less than there then has the digits that rounding of both would take; other
        classes are the same for every t where e is zero.
        """
        start = ExponentialSum(np.zeros(1), np.ones(1))
        first, of = self._row(row, np.zeros_like(e), start), self._row(row, e, rule)
        total = np.zeros(len(rule.nodes))
        for at in first.nodes(first.at):
            every = at.with_every(len(total))
            others = of.others(every) if e.any() else np.repeat(first.others(at), len(total))
            found = every.weight * of.whole(others, *of.beside(every)).real
            total += np.bincount(every.term, found, len(total))
        return total

    def _excess(self, row: int, e: Vector) -> float:
        """Return the loss less that at e = 0, of the same circles."""
        if self._is_alone[row]:
            return 0.0
        rule = self._rule(row, e)
        added, keys = self._added(e)[self._exist[row]], float(self.keys[row] @ e)
        of = dataclasses.replace(self._row(row, np.zeros_like(e), rule), also=added)
        over = rule.weights / rule.nodes

        def lost(at: Points) -> Array:
            first, change = of.parts.changes(at.z[:, None], at.y[:, None], of.decay(at, added))
            change = change @ of.copies - rule.nodes[at.term] * keys
            logs, factor = of.beside(at)
            start = logs + first @ of.copies
            far = change.real > 0.5
            near = -np.exp(start) * expm1_of(np.where(far, 0.0, change))
            away = np.exp(start) - np.exp(np.where(far, start + change, start))
            return np.asarray(over[at.term] * factor * np.where(far, away, near))

        return math.fsum(at.weight @ lost(at).real for at in of.nodes(lost))

    def _moments(
        self, row: int, e: Vector, *, second: bool = True
    ) -> tuple[Vector, Vector, Matrix]:
        """Return E[1 ∂Y w/Y], the diagonal and all of E[1 ∂Y ∂Yᵀ w/Y²], ∂ by log e."""
        softmax, diagonal = np.zeros(len(e)), np.zeros(len(e))
        matrix = np.zeros((len(e), len(e)))
        if self._is_alone[row]:
            return softmax, diagonal, matrix
        rule = self._rule(row, e)
        of, keys, exist = self._row(row, e, rule), self.keys[row] * e, self._exist[row]

        def evaluated(at: Points) -> tuple[Array, Array, Array, Evaluated]:
            parts = of.parts.at(at.z[:, None], at.y[:, None], of.decay(at))
            logs, factor = of.beside(at)
            terms = factor * np.exp(logs + parts.log @ of.copies)
            # of what is far, nothing is left at large nodes
            left = np.where(parts.mean == 0, 0.0, of.added)
            mean = np.zeros((len(at.y), len(e)), dtype=parts.mean.dtype) + keys
            mean[:, exist] += of.copies * left * parts.mean
            return terms, left, mean, parts

        def moved(at: Points) -> Array:
            terms, _, mean, _ = evaluated(at)
            return np.asarray(rule.weights[at.term] * terms * mean.sum(axis=1))

        for at in of.nodes(moved):
            terms, left, mean, parts = evaluated(at)
            terms = at.weight * terms
            softmax += ((terms * rule.weights[at.term]) @ mean).real
            if not second:
                continue
            # nodes are as large as Y is small: their squares overflow, unless with what adds
            root = (np.sqrt(rule.weights) * np.sqrt(rule.nodes))[at.term]
            scale = np.where(terms == 0, 0.0, root)[:, None]
            variance = of.copies * (scale * left) ** 2 * parts.variance
            diagonal[exist] += (terms @ variance).real
            mean = scale * mean
            matrix += (mean.T @ (terms[:, None] * mean)).real
        return softmax, diagonal, matrix + np.diag(diagonal)

    @cached_property
    def _exist(self) -> list[NDArray[np.int64]]:
        """Orbits that have other classes, for each row."""
        return [np.flatnonzero(copies) for copies in self.copies]

    def _row(self, row: int, e: Vector, rule: ExponentialSum) -> GeneralRow:
        """Return the generating function of a row at e."""
        exist, one = self._exist[row], (np.ones(1), np.ones(1))
        return GeneralRow(
            self.draws.rows([row]),
            self.views,
            self.terms,
            self.parts.of(exist),
            self.copies[row, exist],
            float(self.own_keys[row]),
            bool(self._needed[row]),
            self._anchor_rule(row) if self.per_anchor else one,
            self._shared_rule_of(row) if self.terms.shared else one,
            rule.nodes,
            self._added(e)[exist],
            float(self.keys[row] @ e),
            float(self._log_normalizer[row]),
        )

    def _shared_rule_of(self, row: int) -> tuple[Vector, Vector]:
        """Return y and weights of a rule for 1/A of the anchors of the own class."""
        draws = self.draws
        own = np.inf if draws.replaced else 1 + float(draws.own_fixed[row] + draws.own_units[row])
        return anchor_rule(1, int(min(self.most, own)))

    def _anchor_rule(self, row: int) -> tuple[Vector, Vector]:
        """Return y and weights of a rule for 1/A of every A that can be."""
        exist, alone = self._exist[row], 1 + float(self.draws.own_fixed[row])
        least = alone + float(self._needed[row])
        if self.draws.degree is not None:
            lonely = self.parts.lonely
            each = self.draws.samples_each[exist][~lonely[exist]]
            kept = max(self.draws.degree - float(self.copies[row] @ lonely), 0.0)
            least = max(least, alone + kept * (float(each.min()) if len(each) else 1.0))
        return anchor_rule(int(least), int(max(self.most, least)))

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
        tail = LOG_ACCURACY + 0.5 * math.log(2 * math.pi * max(variance, 1.0))
        count = float(units_beyond(variance, tail))
        if not draws.replaced:
            count = min(count, max(degree, total - degree) + 1)
        half = math.ceil(count / 2)
        z = radius * np.exp(1j * (np.arange(half) + 0.5) * math.pi / half)
        logs = total * (z if draws.replaced else log1p_of(z)) - degree * np.log(z)
        peak = float(logs.real.max())
        return peak + math.log(float(np.exp(logs - peak).real.mean()))
