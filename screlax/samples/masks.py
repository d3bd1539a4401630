"""The positives of every anchor, from a mask, as the public SupContrast code takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from .layout import Layout
from .positives import Numbers, Vector
from .rows import Rows


class MaskPositives:
    """Positives of sample i are the samples j with mask[i, j] > 0, in proportion to the entry.

    mask[i, j] speaks of samples; all views of both are meant, and only the row itself is never its
    own positive.

    Parameters
    ----------
    rows : Rows
        The embeddings of *one* item.
    mask : ndarray, shape (samples, samples)
        Finite and not negative.
    layout : Layout
        Says which rows belong to which sample.
    """

    def __init__(self, rows: Rows, mask: Vector, layout: Layout) -> None:
        self._rows = rows
        self._mask = mask
        self._sample: NDArray[np.int64] = layout.spread(np.arange(layout.samples))
        self._self = np.diagonal(mask)[self._sample]
        totals = layout.views * mask.sum(axis=1)[self._sample] - self._self
        marked = layout.views * np.count_nonzero(mask, axis=1)[self._sample]
        positives = marked - (self._self > 0)
        self.counts: Vector = np.where(positives > 0, totals, 0.0)
        self.negatives: Vector = layout.size - 1.0 - positives
        self.single = positives == 1

    def similarities(self) -> Vector:
        """Return ⟨h_i, Σ_j mask_ij h_j⟩/Σ_j mask_ij over j ≠ i."""
        sums = self._mask @ self._sample_sums(None)
        products = np.empty(len(self._rows))
        for part in self._rows.blocks():
            block = self._rows.doubles(part)
            np.einsum("ij,ij->i", block, sums[self._sample[part]], out=products[part])
        products -= self._self * self._rows.squares
        return products / np.where(self.counts > 0, self.counts, 1.0)

    def totals(self, weights: Vector, items: int) -> Vector:
        """Return Σ_i w_i ⟨h_i, m_i⟩ of the one item."""
        return np.asarray((weights * self.similarities()).reshape(items, -1).sum(axis=1))

    def subtract_gradient(self, gradient: NDArray[Any], weights: Vector) -> None:
        """Subtract v_i (mask h)_i + (maskᵀ (v h))_i − 2 v_i mask_ii h_i."""
        shares = weights / np.where(self.counts > 0, self.counts, 1.0)
        mine = self._mask @ self._sample_sums(None)
        theirs = self._mask.T @ self._sample_sums(shares)
        for part in self._rows.blocks():
            sample, share = self._sample[part], shares[part, None]
            pull = share * mine[sample] + theirs[sample]
            pull -= 2 * share * self._self[part, None] * self._rows.doubles(part)
            gradient[part] -= pull

    def exclude(self, entries: NDArray[Any], rows: slice | Numbers, columns: slice) -> None:
        """Zero the entries that the mask marks, and the diagonal."""
        marked = self._mask[np.ix_(self._sample[rows], self._sample[columns])] > 0
        np.copyto(entries, 0, where=marked)
        if isinstance(rows, slice) and rows == columns:
            np.fill_diagonal(entries, 0)

    def _sample_sums(self, weights: Vector | None) -> NDArray[np.float64]:
        """Return the sum of the views of each sample, shape (samples, d)."""
        sums = np.zeros((len(self._mask), self._rows.array.shape[1]))
        for part in self._rows.blocks():
            block = self._rows.doubles(part)
            if weights is not None:
                block = block * weights[part, None]
            np.add.at(sums, self._sample[part], block)
        return sums


def require_symmetric(mask: Vector) -> None:
    """Raise unless positives are mutual, which dropping them from both denominators needs."""
    different = np.argwhere((mask > 0) != (mask.T > 0))
    if len(different):
        row, column = (int(number) for number in different[0])
        raise InvalidInputError(
            f"negatives_only needs a symmetric mask, but mask[{row}, {column}] is "
            f"{mask[row, column]} and mask[{column}, {row}] is {mask[column, row]}"
        )
