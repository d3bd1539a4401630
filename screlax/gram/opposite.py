"""A Gram matrix of class means on two opposite points: the form of a full minority collapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..short_repr import short_repr
from ..types import Matrix, Vector
from .compact import CompactGram


@short_repr
@dataclass(frozen=True, eq=False)
class OppositeGram(CompactGram):
    """Gram matrix norm · side sideᵀ of class means that are all on one of two opposite points.

    Behaves like `CellGram` and stores m numbers; `pair` is formed only when asked for. It is
    positive semidefinite, of rank one, exactly if `unit_norm` ≥ 0.

    Attributes
    ----------
    side : ndarray, shape (m,)
        Of every orbit, ±1.
    unit_norm : float
        Squared norm of every class mean at unit temperature.
    copies : ndarray, shape (m,)
        Number of classes of each orbit.
    scale : float
        Temperature: the matrix is multiplied by it.
    """

    side: Vector
    unit_norm: float
    copies: Vector
    scale: float = 1.0
    matrices: ClassVar[int] = 2

    @property
    def own(self) -> Vector:
        """Squared norms, shape (m,)."""
        return np.full(len(self.side), self.scale * self.unit_norm)

    @property
    def spread(self) -> Vector:
        """Zeros: classes of an orbit are on the same point."""
        return np.zeros(len(self.side))

    def rows(self, orbits: NDArray[np.int64]) -> Matrix:
        """Return rows of `pair`, shape (len(orbits), m)."""
        return self.scale * self.unit_norm * np.outer(self.side[orbits], self.side)

    @property
    def known_rank(self) -> int:
        """Rank: one."""
        return 1
