"""A Gram matrix given by two numbers per class size: the form of every rank-one-slack solution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..short_repr import short_repr
from ..types import Matrix, Vector
from .cells import CellGram
from .compact import CompactGram
from .kernels import log_cosh_half


@short_repr
@dataclass(frozen=True, eq=False)
class SlackVectorGram(CompactGram):
    """Gram matrix of class means with pair_gh = g_g + g_h − log cosh((β_g − β_h)/2).

    Behaves like `CellGram` and stores 4m numbers; `pair` is formed only when asked for. The class
    means lie around centres on a curve: centres g and h are √(2 log cosh((β_g − β_h)/2)) apart,
    and each class adds a direction of its own of squared length own − 2g.

    Attributes
    ----------
    unit_own : ndarray, shape (m,)
        Squared norms at unit temperature.
    centre : ndarray, shape (m,)
        g, half the inner product of two classes of the same size, at unit temperature.
    log_normalizer : ndarray, shape (m,)
        β, the log of the softmax normaliser of each class's row.
    log_slack : ndarray, shape (m,)
        log v of the slack vector that the optimality of G is proved with: G v = 0. It could be had
        from g and β, but with errors that a large G would multiply.
    copies : ndarray, shape (m,)
        Number of classes of each size.
    scale : float
        Temperature: own and pair are multiplied by it.
    """

    unit_own: Vector
    centre: Vector
    log_normalizer: Vector
    log_slack: Vector
    copies: Vector
    scale: float = 1.0

    @property
    def own(self) -> Vector:
        """Squared norms a_g, shape (m,)."""
        return self.scale * self.unit_own

    @property
    def spread(self) -> Vector:
        """δ_g = own_g − pair_gg where there are several classes of a size, else zero."""
        return self.scale * np.where(self.copies > 1, self.unit_own - 2 * self.centre, 0.0)

    def rows(self, orbits: NDArray[np.int64]) -> Matrix:
        """Return rows of `pair`, shape (len(orbits), m)."""
        difference = np.subtract.outer(self.log_normalizer[orbits], self.log_normalizer)
        pair = np.add.outer(self.centre[orbits], self.centre) - log_cosh_half(difference)
        alone = np.flatnonzero(self.copies[orbits] == 1)
        pair[alone, orbits[alone]] = self.unit_own[orbits[alone]]
        return self.scale * pair

    def is_finite(self) -> bool:
        """Whether every entry is a number; a root that broke down has none."""
        stored = (self.unit_own, self.centre, self.log_normalizer)
        return all(bool(np.isfinite(numbers).all()) for numbers in stored)

    @property
    def known_rank(self) -> int:
        """Rank where it is certified: the kernel is spanned by the slack vector."""
        return int(self.copies.sum()) - 1


AnyGram = CellGram | CompactGram
"""All have `own`, `pair`, `spread`, `rows`, `scaled`, `is_finite`, `dense` and `stored`."""
