"""Targets that are one number for each pair of blocks of rows: samples, classes, or both.

With B the numbers of the blocks and v_i = 1/Σ_{j≠i} B_ij

    T_ij = v_i B[block_i, block_j]   for j ≠ i,      Σ_j T_ij h_j = v_i [(B S)_i − B_ii h_i],

S the sums of the blocks: no array of all pairs of rows is formed, and none of all pairs of blocks
where B has factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..types import Matrix, Vector
from .layout import Layout
from .positives import Numbers, Targets, class_products, class_sums, per_item
from .rows import Rows


class Mixing(Protocol):
    """The matrix B of blocks × blocks, as what is done with it."""

    @property
    def diagonal(self) -> Vector:
        """Return B_cc."""

    @property
    def rounding(self) -> float:
        """Return how far B_cc may be off, relative to it."""

    def apply(self, sums: Matrix) -> Matrix:
        """Return B S."""

    def apply_transposed(self, sums: Matrix) -> Matrix:
        """Return Bᵀ S."""


@dataclass(frozen=True, eq=False)
class MatrixMixing:
    """B as an array, or a sparse one."""

    matrix: Any

    @property
    def diagonal(self) -> Vector:
        """See `Mixing`."""
        return np.asarray(self.matrix.diagonal())

    @property
    def rounding(self) -> float:
        """See `Mixing`."""
        return 0.0

    def apply(self, sums: Matrix) -> Matrix:
        """See `Mixing`."""
        return np.asarray(self.matrix @ sums)

    def apply_transposed(self, sums: Matrix) -> Matrix:
        """See `Mixing`."""
        return np.asarray(self.matrix.T @ sums)


@dataclass(frozen=True, eq=False)
class FactorMixing:
    """B = Y Zᵀ, of blocks × labels each, arrays or sparse ones."""

    left: Any
    right: Any

    @property
    def diagonal(self) -> Vector:
        """See `Mixing`."""
        return np.asarray((self.left * self.right).sum(axis=1))

    @property
    def rounding(self) -> float:
        """See `Mixing`."""
        return float((8 + self.left.shape[1]) * np.finfo(float).eps)

    def apply(self, sums: Matrix) -> Matrix:
        """See `Mixing`."""
        return np.asarray(self.left @ (self.right.T @ sums))

    def apply_transposed(self, sums: Matrix) -> Matrix:
        """See `Mixing`."""
        return np.asarray(self.right @ (self.left.T @ sums))


class BlockTargets:
    """Targets of a mixing matrix; see `Targets`.

    Parameters
    ----------
    rows : Rows
        The embeddings of *one* item.
    blocks : ndarray of int, shape (rows,)
        Block of each row.
    mixing : Mixing
        B, finite and not negative.
    """

    def __init__(self, rows: Rows, blocks: NDArray[np.int64], mixing: Mixing) -> None:
        self.rows = rows
        self._blocks, self._mixing = blocks, mixing
        self._self = mixing.diagonal[blocks]
        self._count = len(mixing.diagonal)
        sizes = np.bincount(blocks, minlength=self._count).astype(np.float64)[:, None]
        self.counts: Vector = mixing.apply(sizes)[blocks, 0] - self._self
        # what is left of a sum by subtraction is no target
        self.counts[self.counts <= mixing.rounding * self._self] = 0.0

    def similarities(self) -> Vector:
        """Return Σ_j T_ij ⟨h_i, h_j⟩."""
        sums = self._mixing.apply(class_sums(self.rows, self._blocks, self._count))
        products = class_products(self.rows, self._blocks, sums) - self._self * self.rows.squares
        return np.asarray(products / np.where(self.counts > 0, self.counts, 1.0))

    def totals(self, weights: Vector, items: int) -> Vector:
        """Return Σ_i w_i Σ_j T_ij ⟨h_i, h_j⟩ of the one item."""
        return per_item(weights * self.similarities(), items)

    def subtract_gradient(self, gradient: NDArray[Any], weights: Vector) -> None:
        """Subtract v_i (B S)_i + (Bᵀ Σ v h)_i − 2 v_i B_ii h_i."""
        shares = weights / np.where(self.counts > 0, self.counts, 1.0)
        mine = self._mixing.apply(class_sums(self.rows, self._blocks, self._count))
        weighted = class_sums(self.rows, self._blocks, self._count, shares)
        theirs = self._mixing.apply_transposed(weighted)
        for part in self.rows.blocks():
            block, share = self._blocks[part], shares[part, None]
            pull = share * mine[block] + theirs[block]
            pull -= 2 * share * self._self[part, None] * self.rows.doubles(part)
            gradient[part] -= pull


class MaskPositives(BlockTargets):
    """Positives of sample i are the samples j with mask[i, j] > 0, in proportion to the entry.

    All views of both are meant, and only the row itself is never its own positive.

    Parameters
    ----------
    rows : Rows
        The embeddings of *one* item.
    mask : ndarray, shape (samples, samples)
        Finite and not negative.
    layout : Layout
        Says which rows belong to which sample.
    """

    def __init__(self, rows: Rows, mask: Matrix, layout: Layout) -> None:
        super().__init__(rows, layout.per_row(np.arange(layout.samples)), MatrixMixing(mask))
        self._mask = mask
        marked = layout.views * np.count_nonzero(mask, axis=1)[self._blocks]
        positives = marked - (self._self > 0)
        self.counts[positives == 0] = 0.0
        self.negatives: Vector = layout.size - 1.0 - positives
        self.single: NDArray[np.bool_] = positives == 1

    def exclude(self, entries: NDArray[Any], rows: slice | Numbers, columns: slice) -> None:
        """Zero the entries that the mask marks, and the diagonal."""
        marked = self._mask[np.ix_(self._blocks[rows], self._blocks[columns])] > 0
        np.copyto(entries, 0, where=marked)
        if isinstance(rows, slice) and rows == columns:
            np.fill_diagonal(entries, 0)


@dataclass(frozen=True, eq=False)
class MixedTargets:
    """(1−α) of some targets and α of others, of the same rows; see `Targets`."""

    first: Targets
    second: Targets
    share: float

    @property
    def rows(self) -> Rows:
        """The embeddings."""
        return self.first.rows

    @property
    def counts(self) -> Vector:
        """Zero where either has no target."""
        return np.minimum(self.first.counts, self.second.counts)

    def similarities(self) -> Vector:
        """Return Σ_j T_ij ⟨h_i, h_j⟩."""
        first, second = self.first.similarities(), self.second.similarities()
        return (1 - self.share) * first + self.share * second

    def totals(self, weights: Vector, items: int) -> Vector:
        """Return Σ_i w_i Σ_j T_ij ⟨h_i, h_j⟩ of each item."""
        first, second = self.first.totals(weights, items), self.second.totals(weights, items)
        return (1 - self.share) * first + self.share * second

    def subtract_gradient(self, gradient: NDArray[Any], weights: Vector) -> None:
        """Subtract the gradient of both."""
        self.first.subtract_gradient(gradient, (1 - self.share) * weights)
        self.second.subtract_gradient(gradient, self.share * weights)


def require_symmetric(mask: Matrix) -> None:
    """Raise unless positives are mutual, which dropping them from both denominators needs."""
    different = np.argwhere((mask > 0) != (mask.T > 0))
    if len(different):
        row, column = (int(number) for number in different[0])
        raise InvalidInputError(
            f"negatives_only needs a symmetric mask, but mask[{row}, {column}] is "
            f"{mask[row, column]} and mask[{column}, {row}] is {mask[column, row]}"
        )
