"""A Gram matrix of orthogonal class means: the form of every solution with nonnegative features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..short_repr import short_repr
from ..types import Matrix, Vector
from .compact import CompactGram


@short_repr
@dataclass(frozen=True, eq=False)
class DiagonalGram(CompactGram):
    """Gram matrix of class means that are orthogonal to each other, by distinct class size.

    Behaves like `CellGram` and stores 2m numbers; `pair` is formed only when asked for. It is
    positive semidefinite and has a nonnegative factor, diag(√own), exactly if `own` ≥ 0.

    Attributes
    ----------
    unit_own : ndarray, shape (m,)
        Squared norms at unit temperature.
    copies : ndarray, shape (m,)
        Number of classes of each size.
    scale : float
        Temperature: the matrix is multiplied by it.
    """

    unit_own: Vector
    copies: Vector
    scale: float = 1.0
    matrices: ClassVar[int] = 2

    @property
    def own(self) -> Vector:
        """Squared norms a_g, shape (m,)."""
        return self.scale * self.unit_own

    @property
    def spread(self) -> Vector:
        """δ_g = own_g where there are several classes of a size, else zero."""
        return np.where(self.copies > 1, self.own, 0.0)

    def rows(self, orbits: NDArray[np.int64]) -> Matrix:
        """Return rows of `pair`, shape (len(orbits), m)."""
        pair = np.zeros((len(orbits), len(self.unit_own)))
        alone = np.flatnonzero(self.copies[orbits] == 1)
        pair[alone, orbits[alone]] = self.own[orbits[alone]]
        return pair

    def stored(self) -> dict[str, Any]:
        """Return the arrays that a file holds, by name."""
        return {"unit_norms": self.unit_own, "scale": np.array(float(self.scale))}
