"""The blocked kernels: what is done to a tile, here for logits that need no shift.

A tile is one matrix product, one exponential in place, and two matrix-vector products with ones:
its row sums belong to the rows of its left block, its column sums to those of its right block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Vector
from .contrast import Contrast
from .scratch import Kept, Scratch
from .tiling import Tile


class Tiles:
    """What both kernels hold; products go to `gradient`, shape (rows, d), zero at the start."""

    def __init__(
        self, contrast: Contrast, block: int, jobs: int, gradient: NDArray[Any] | None
    ) -> None:
        count, features = contrast.rows.array.shape
        self._contrast = contrast
        self._gradient = gradient
        self._sums = np.zeros(count)
        self._entries = Scratch(jobs, block * block, contrast.dtype)
        self._work = Scratch(jobs, block * block, contrast.dtype)
        self._products = Scratch(jobs, block * features, contrast.dtype)

    def _add_products(self, tile: Tile, coefficients: NDArray[Any], worker: int) -> None:
        """Add coefficients · right to the rows of a tile, coefficientsᵀ · left to its columns."""
        assert self._gradient is not None
        out = self._products.take(worker, tile.left.shape)
        self._gradient[tile.rows] += np.matmul(coefficients, tile.right, out=out)
        if not tile.diagonal:
            out = self._products.take(worker, tile.right.shape)
            self._gradient[tile.columns] += np.matmul(coefficients.T, tile.left, out=out)


class BoundedTiles(Tiles):
    """With e^{⟨h_i, h_l⟩/τ} as it is; `kept` is where exponentials stay for the gradient."""

    def __init__(
        self,
        contrast: Contrast,
        block: int,
        jobs: int,
        gradient: NDArray[Any] | None,
        kept: Kept,
    ) -> None:
        super().__init__(contrast, block, jobs, gradient)
        self._kept = kept
        columns = contrast.denominator.columns
        # a row's share a_i/Z_i, once it is known, and its weight q_i as a column
        self._factors = np.zeros((len(contrast.weights), 2), contrast.dtype)
        self._factors[:, 1] = 1.0 if columns is None else columns
        self._columns = np.ascontiguousarray(self._factors[:, 1])
        self._turned = self._factors.copy()
        self._exponential = contrast.exponential.function

    def accumulate(self, tile: Tile, worker: int) -> None:
        """Add the sums of one tile to those of its rows and, by symmetry, of its columns."""
        out = self._kept.reserve(tile)
        if out is None:
            out = self._entries.take(worker, tile.shape)
        self._exponentiate(tile, out)
        self._sums[tile.rows] += out @ self._columns[tile.columns]
        if not tile.diagonal:
            self._sums[tile.columns] += self._columns[tile.rows] @ out

    def log_sums(self, part: slice) -> Vector:
        """Return the logarithms of the sums of some rows so far, −∞ where they are empty."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self._sums[part]))

    def log_normalizers(self, part: slice) -> Vector:
        """Return log Z of the rows of an item, after all its tiles; zero where Z is empty."""
        sums = np.where(self._sums[part] > 0, self._sums[part], 1.0)
        self._share_out(part, sums)
        return np.log(sums)

    def take_normalizers(self, logs: Vector) -> None:
        """Take log Z of every row from elsewhere, −∞ where it is empty."""
        self._share_out(slice(None), np.exp(np.where(np.isfinite(logs), logs, 0.0)))

    def _share_out(self, part: slice, sums: Vector) -> None:
        """Set the share a_i/Z_i of some rows."""
        contrast = self._contrast
        factor = 1.0 / (contrast.temperature * contrast.scale)
        self._factors[part, 0] = factor * contrast.weights[part] / sums
        self._turned[part] = self._factors[part, ::-1]

    def differentiate(self, tile: Tile, worker: int) -> None:
        """Add (1/τ) Σ_l e_il f_il (q_l a_i/Z_i + q_i a_l/Z_l) h_l over one tile to both gradients.

        The sum in brackets is a product of rank two: BLAS forms it faster than an outer sum.
        """
        entries = self._kept.get(tile)
        if entries is None:
            entries = self._entries.take(worker, tile.shape)
            self._exponentiate(tile, entries)
        left, right = self._factors[tile.rows], self._turned[tile.columns]
        coefficients = np.matmul(left, right.T, out=self._work.take(worker, tile.shape))
        coefficients *= entries
        self._add_products(tile, coefficients, worker)

    def _exponentiate(self, tile: Tile, out: NDArray[Any]) -> None:
        np.matmul(tile.left, tile.right.T, out=out)
        self._exponential(out, out=out)
        within = self._contrast.denominator.within
        if within is not None:
            within(out, tile.rows, tile.columns)
        if tile.diagonal:
            out.reshape(-1)[:: out.shape[1] + 1] = 0
