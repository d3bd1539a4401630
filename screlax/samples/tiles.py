"""The blocked kernel for bounded logits: sums of exponentials that need no shift.

A tile is one matrix product, one exponential in place, and two matrix-vector products with ones:
its row sums belong to the rows of its left block, its column sums to those of its right block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .positives import Vector
from .problem import Contrast
from .scratch import Kept, Scratch
from .tiling import Tile


class BoundedTiles:
    """Sums, then gradient products, tile by tile, with e^{⟨h_i, h_l⟩/τ} as it is.

    Parameters
    ----------
    contrast : Contrast
        The problem.
    block : int
        Largest number of rows of a block.
    jobs : int
        Number of threads.
    kept : Kept
        Where exponentials are kept for the gradient.
    gradient : ndarray, shape (rows, d), or None
        Where the gradient products are added up; zero at the start.
    """

    def __init__(
        self,
        contrast: Contrast,
        block: int,
        jobs: int,
        kept: Kept,
        gradient: NDArray[Any] | None,
    ) -> None:
        count, features = contrast.rows.array.shape
        entries = block * block
        self._contrast = contrast
        self._kept = kept
        self._gradient = gradient
        self._sums = np.zeros(count)
        self._ones = np.ones(block, contrast.dtype)
        self._exponentials = Scratch(jobs, entries, contrast.dtype)
        if gradient is not None:
            self._coefficients = Scratch(jobs, entries, contrast.dtype)
            self._products = Scratch(jobs, block * features, contrast.dtype)
        self._inverse = np.zeros(count, contrast.dtype)

    def accumulate(self, tile: Tile, worker: int) -> None:
        """Add the sums of one tile to those of its rows and, by symmetry, of its columns."""
        out = self._kept.reserve(tile)
        if out is None:
            out = self._exponentials.take(worker, tile.shape)
        self._exponentiate(tile, out)
        self._sums[tile.rows] += out @ self._ones[: tile.shape[1]]
        if not tile.diagonal:
            self._sums[tile.columns] += self._ones[: tile.shape[0]] @ out

    def log_sums(self, part: slice) -> Vector:
        """Return the logarithms of the sums of some rows, −∞ where they are empty."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self._sums[part]))

    def log_normalizers(self, part: slice) -> Vector:
        """Return log Z of the rows of an item, zero where the sum is empty."""
        sums = np.where(self._sums[part] > 0, self._sums[part], 1.0)
        contrast = self._contrast
        factor = 1.0 / (contrast.temperature * contrast.scale)
        self._inverse[part] = factor * contrast.weights[part] / sums
        return np.log(sums)

    def differentiate(self, tile: Tile, worker: int) -> None:
        """Add (1/τ) Σ_l e_il (w_i/Z_i + w_l/Z_l) h_l over one tile to both gradients."""
        entries = self._kept.get(tile)
        if entries is None:
            entries = self._exponentials.take(worker, tile.shape)
            self._exponentiate(tile, entries)
        left, right = self._inverse[tile.rows, None], self._inverse[tile.columns]
        coefficients = np.add(left, right, out=self._coefficients.take(worker, tile.shape))
        coefficients *= entries
        add_products(self._gradient, tile, coefficients, self._products, worker)

    def _exponentiate(self, tile: Tile, out: NDArray[Any]) -> None:
        np.matmul(tile.left, tile.right.T, out=out)
        self._contrast.exponential.function(out, out=out)
        if self._contrast.exclude is not None:
            self._contrast.exclude(out, tile.rows, tile.columns)
        elif tile.diagonal:
            out.reshape(-1)[:: out.shape[1] + 1] = 0


def add_products(
    gradient: NDArray[Any] | None,
    tile: Tile,
    coefficients: NDArray[Any],
    products: Scratch,
    worker: int,
) -> None:
    """Add coefficients · right to the rows of a tile, and coefficientsᵀ · left to its columns."""
    assert gradient is not None
    rows, columns = tile.shape
    features = tile.left.shape[1]
    out = products.take(worker, (rows, features))
    gradient[tile.rows] += np.matmul(coefficients, tile.right, out=out)
    if not tile.diagonal:
        out = products.take(worker, (columns, features))
        gradient[tile.columns] += np.matmul(coefficients.T, tile.left, out=out)
