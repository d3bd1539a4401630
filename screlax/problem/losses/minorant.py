"""Affine functions below a convex loss: what a lower bound on the whole objective is made of.

    loss(X) ≥ constant + ⟨coefficients, X⟩   for every X

The certificate adds the control's multipliers to the coefficients; where their sum S is positive
semidefinite, constant − price(multipliers) is a lower bound (weak duality). A minorant is made for
one Gram matrix, at which its distance from the loss is known without cancellation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...gram.cells import CellGram
from ...gram.rounding import entry_sizes, product, product_sizes
from ...types import Vector


class Minorant(ABC):
    """An affine lower bound on a loss."""

    @property
    @abstractmethod
    def coefficients(self) -> CellGram:
        """Slope by (own, pair), pair symmetric, in the form of `GramLoss.gradient`."""

    @property
    @abstractmethod
    def sizes(self) -> CellGram:
        """Entry by entry, the sum of the sizes of what the coefficients sum."""

    @property
    def spread(self) -> Vector | None:
        """Slope along within-class spread, see `GramLoss.spread`."""
        return None

    @abstractmethod
    def mixed(self, kept: float) -> Minorant:
        """Return kept·self + (1 − kept)·(the loss's infimum); its coefficients are kept times."""

    @abstractmethod
    def excess(self) -> tuple[float, float]:
        """Return loss − self at the Gram matrix it was made for, ≥ 0, and its largest error."""

    @abstractmethod
    def constant(self) -> tuple[float, float]:
        """Return the constant, and its largest error."""


@dataclass(frozen=True, eq=False)
class Tangent(Minorant):
    """The tangent of a loss at a Gram matrix, mixed with its infimum: for any convex loss.

    The gradient is taken to be right up to rounding of its size, which moves the tangent by at most
    that times the distance from the Gram matrix; for Gram matrices of the size of this one that is
    part of the errors.

    Attributes
    ----------
    loss : GramLoss
    gram : CellGram
    slope : CellGram
        Gradient of the loss at `gram`.
    value : float
        Loss at `gram`.
    unit : float
        Largest relative error of slope and value.
    kept : float
        Share of the tangent; the rest is the infimum.
    """

    loss: Any
    gram: CellGram
    slope: CellGram
    value: float
    unit: float
    kept: float = 1.0

    @property
    def coefficients(self) -> CellGram:
        """See `Minorant`."""
        return self.slope.scaled(self.kept)

    @property
    def sizes(self) -> CellGram:
        """See `Minorant`."""
        return CellGram(np.abs(self.slope.own), np.abs(self.slope.pair)).scaled(2.0)

    def mixed(self, kept: float) -> Tangent:
        """See `Minorant`."""
        return replace(self, kept=self.kept * kept)

    def excess(self) -> tuple[float, float]:
        """See `Minorant`; nothing where all of it is the tangent."""
        rest = 1 - self.kept
        height = rest * (self.value - self.loss.infimum) if rest > 0 else 0.0
        return height, self._error()

    def constant(self) -> tuple[float, float]:
        """See `Minorant`."""
        own = self.value - product(self.slope, self.gram)
        rest = (1 - self.kept) * self.loss.infimum if self.kept < 1 else 0.0
        return self.kept * own + rest, self._error()

    def _error(self) -> float:
        moved = product_sizes(self.slope, self.gram)
        moved += float(np.abs(self.slope.pair).sum(axis=1) @ entry_sizes(self.gram))
        floor = self.loss.infimum if self.kept < 1 else 0.0
        sizes = abs(self.value) + moved + abs(floor)
        return float(4 * self.unit * sizes)
