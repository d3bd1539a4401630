"""The blocked kernel for logits of any size: a streaming log-sum-exp.

Every row keeps its running maximum and the sum relative to it (Milakov and Gimelshein 2018,
"Online normalizer calculation for softmax"). Rows and columns of a tile have different maxima, so
a tile costs two exponentials; it is used in double precision only, beyond 900 powers of two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .positives import Vector
from .problem import Contrast
from .scratch import Scratch
from .tiles import add_products
from .tiling import Tile

_SMALLEST = np.finfo(np.float64).min
"""Stands for −∞ in running maxima, so that a difference of two of them is a number."""


class ShiftedTiles:
    """Sums, then gradient products, tile by tile, every row shifted by its running maximum.

    Parameters
    ----------
    contrast : Contrast
        The problem, in double precision.
    block : int
        Largest number of rows of a block.
    jobs : int
        Number of threads.
    gradient : ndarray, shape (rows, d), or None
        Where the gradient products are added up; zero at the start.
    """

    def __init__(
        self, contrast: Contrast, block: int, jobs: int, gradient: NDArray[Any] | None
    ) -> None:
        count, features = contrast.rows.array.shape
        entries = block * block
        self._contrast = contrast
        self._weights = contrast.weights / (contrast.temperature * contrast.scale)
        self._gradient = gradient
        self._top = np.full(count, _SMALLEST)
        self._sums = np.zeros(count)
        self._log = np.zeros(count)
        self._logits = Scratch(jobs, entries, contrast.dtype)
        self._work = Scratch(jobs, entries, contrast.dtype)
        if gradient is not None:
            self._other = Scratch(jobs, entries, contrast.dtype)
            self._products = Scratch(jobs, block * features, contrast.dtype)

    def accumulate(self, tile: Tile, worker: int) -> None:
        """Merge the sums of one tile into those of its rows and of its columns."""
        logits = self._multiply(tile, worker)
        self._merge(tile.rows, logits, worker)
        if not tile.diagonal:
            self._merge(tile.columns, logits.T, worker)

    def log_sums(self, part: slice) -> Vector:
        """Return the logarithms of the sums of some rows, −∞ where they are empty."""
        sums, rate = self._sums[part], self._contrast.exponential.rate
        with np.errstate(divide="ignore"):
            logs = np.log(sums)
        return np.where(sums > 0, self._top[part] / rate + logs, -np.inf)

    def log_normalizers(self, part: slice) -> Vector:
        """Return log Z of the rows of an item, zero where the sum is empty."""
        top, sums, rate = self._top[part], self._sums[part], self._contrast.exponential.rate
        logs = np.log(np.where(sums > 0, sums, 1.0))
        self._log[part] = np.where(sums > 0, top + rate * logs, 0.0)
        return np.where(sums > 0, top / rate + logs, 0.0)

    def differentiate(self, tile: Tile, worker: int) -> None:
        """Add (1/τ) Σ_l (w_i p_il + w_l p_li) h_l over one tile to the gradient of both blocks."""
        logits = self._multiply(tile, worker)
        mine = self._softmax(logits, tile.rows, self._work.take(worker, tile.shape))
        theirs = self._other.take(worker, tile.shape[::-1])
        mine += self._softmax(logits.T, tile.columns, theirs).T
        add_products(self._gradient, tile, mine, self._products, worker)

    def _multiply(self, tile: Tile, worker: int) -> NDArray[Any]:
        """Return the logits of a tile, −∞ where the loss has no term."""
        out = self._logits.take(worker, tile.shape)
        np.matmul(tile.left, tile.right.T, out=out)
        if self._contrast.exclude is not None:
            keep = np.ones(tile.shape)
            self._contrast.exclude(keep, tile.rows, tile.columns)
            np.copyto(out, -np.inf, where=keep == 0)
        elif tile.diagonal:
            np.fill_diagonal(out, -np.inf)
        return out

    def _merge(self, part: slice, logits: NDArray[Any], worker: int) -> None:
        old = self._top[part]
        top = np.maximum(old, logits.max(axis=1))
        work = self._work.take(worker, logits.shape)
        np.subtract(logits, top[:, None], out=work)
        function = self._contrast.exponential.function
        function(work, out=work)
        with np.errstate(over="ignore"):  # the first difference of a row is −∞
            self._sums[part] = self._sums[part] * function(old - top) + work.sum(axis=1)
        self._top[part] = top

    def _softmax(self, logits: NDArray[Any], part: slice, out: NDArray[Any]) -> NDArray[Any]:
        """Return w_i p_il; a row without a term keeps weight zero."""
        np.subtract(logits, self._log[part, None], out=out)
        weights = self._weights[part, None]
        with np.errstate(over="ignore", invalid="ignore"):  # rows without a term have no shift
            self._contrast.exponential.function(out, out=out)
            np.multiply(out, weights, out=out)
        np.copyto(out, 0.0, where=weights == 0)
        return out
