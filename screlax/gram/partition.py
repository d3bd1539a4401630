"""Groupings of points into cells, and the way between matrices over points and over cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..short_repr import short_repr
from ..types import Matrix, Vector
from .cells import CellGram


@short_repr
@dataclass(frozen=True, eq=False)
class Partition:
    """A grouping of points into cells.

    With `collapse` the points of a cell become one on the way down (samples of a class, whose
    within-class variability is zero at the optimum); else they stay different (classes of a size).
    """

    cell_of_point: NDArray[np.int64]  # 0 … m−1, each at least once, shape (p,)
    collapse: bool

    @property
    def multiplicities(self) -> Vector:
        """Number of points in each cell, shape (m,)."""
        return np.bincount(self.cell_of_point).astype(float)

    def without_collapse(self) -> Partition:
        """Return the same cells with their points kept apart."""
        return Partition(self.cell_of_point, collapse=False)

    def average(self, values: Vector) -> Vector:
        """Average one number per point over the cells."""
        total = np.bincount(self.cell_of_point, weights=values)
        return np.asarray(total / self.multiplicities)

    def quotient(self, matrix: Matrix) -> CellGram:
        """Average a p×p Gram matrix over its cells.

        Averaging over exchanges keeps the trace, the diagonal bounds and positive
        semidefiniteness, and by convexity never raises the objective; neither does raising the
        inner products within a class to the diagonal (`collapse`).
        """
        count = self.multiplicities
        indicator = sparse.csr_array(
            (np.ones(len(self.cell_of_point)), (self.cell_of_point, range(len(matrix)))),
            shape=(len(count), len(matrix)),
        )
        own = self.average(np.diagonal(matrix))
        total = np.asarray(indicator @ np.asarray(indicator @ matrix).T).T
        pair = total / np.outer(count, count)
        several = (count > 1) & (not self.collapse)
        within = (np.diagonal(total) - count * own) / np.maximum(count * (count - 1), 1)
        np.fill_diagonal(pair, np.where(several, within, own))
        return CellGram(own, pair)

    def lift(self, gram: CellGram) -> Matrix:
        """Repeat a cell Gram matrix to all p points, p×p."""
        cell = self.cell_of_point
        matrix = gram.pair[np.ix_(cell, cell)]
        if not self.collapse:
            np.fill_diagonal(matrix, gram.own[cell])
        return matrix
