"""Losses that are a weighted log-sum-exp minus a linear target, row by row; SC is one of them.

In cell coordinates X = G/τ the loss of a row, an anchored sample or class or orbit g that stands
for ω_g anchors, is

    ω_g [ log( u_g e^{own_g} + Σ_h V_gh e^{pair_gh} ) − t_g own_g − Σ_h T_gh pair_gh ]

with nonnegative weights u, V and targets t_g + Σ_h T_gh = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...gram.blocks import slack_blocks
from ...gram.cells import CellGram, Cells
from ...gram.rounding import TINY, entry_sizes, exponential_remainder, summation
from ...short_repr import short_repr
from ...types import Matrix, Vector
from .conic_rows import ConicRows
from .gram_loss import GramLoss
from .row_curvature import RowCurvature
from .rows_minorant import RowsMinorant
from .within import WithinClass

_LARGE = 30.0
"""Entries this far above a row's mean positive make its loss large; then a shift is needed."""

_SMALL = -0.5
"""Below this excess a row's loss is well below zero, and is taken as the logarithm that it is."""


@short_repr
@dataclass(frozen=True, eq=False)
class RowWeights:
    """One number for each entry of each row's softmax: on itself (`own`) and on cells (`pair`).

    As softmax rows they are the dual variables P: nonnegative, own_g + Σ_h pair_gh = 1, and zero
    where the loss has no such entry.
    """

    own: Vector
    pair: Matrix

    def mixed(self, other: RowWeights, kept: float) -> RowWeights:
        """Return kept·self + (1−kept)·other; `kept` may be tiny, and keeps its digits."""
        return RowWeights(
            kept * self.own + (1 - kept) * other.own,
            kept * self.pair + (1 - kept) * other.pair,
        )


@short_repr
@dataclass(frozen=True, eq=False)
class SoftmaxRows(GramLoss):
    """The loss above at one level; see `GramLoss`.

    Attributes
    ----------
    cells : Cells
    anchors : ndarray, shape (m,)
        ω_g, the number of anchors that row g stands for; zero for singletons.
    weight : RowWeights
        u and V: how many samples each exponential stands for.
    target : RowWeights
        t and T: the mean over the positives.
    within : WithinClass, optional
        What proves that classes collapse, at a level of class means where they need not.
    """

    cells: Cells
    anchors: Vector
    weight: RowWeights
    target: RowWeights
    within: WithinClass | None = None

    @property
    def softmax_rows(self) -> SoftmaxRows:
        """See `GramLoss.softmax_rows`."""
        return self

    @property
    def anchor_count(self) -> float:
        """Number of anchors."""
        return float(self.anchors.sum())

    @property
    def has_own(self) -> NDArray[np.bool_]:
        """Rows whose own entry occurs in the loss, as exponential or as target, shape (m,)."""
        return (self.weight.own > 0) | (self.target.own > 0)

    @property
    def infimum(self) -> float:
        """Σ_g ω_g Σ_h T_gh log(w_gh/T_gh), the dual bound of the targets, whose slack is zero.

        For SC that is Σ_c n_c log(n_c − 1) over the anchored classes. −inf where a target has no
        weight. Rounded down.
        """
        own = _cross_entropy(self.target.own, self.weight.own)
        pair = _cross_entropy(self.target.pair, self.weight.pair)
        rows, size = own + pair.sum(axis=1), np.abs(own) + np.abs(pair).sum(axis=1)
        if self.within is not None:
            rows, size = rows - self.within.lost, size + self.within.lost
        rows, size = (np.where(self.anchors > 0, terms, 0.0) for terms in (rows, size))
        rounding = (len(rows) + 8) * float(np.finfo(float).eps) / 2
        return float(self.anchors @ rows - 2 * rounding * (self.anchors @ size))

    def value(self, gram: CellGram) -> float:
        """Return the loss, summed over anchors, at a Gram matrix G/τ.

        A row is log(1 + x) with x = Σ (weight − target) e^d + Σ target (e^d − 1) and d an entry
        less the row's mean positive, so that a loss near zero keeps its digits.
        """
        mean = self.target.own * gram.own + (self.target.pair * gram.pair).sum(axis=1)
        own, pair = gram.own - mean, gram.pair - mean[:, None]
        top = np.maximum(
            np.where(self.weight.own > 0, own, -np.inf),
            np.where(self.weight.pair > 0, pair, -np.inf).max(axis=1),
        )
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            excess = _excess(self.weight.own, self.target.own, own)
            excess = excess + _excess(self.weight.pair, self.target.pair, pair).sum(axis=1)
            near = np.log1p(excess)
        # 1 + x has no digits where x is near −1, nor a sum that overflows
        apart = self._log_normalizer(CellGram(own, pair))
        rows = np.where((top < _LARGE) & (excess > _SMALL), near, apart)
        return float(self.anchors @ np.where(self.anchors > 0, rows, 0.0))

    def height(self, gram: CellGram) -> tuple[float, float]:
        """See `GramLoss.height`.

        With y = entry + log(weight/target) where there is a target, d = y − Σ target y and
        f(d) = e^d − 1 − d, a row is log(1 + Σ target f(d) + Σ weight e^{entry − Σ target y}), the
        last sum over entries without a target.
        """
        anchored, target, weight = self.anchors > 0, self.target, self.weight
        own, pair = gram.own + _shift(target.own, weight.own), gram.pair.copy()
        pair += _shift(target.pair, weight.pair)
        mean = np.where(target.own > 0, target.own * own, 0.0)
        mean += np.where(target.pair > 0, target.pair * pair, 0.0).sum(axis=1)
        if not np.isfinite(mean[anchored]).all():
            return np.inf, np.inf
        mean = np.where(anchored, mean, 0.0)
        own, pair = own - mean, pair - mean[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            spread = _remainders(target.own, own) + _remainders(target.pair, pair).sum(axis=1)
            excess = spread + _without_target(target.own, weight.own, own)
            excess += _without_target(target.pair, weight.pair, pair).sum(axis=1)
            near = np.log1p(excess)
        far = self._log_normalizer(CellGram(gram.own - mean, gram.pair - mean[:, None]))
        is_near = excess < _LARGE
        rows = np.where(is_near, near, far)
        if self.within is not None:  # the infimum is lower where classes need not collapse
            rows = rows + self.within.lost
        rows = np.where(anchored, rows, 0.0)
        part = np.where(anchored & is_near, spread, 0.0)
        return float(self.anchors @ rows), float(self.anchors @ part)

    def expand(self, gram: CellGram) -> RowWeights:
        """Return the softmax rows at a Gram matrix G/τ."""
        shift = self._log_normalizer(gram)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            own = np.exp(np.log(self.weight.own) + gram.own - shift)
            pair = np.exp(np.log(self.weight.pair) + gram.pair - shift[:, None])
            total = own + pair.sum(axis=1)  # one, up to the rounding of large entries
            own, pair = own / total, pair / total[:, None]
        anchored = self.anchors > 0
        return RowWeights(np.where(anchored, own, 0.0), np.where(anchored[:, None], pair, 0.0))

    def gradient(self, at: RowWeights) -> CellGram:
        """Return the gradient at softmax rows: sym(W) − targets, W_gh = ω_g p_gh.

        (Behnia and Thrampoulidis 2024, KKT conditions of the relaxation.)
        """
        weighted = self.anchors[:, None] * (at.pair - self.target.pair)
        # rows sum to one: p_own − t is minus the rest, which keeps its digits where p_own is near t
        own = np.where(self.has_own, -weighted.sum(axis=1), 0.0)
        return CellGram(own, (weighted + weighted.T) / 2)

    def spread(self, at: RowWeights) -> Vector | None:
        """See `GramLoss.spread`."""
        if self.within is None:
            return None
        beyond = -(at.pair - self.target.pair).sum(axis=1)
        return self.within.slope(self.anchors, beyond)

    def surely_bounded_threshold(self) -> float:
        """Return a λ from which on a ridge bounds the loss, zero where it has an infimum.

        That at which the slack of the targets is semidefinite, those without weight left out.
        """
        if math.isfinite(self.infimum):
            return 0.0
        zero = CellGram(np.zeros(len(self.cells)), np.zeros((len(self.cells),) * 2))
        softmax, share = self.expand(zero), 1e-6  # of rows none of whose targets has weight
        rows = self._stochastic(self.target.mixed(softmax, 1 - share))
        assert rows is not None
        slack = slack_blocks(self.cells, self.gradient(rows), self.spread(rows))
        return max(0.0, -2 * slack.smallest_eigenvalue())

    def curvature(self, at: RowWeights, direction: CellGram) -> CellGram:
        """Return the Hessian applied to a direction: the softmax moves by p (d − ⟨p, d⟩)."""
        mean = at.own * direction.own + (at.pair * direction.pair).sum(axis=1)
        own = self.anchors * at.own * (direction.own - mean)
        pair = self.anchors[:, None] * at.pair * (direction.pair - mean[:, None])
        return CellGram(own, (pair + pair.T) / 2)

    def row_curvature(self, at: RowWeights) -> RowCurvature:
        """See `GramLoss.row_curvature`: the variance of a direction under the softmax."""
        weighted = self.anchors[:, None] * at.pair
        factors = (np.sqrt(self.anchors)[:, None] * at.pair)[None]
        return RowCurvature(weighted, factors, -np.ones((1, len(self.anchors))))

    def change(self, at: RowWeights, step: CellGram) -> float:
        """Return how much the loss changes along a small step, without cancellation.

        The change of a row is log(1 + Σ p (e^d − 1)), d the change of an entry less that of the
        row's mean positive; subtracting two values would lose every change below 1e-16 of them.
        """
        mean = self.target.own * step.own + (self.target.pair * step.pair).sum(axis=1)
        own, pair = np.expm1(step.own - mean), np.expm1(step.pair - mean[:, None])
        rows = np.log1p(at.own * own + (at.pair * pair).sum(axis=1))
        return float(self.anchors @ np.where(self.anchors > 0, rows, 0.0))

    def entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Vector, int]:
        """List the entries with a weight in rows that have anchors.

        Their rows, columns and weights, and how many of the first are own entries.
        """
        anchored = self.anchors > 0
        own = np.flatnonzero(anchored & (self.weight.own > 0))
        row, column = np.nonzero(self.weight.pair * anchored[:, None] > 0)
        weight = np.concatenate([self.weight.own[own], self.weight.pair[row, column]])
        return np.concatenate([own, row]), np.concatenate([own, column]), weight, len(own)

    def conic(self, own: Any, pair: Any) -> ConicRows:
        """Return the loss of cvxpy expressions for the entries; see `ConicLoss`."""
        return ConicRows(self, own, pair)

    def minorant(self, gram: CellGram, at: RowWeights, rows: Any = None) -> RowsMinorant | None:
        """See `GramLoss.minorant`; rows are normalised, and refused where they make none."""
        usable = at if rows is None else self._stochastic(rows)
        return None if usable is None else RowsMinorant(self, usable, gram, at)

    def rows_to_gram(self, rows: RowWeights) -> CellGram:
        """See `GramLoss`: a row divided by its weights is one number for each pair of cells."""
        return CellGram(_ratio(rows.own, self.weight.own), _ratio(rows.pair, self.weight.pair))

    def rows_from_gram(self, matrix: CellGram) -> RowWeights:
        """See `GramLoss`."""
        return RowWeights(self.weight.own * matrix.own, self.weight.pair * matrix.pair)

    def rounding(self, gram: CellGram, at: RowWeights, value: float, shift: float) -> float:
        """See `GramLoss.rounding`; small with the loss itself, by Σ |p − t|."""
        unit, size = summation(len(self.anchors)), entry_sizes(gram)
        spread = 2 * np.abs(at.pair - self.target.pair).sum(axis=1)
        rows = spread * (unit * (1 + size) + shift * size)
        averaged = (self.target.pair > 0).sum(axis=1) > 1
        if averaged.any():  # positives that differ: they are measured from a rounded mean
            rows = rows + np.where(averaged, unit * size + (shift * size) ** 2, 0.0)
        small = TINY * self.cells.samples * len(self.anchors)
        return float(self.anchors @ rows) + unit * abs(value) + small

    def _stochastic(self, rows: RowWeights) -> RowWeights | None:
        """Normalise rows to sum to one, or return None where they make none (wrong sign, NaN)."""
        anchored = self.anchors > 0
        own = np.where(self.weight.own > 0, np.maximum(rows.own, 0.0), 0.0)
        pair = np.where(self.weight.pair > 0, np.maximum(rows.pair, 0.0), 0.0)
        total = own + pair.sum(axis=1)
        if not (np.isfinite(total).all() and (total[anchored] > 0).all()):
            return None
        share = np.where(anchored, 1.0 / np.where(anchored, total, 1.0), 0.0)
        return RowWeights(own * share, pair * share[:, None])

    def _log_normalizer(self, gram: CellGram) -> Vector:
        """Return log Σ weight·exp(entry) for every row, shifted so that it cannot overflow."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            own = np.log(self.weight.own) + gram.own
            pair = np.log(self.weight.pair) + gram.pair
            top = np.maximum(own, pair.max(axis=1))
            total = np.exp(own - top) + np.exp(pair - top[:, None]).sum(axis=1)
            return np.where(self.anchors > 0, top + np.log(total), 0.0)


def _excess(weight: Vector | Matrix, target: Vector | Matrix, entry: Vector | Matrix) -> Matrix:
    """Return weight e^entry − target, as (weight − target) e^entry + target (e^entry − 1).

    Where there is no weight that is −target, however large the entry.
    """
    value = (weight - target) * np.exp(entry) + target * np.expm1(entry)
    return np.where(weight > 0, value, -target)


def _shift(target: Vector | Matrix, weight: Vector | Matrix) -> Vector | Matrix:
    """Return log(weight/target), −inf without weight, zero without target."""
    with np.errstate(divide="ignore"):
        return np.where(target > 0, np.log(weight) - np.log(np.where(target > 0, target, 1.0)), 0.0)


def _remainders(target: Vector | Matrix, entry: Vector | Matrix) -> Matrix:
    """Return target f(entry), zero without target."""
    return np.where(target > 0, target * exponential_remainder(np.where(target > 0, entry, 0.0)), 0)


def _without_target(
    target: Vector | Matrix, weight: Vector | Matrix, entry: Vector | Matrix
) -> Matrix:
    """Return weight e^entry where there is no target, else zero."""
    return np.where((target == 0) & (weight > 0), weight * np.exp(entry), 0.0)


def _ratio(mass: Vector | Matrix, weight: Vector | Matrix) -> Vector | Matrix:
    return np.divide(mass, weight, out=np.zeros_like(mass), where=weight > 0)


def _cross_entropy(target: Vector | Matrix, weight: Vector | Matrix) -> Matrix:
    """Return target log(weight/target), zero where there is no target, −inf without weight."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(target > 0, target * (np.log(weight) - np.log(target)), 0.0)
