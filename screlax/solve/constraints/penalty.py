"""The augmented Lagrangian of a loss for linear constraints: itself a convex loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...gram.cells import CellGram, Cells
from ...problem.losses.gram_loss import GramLoss
from ...problem.own_constraints.bounds import LinearBounds
from ...types import Vector
from ..entry_penalty import AugmentedLoss


@dataclass(frozen=True, eq=False)
class LinearPoint:
    """The loss's own expansion at a Gram matrix, and the next multipliers there."""

    loss: Any
    values: Vector
    multipliers: Vector


class LinearPenalty(AugmentedLoss):
    """loss(X) + Σ_i [ z_i(X)² − z_i² ]/(2 σ_i), z_i(X) the next multipliers.

        z_i(X) = max(0, z_i + σ_i (v_i − upper_i)) + min(0, z_i + σ_i (v_i − lower_i)),  v = ⟨A, X⟩

    Source: Rockafellar 1976; Nocedal and Wright, Numerical Optimization, section 17.4.

    Parameters
    ----------
    loss : GramLoss
    bounds : LinearBounds
    multipliers, stiffness : ndarray, shape (q,)
        z of admissible signs, and σ > 0.
    """

    def __init__(
        self, loss: GramLoss, bounds: LinearBounds, multipliers: Vector, stiffness: Vector
    ) -> None:
        super().__init__(loss)
        self.bounds, self.multipliers, self.stiffness = bounds, multipliers, stiffness

    def updated(self, gram: CellGram) -> Vector:
        """Return the next multipliers."""
        return self._at(self.bounds.values(gram))

    def value(self, gram: CellGram) -> float:
        """See `GramLoss.value`."""
        added = (self.updated(gram) ** 2 - self.multipliers**2) / (2 * self.stiffness)
        return self.loss.value(gram) + float(added.sum())

    def expand(self, gram: CellGram) -> LinearPoint:
        """See `GramLoss.expand`."""
        values = self.bounds.values(gram)
        return LinearPoint(self.loss.expand(gram), values, self._at(values))

    def gradient(self, at: LinearPoint) -> CellGram:
        """See `GramLoss.gradient`."""
        return self.loss.gradient(at.loss).plus(self.bounds.coefficients(at.multipliers))

    def curvature(self, at: LinearPoint, direction: CellGram) -> CellGram:
        """See `GramLoss.curvature`: σ where the penalty is in force."""
        curved = self.loss.curvature(at.loss, direction)
        active = (at.multipliers != 0) | (self.bounds.lower == self.bounds.upper)
        moved = np.where(active, self.stiffness * self.bounds.values(direction), 0.0)
        return curved.plus(self.bounds.coefficients(moved))

    def change(self, at: LinearPoint, step: CellGram) -> float:
        """See `GramLoss.change`."""
        before, move = at.multipliers, self.bounds.values(step)
        after = self._at(at.values + move)
        same = (before * after > 0) | (self.bounds.lower == self.bounds.upper)
        change = np.where(same, self.stiffness * move, after - before)
        added = change * (after + before) / (2 * self.stiffness)
        return self.loss.change(at.loss, step) + float(added.sum())

    def _at(self, values: Vector) -> Vector:
        high = self.multipliers + self.stiffness * (values - self.bounds.upper)
        low = self.multipliers + self.stiffness * (values - self.bounds.lower)
        return np.asarray(np.maximum(high, 0.0) + np.minimum(low, 0.0))


class NoObjective(GramLoss):
    """Zero: what is left of a program are its constraints."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells

    @property
    def anchor_count(self) -> float:
        """One: there is no mean."""
        return 1.0

    @property
    def infimum(self) -> float:
        """Zero."""
        return 0.0

    def value(self, gram: CellGram) -> float:
        """See `GramLoss.value`."""
        return 0.0

    def expand(self, gram: CellGram) -> CellGram:
        """See `GramLoss.expand`."""
        return gram

    def gradient(self, at: CellGram) -> CellGram:
        """See `GramLoss.gradient`."""
        return at.scaled(0.0)

    def curvature(self, at: CellGram, direction: CellGram) -> CellGram:
        """See `GramLoss.curvature`."""
        return at.scaled(0.0)

    def change(self, at: CellGram, step: CellGram) -> float:
        """See `GramLoss.change`."""
        return 0.0
