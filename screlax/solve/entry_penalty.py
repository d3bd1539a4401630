"""The augmented Lagrangian of a loss for nonnegative entries: itself a convex loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..gram.cells import CellGram, Cells
from ..problem.losses.gram_loss import GramLoss
from ..types import Matrix


@dataclass(frozen=True, eq=False)
class EntryPoint:
    """The loss's own expansion at a Gram matrix, and Y − σ pair there."""

    loss: Any
    shifted: Matrix


class AugmentedLoss(GramLoss):
    """A loss with a penalty added; subclasses say which."""

    cells: Cells

    def __init__(self, loss: GramLoss) -> None:
        self.loss, self.cells = loss, loss.cells

    @property
    def anchor_count(self) -> float:
        """That of the loss."""
        return self.loss.anchor_count

    @property
    def infimum(self) -> float:
        """No better bound is asked for than none."""
        return -np.inf


class EntryPenalty(AugmentedLoss):
    """loss(X) + Σ_gh [ max(0, Y_gh − σ_gh pair_gh)² − Y_gh² ]/(2 σ_gh).

    At a minimiser for the multipliers Y of pair ≥ 0 the next ones are max(0, Y − σ pair).
    Source: Rockafellar 1976; Nocedal and Wright, Numerical Optimization, section 17.4.

    Parameters
    ----------
    loss : GramLoss
    multipliers, stiffness : ndarray, shape (m, m), symmetric
        Y ≥ 0 and σ > 0; both zero where an entry has no bound.
    """

    def __init__(self, loss: GramLoss, multipliers: Matrix, stiffness: Matrix) -> None:
        super().__init__(loss)
        self.multipliers, self.stiffness = multipliers, stiffness

    def updated(self, gram: CellGram) -> Matrix:
        """Return max(0, Y − σ pair)."""
        return np.maximum(self._shifted(gram), 0.0)

    def value(self, gram: CellGram) -> float:
        """See `GramLoss.value`."""
        return self.loss.value(gram) + self._sum(self.updated(gram) ** 2 - self.multipliers**2)

    def expand(self, gram: CellGram) -> EntryPoint:
        """See `GramLoss.expand`."""
        return EntryPoint(self.loss.expand(gram), self._shifted(gram))

    def gradient(self, at: EntryPoint) -> CellGram:
        """See `GramLoss.gradient`."""
        slope = self.loss.gradient(at.loss)
        return CellGram(slope.own, slope.pair - np.maximum(at.shifted, 0.0))

    def curvature(self, at: EntryPoint, direction: CellGram) -> CellGram:
        """See `GramLoss.curvature`: σ where the penalty is in force."""
        curved = self.loss.curvature(at.loss, direction)
        active = np.where(at.shifted > 0, self.stiffness, 0.0)
        return CellGram(curved.own, curved.pair + active * direction.pair)

    def change(self, at: EntryPoint, step: CellGram) -> float:
        """See `GramLoss.change`."""
        before, move = np.maximum(at.shifted, 0.0), -self.stiffness * step.pair
        after = np.maximum(at.shifted + move, 0.0)
        both = (before > 0) & (after > 0)
        change = np.where(both, move, after - before)
        return self.loss.change(at.loss, step) + self._sum(change * (after + before))

    def _shifted(self, gram: CellGram) -> Matrix:
        return np.asarray(self.multipliers - self.stiffness * gram.pair)

    def _sum(self, entries: Matrix) -> float:
        half = np.divide(entries, 2 * self.stiffness, where=self.stiffness > 0, out=0 * entries)
        return float(half.sum())
