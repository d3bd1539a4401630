"""The expected loss of mini-batches as a function of the Gram matrix of class means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...gram.cells import CellGram, Cells
from ...gram.rounding import summation
from ...types import Vector
from ..batches.expectation import ExpectedRow, RowMoments
from .base import GramLoss

_STEPS, _STEP_WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True, eq=False)
class WeightedRow:
    """The anchors of one orbit under one kind of batches.

    Attributes
    ----------
    orbit : int
    mass : float
        Anchors, with their weights, of all its classes.
    row : ExpectedRow
    """

    orbit: int
    mass: float
    row: ExpectedRow


@dataclass(frozen=True, eq=False)
class ExpectedRows(GramLoss):
    """Σ mass E[1 log Y] over the rows; see `screlax.problem.batches.expectation`.

    Attributes
    ----------
    cells : Cells
    rows : sequence of WeightedRow
    """

    cells: Cells
    rows: Sequence[WeightedRow]

    @cached_property
    def unit(self) -> float:
        """See `GramLoss.unit`."""
        return summation(len(self.cells)) + max(weighted.row.error for weighted in self.rows)

    @property
    def anchor_count(self) -> float:
        """Expected number of anchors of n samples, per batch sample."""
        return float(sum(weighted.mass for weighted in self.rows))

    @cached_property
    def infimum(self) -> float:
        """Σ mass E[1 log(V b_c + V − 1)], rounded down: the loss without negatives."""
        floors = np.array([weighted.mass * weighted.row.floor for weighted in self.rows])
        return float(floors.sum() - self.unit * np.abs(floors).sum())

    def value(self, gram: CellGram) -> float:
        """See `GramLoss.value`."""
        return float(sum(w.mass * (w.row.floor + w.row.excess(_e(gram, w))) for w in self.rows))

    def expand(self, gram: CellGram) -> _Expansion:
        """See `GramLoss.expand`."""
        moments = [weighted.row.moments(_e(gram, weighted)) for weighted in self.rows]
        return _Expansion(gram, moments)

    def gradient(self, at: _Expansion) -> CellGram:
        """See `GramLoss.gradient`."""
        return self._pulled_back([moments.softmax for moments in at.moments])

    def curvature(self, at: _Expansion, direction: CellGram) -> CellGram:
        """See `GramLoss.curvature`."""
        return self._pulled_back(
            [
                moments.curvature(direction.pair[w.orbit] - direction.own[w.orbit])
                for w, moments in zip(self.rows, at.moments, strict=True)
            ]
        )

    def change(self, at: _Expansion, step: CellGram) -> float:
        """Return the integral of the slope along the step, which does not cancel."""
        total = 0.0
        for place, weight in zip((_STEPS + 1) / 2, _STEP_WEIGHTS / 2, strict=True):
            moved = CellGram(at.gram.own + place * step.own, at.gram.pair + place * step.pair)
            for w in self.rows:
                along = step.pair[w.orbit] - step.own[w.orbit]
                total += weight * w.mass * float(w.row.softmax(_e(moved, w)) @ along)
        return total

    def _pulled_back(self, slopes: Sequence[Vector]) -> CellGram:
        """Return derivatives by (own, pair) from those by M_cj − M_cc, row by row."""
        own, pair = np.zeros(len(self.cells)), np.zeros((len(self.cells),) * 2)
        for weighted, slope in zip(self.rows, slopes, strict=True):
            pair[weighted.orbit] += weighted.mass * slope
            own[weighted.orbit] -= weighted.mass * slope.sum()
        return CellGram(own, (pair + pair.T) / 2)


@dataclass(frozen=True, eq=False)
class _Expansion:
    """A Gram matrix and the moments of every row there."""

    gram: CellGram
    moments: Sequence[RowMoments]


def _e(gram: CellGram, weighted: WeightedRow) -> Vector:
    """Return exp(M_cj − M_cc), shape (m,)."""
    return np.asarray(np.exp(gram.pair[weighted.orbit] - gram.own[weighted.orbit]))
