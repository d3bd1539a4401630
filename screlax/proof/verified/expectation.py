"""The expected losses of the anchors of mini-batches, and their slopes, enclosed in balls.

As in `screlax.problem.batches.expectation`, with every error bounded in balls: that of the sum of
exponentials (`exponential_sum`), of circles (`circles`) and of interpolation in e (`columns`). With
|z y| ≤ s and |arg(z y)| ≤ θ on an ellipse around all e there, what is interpolated is at most

    |log(1 + z y)| ≤ −log(1 − s),   |z y/(1 + z y)| ≤ s/(1 − s)                           s < 1
    |log(1 + z y)| ≤ π + max(log(1 + s), −log sin θ),   |z y/(1 + z y)| ≤ 1/sin θ          θ < π,

sin θ being one where θ ≤ π/2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import acb, acb_mat, arb

from ...problem.batches.draws import Draws
from ...problem.batches.ranges import range_of_sums
from ...types import Vector
from .balls import Balls, total
from .circles import Place, TooWide, circles_of, places_on
from .columns import ChebyshevColumns, Columns, EveryEntry, Table
from .drawn import drawn
from .exponential_sum import BallSum

_RATIOS = np.exp(np.linspace(0.15, 9, 60))
"""Ellipses that are tried, the sum of half axes by that of the interval."""

_LEFT_OUT = -46.0
"""Logarithm of the error of interpolation that is aimed at."""

_MOST = 72
"""Chebyshev points that rows may share."""


class BallExpectation:
    """Expected losses of R rows.

    Parameters
    ----------
    draws : Draws
    units : list of list of arb, (R, m)
        `Draws.units`, exactly.
    own : list of arb, length R
        `Draws.own_units`, exactly, by the same unit.
    views : int
    """

    def __init__(self, draws: Draws, units: Table, own: Balls, views: int) -> None:
        self._draws, self._units, self._own, self._views = draws, units, own, views

    def evaluated(self, e: Table) -> tuple[Balls, Table]:
        """Return E[1 log Y] of every row, and the derivatives by M_cj, (R, m), at e (R, m)."""
        samples = [arb(x) for x in self._draws.samples_each.tolist()]
        each = [[s * x for s, x in zip(samples, row, strict=True)] for row in e]
        values: Balls = [arb(0)] * len(e)
        slopes: Table = [[]] * len(e)
        waiting = [list(range(len(e)))]
        while waiting:
            rows = waiting.pop()
            try:
                found = self._group(rows, each).evaluated()
            except TooWide as apart:
                order = [rows[i] for i in np.argsort(apart.key, kind="stable").tolist()]
                waiting += [order[: len(order) // 2], order[len(order) // 2 :]]
                continue
            for r, value, slope in zip(rows, *found, strict=True):
                values[r], slopes[r] = value, slope
        return values, slopes

    def _group(self, rows: list[int], each: Table) -> _Group:
        units, own = [self._units[r] for r in rows], [self._own[r] for r in rows]
        return _Group(self._draws.rows(rows), units, own, self._views, [each[r] for r in rows])


class _Group:
    """Rows that share circles and columns."""

    def __init__(self, draws: Draws, units: Table, own: Balls, views: int, each: Table) -> None:
        self._draws, self._units, self._own = draws, units, own
        self._views, self._each = views, each
        self._drawn = drawn(draws, total(units[0]) + own[0])
        self._needed = draws.missing(needed=views == 1).tolist()
        self._near = np.array([[float(x.mid()) for x in row] for row in each])
        self._rule = BallSum(*range_of_sums(draws, views, self._near, self._near))
        self._decay = [views * t for t in self._rule.nodes]
        decay = np.array([float(t) for t in self._decay])
        if draws.degree is None or draws.replaced:
            self._places = [Place.alone(k, self._drawn.odds) for k in range(len(decay))]
        else:
            always = draws.own_fixed + (views - 1) / views
            circles = circles_of(draws, decay, self._near, always)
            degree = int(draws.degree)
            self._places = [at for k, c in enumerate(circles) for at in places_on(k, c, degree)]
        self._ratios = [1.0] * len(self._places)
        self._columns = self._columns_for(decay)

    def _columns_for(self, decay: Vector) -> Columns:
        """Return columns: as few as are needed, or one for each entry where that is fewer."""
        exist = self._draws.units > 0
        values = self._near[exist]
        if not len(values):
            return EveryEntry(self._each, self._units)
        margin = 2.0**-30 * float(values.max())
        low, high = float(values.min()) - margin, float(values.max()) + margin
        count = self._needed_columns(decay, low, high)
        if len(values) <= min(count, _MOST) or (len(exist) == 1 and count > _MOST):
            return EveryEntry(self._each, self._units)
        if count > _MOST:
            raise TooWide(np.where(exist, self._near, -np.inf).max(axis=1))
        return ChebyshevColumns(self._each, self._units, low, high, count)

    def _needed_columns(self, decay: Vector, low: float, high: float) -> int:
        """Return how many Chebyshev points are enough, from the bounds in doubles."""
        centre, half = (low + high) / 2, (high - low) / 2
        log_all = math.log(float(self._draws.everything.max()))
        wide, tall = (_RATIOS + 1 / _RATIOS) / 2, (_RATIOS - 1 / _RATIOS) / 2
        found = 2.0
        for i, place in enumerate(self._places):
            reach = math.log(place.size) + decay[place.term] * (half * wide - centre)
            turn = place.angle + decay[place.term] * half * tall
            left_out = max(log_all - _LEFT_OUT - place.drop, 0.0)
            with np.errstate(all="ignore"):
                size = np.where(reach < -0.1, -1 / np.expm1(reach), np.inf)
                sine = np.where(turn < 3.1, np.sin(np.maximum(turn, math.pi / 2)), np.nan)
                size = np.fmin(size, (4 + np.maximum(reach, 0.0)) / sine)
                if self._draws.replaced:
                    size = np.exp(reach)
                terms = (np.log(4 * size / (_RATIOS - 1)) + left_out) / np.log(_RATIOS)
            terms = np.where(np.isnan(terms), np.inf, terms)
            best = int(terms.argmin())
            self._ratios[i] = float(_RATIOS[best])
            found = max(found, 1 + float(terms[best]))
        return math.ceil(found) if found < _MOST else _MOST + 1

    def _errors(self, place: Place, ratio: float) -> tuple[Any, Any]:
        """Return the errors of logarithms and of means by interpolation."""
        columns = self._columns
        if not isinstance(columns, ChebyshevColumns):
            return arb(0), arb(0)
        wide, decay = arb(ratio), self._decay[place.term]
        shrink = columns.shrink(wide)
        left = columns.centre - columns.half * (wide + 1 / wide) / 2
        most = (place.modulus * (-decay * left).exp()).upper()
        if self._draws.replaced:
            return shrink * most, shrink * most
        if most < 1:
            return -shrink * (1 - most).log(), shrink * most / (1 - most)
        turn = (arb(place.angle) + decay * columns.half * (wide - 1 / wide) / 2).upper()
        if not turn < arb.pi():
            return arb("+inf"), arb("+inf")
        sine = arb(1) if turn < arb.pi() / 2 else turn.sin()
        return shrink * (arb.pi() + (1 + most).log().max(-sine.log())), shrink / sine

    def evaluated(self) -> tuple[Balls, Table]:
        """Return the values and the slopes of all rows."""
        logs, means, own = [], [], []
        for place in self._places:
            units = [self._drawn.unit(place.z, self._left(place, x)) for x in self._columns.places]
            logs.append([log for log, _ in units])
            means.append([mean for _, mean in units])
            own.append(self._drawn.unit(place.z, self._left(place, arb(1)))[0])
        sums = (self._columns.weights * acb_mat(logs).transpose()).tolist()
        errors = [self._errors(*pair) for pair in zip(self._places, self._ratios, strict=True)]
        rows = [self._row(r, row, own, errors) for r, row in enumerate(sums)]
        kept = [i for i, place in enumerate(self._places) if not place.is_bound]
        found = acb_mat([row[1] for row in rows]) * acb_mat([means[i] for i in kept])
        real = [[x.real for x in row] for row in found.tolist()]
        spread = self._columns.spread(real)
        return [row[0] for row in rows], self._slopes(spread, [row[2] for row in rows])

    def _left(self, place: Place, each: Any) -> Any:
        return (-self._decay[place.term] * each).exp()

    def _row(
        self, r: int, sums: list[Any], own: list[Any], errors: list[tuple[Any, Any]]
    ) -> tuple[Any, list[Any], Any]:
        """Return the value of a row, weights of the means in its slopes, and what those lack."""
        rule, drawn_so, needed = self._rule, self._drawn, self._needed[r]
        everything, count = total(self._units[r]), self._own[r]
        always = arb(self._views * (float(self._draws.own_fixed[r]) + 1) - 1)
        scales = [(-t * always).exp() / drawn_so.normaliser for t in rule.nodes]
        chances: Balls = [arb(0)] * len(rule.nodes)
        weights: list[Any] = []
        lost = arb(0)
        for place, at, inside, (of_log, of_mean) in zip(
            self._places, sums, own, errors, strict=True
        ):
            error, k = (everything * of_log).upper(), place.term
            others = at + acb(arb(0, error), arb(0, error))
            if place.is_bound:
                near = (1 + place.modulus * self._left(place, arb(1))).log()
                size = others.real.exp() * ((count * near).exp() - int(needed))
                bound = (size * scales[k] * place.weight).upper()
                chances[k] += arb(0, bound)
                lost += bound * rule.weights[k] * place.largest_mean
                continue
            found, marked = drawn_so.joined(others, inside, count, needed=needed)
            scale = place.weight * scales[k]
            chances[k] += (found * scale).real
            weights.append(marked * (scale * rule.weights[k]))
            lost += abs(weights[-1]) * of_mean
        return self._value(r, chances), weights, lost

    def _value(self, r: int, chances: Balls) -> Any:
        rule, least = self._rule, self._rule.least
        chance = self._drawn.positive(self._own[r]) if self._needed[r] else arb(1)
        found = chance * least.log()
        for t, w, part in zip(rule.nodes, rule.weights, chances, strict=True):
            found += w / t * (chance * (-t * least).exp() - part)
        return found + arb(0, (chance * rule.log_error).upper())

    def _slopes(self, spread: Table, lost: Balls) -> Table:
        """Return V κ e E[1 b/Y]."""
        error = 1 + arb(0, self._rule.error)
        return [
            [
                self._views * x * n * (found + arb(0, left.upper())) * error
                for x, n, found in zip(each, units, row, strict=True)
            ]
            for each, units, row, left in zip(self._each, self._units, spread, lost, strict=True)
        ]
