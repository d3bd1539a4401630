"""What a pass over embeddings tells of their norms and signs, in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gram.cells import Cells
from ..types import Vector
from .blocks import blocks
from .rows import Numbers, Rows
from .statistics import ClassStatistics


@dataclass(frozen=True)
class RowFacts:
    """Squared norms and signs of rows.

    Attributes
    ----------
    rows, zeros : int
        How many there are, and how many of them are zero.
    least, largest, total : float
        Of the squared norms.
    are_nonnegative : bool
        Whether no entry is below zero.
    """

    rows: int
    zeros: int
    least: float
    largest: float
    total: float
    are_nonnegative: bool

    @property
    def mean(self) -> float:
        """The mean squared norm."""
        return self.total / self.rows

    @property
    def typical(self) -> tuple[Vector, Cells]:
        """Squared norms that break a control as all do: the ends, and one that keeps the mean."""
        squares, weights = [self.least, self.largest][: self.rows], [1.0, 1.0][: self.rows]
        if self.rows > 2:
            between = (self.total - self.least - self.largest) / (self.rows - 2)
            squares.append(min(max(between, self.least), self.largest))
            weights.append(self.rows - 2.0)
        return np.array(squares), Cells.of_samples(np.array(weights))

    def merge(self, other: RowFacts) -> RowFacts:
        """Return the facts of both sets of rows."""
        return RowFacts(
            self.rows + other.rows,
            self.zeros + other.zeros,
            min(self.least, other.least),
            max(self.largest, other.largest),
            self.total + other.total,
            self.are_nonnegative and other.are_nonnegative,
        )


def row_facts(
    rows: Rows, number: Numbers, statistics: ClassStatistics, *, normalize: bool
) -> RowFacts:
    """Read all rows once; their class means say whether all can be nonnegative."""
    observe = _Observing(normalize, bool((statistics.means >= 0).all()))
    return rows.read(observe, number, RowFacts.merge, 1)


@dataclass(frozen=True)
class _Observing:
    """Finds the facts of some rows."""

    normalize: bool
    may_be_nonnegative: bool

    def __call__(self, given: NDArray[Any], number: Numbers, start: int) -> RowFacts:
        squares, nonnegative = np.empty(len(given)), self.may_be_nonnegative
        for first, block in blocks(given, slice(0, len(given)), normalize=self.normalize):
            np.einsum("ij,ij->i", block, block, out=squares[first : first + len(block)])
            nonnegative = nonnegative and bool(block.min() >= 0)
        return RowFacts(
            len(given),
            int(np.count_nonzero(squares == 0)),
            float(squares.min()),
            float(squares.max()),
            float(squares.sum()),
            nonnegative,
        )
