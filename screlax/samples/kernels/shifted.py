"""The blocked kernel for logits of any size: a streaming log-sum-exp.

Every row keeps its running maximum and the sum relative to it (Milakov and Gimelshein 2018,
"Online normalizer calculation for softmax"). Rows and columns of a tile have different maxima, so
a tile costs two exponentials; it is used in double precision only, beyond 900 powers of two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Vector
from .contrast import Contrast
from .scratch import Scratch
from .tiles import Tiles
from .tiling import Tile

_SMALLEST = np.finfo(np.float64).min
"""Stands for −∞ in running maxima, so that a difference of two of them is a number."""


class ShiftedTiles(Tiles):
    """With every row shifted by its running maximum."""

    def __init__(
        self, contrast: Contrast, block: int, jobs: int, gradient: NDArray[Any] | None
    ) -> None:
        super().__init__(contrast, block, jobs, gradient)
        self._weights = contrast.weights / (contrast.temperature * contrast.scale)
        self._exponential, self._rate = contrast.exponential
        self._columns = _logs(contrast.denominator.columns, self._rate)
        self._top = np.full(len(contrast.weights), _SMALLEST)
        self._log = np.zeros(len(contrast.weights))
        self._other = Scratch(jobs, block * block, contrast.dtype)

    def accumulate(self, tile: Tile, worker: int) -> None:
        """Merge the sums of one tile into those of its rows and of its columns."""
        logits = self._multiply(tile, worker)
        self._merge(tile.rows, self._weighted(logits, tile.columns), worker)
        if not tile.diagonal:
            self._merge(tile.columns, self._weighted(logits.T, tile.rows), worker)

    def log_sums(self, part: slice) -> Vector:
        """Return the logarithms of the sums of some rows so far, −∞ where they are empty."""
        sums = self._sums[part]
        with np.errstate(divide="ignore"):
            logs = np.log(sums)
        return np.where(sums > 0, self._top[part] / self._rate + logs, -np.inf)

    def log_normalizers(self, part: slice) -> Vector:
        """Return log Z of the rows of an item, after all its tiles; zero where Z is empty."""
        top, sums = self._top[part], self._sums[part]
        logs = np.log(np.where(sums > 0, sums, 1.0))
        self._log[part] = np.where(sums > 0, top + self._rate * logs, 0.0)
        return np.where(sums > 0, top / self._rate + logs, 0.0)

    def take_normalizers(self, logs: Vector) -> None:
        """Take log Z of every row from elsewhere, −∞ where it is empty."""
        self._log[:] = self._rate * np.where(np.isfinite(logs), logs, 0.0)

    def differentiate(self, tile: Tile, worker: int) -> None:
        """Add (1/τ) Σ_l (w_i p_il + w_l p_li) h_l over one tile to the gradient of both blocks."""
        logits = self._multiply(tile, worker)
        left, right = self._weighted(logits, tile.columns), self._weighted(logits.T, tile.rows)
        mine = self._softmax(left, tile.rows, self._work.take(worker, tile.shape))
        theirs = self._other.take(worker, tile.shape[::-1])
        mine += self._softmax(right, tile.columns, theirs).T
        self._add_products(tile, mine, worker)

    def _multiply(self, tile: Tile, worker: int) -> NDArray[Any]:
        """Return the logits of a tile, −∞ where the loss has no term."""
        out = self._entries.take(worker, tile.shape)
        np.matmul(tile.left, tile.right.T, out=out)
        within = self._contrast.denominator.within
        if within is not None:
            factors = np.ones(tile.shape)
            within(factors, tile.rows, tile.columns)
            out += _logs(factors, self._rate)
        if tile.diagonal:
            np.fill_diagonal(out, -np.inf)
        return out

    def _weighted(self, logits: NDArray[Any], columns: slice) -> NDArray[Any]:
        """Return logits plus the logarithms of the weights q of the columns."""
        return logits if self._columns is None else logits + self._columns[columns]

    def _merge(self, part: slice, logits: NDArray[Any], worker: int) -> None:
        """Add e^logits to the sums of some rows, relative to the larger of both maxima."""
        old = self._top[part]
        top = np.maximum(old, logits.max(axis=1))
        work = self._work.take(worker, logits.shape)
        np.subtract(logits, top[:, None], out=work)
        self._exponential(work, out=work)
        with np.errstate(over="ignore"):  # the first difference of a row is −∞
            self._sums[part] = self._sums[part] * self._exponential(old - top) + work.sum(axis=1)
        self._top[part] = top

    def _softmax(self, logits: NDArray[Any], part: slice, out: NDArray[Any]) -> NDArray[Any]:
        """Return w_i p_il; a row without a term keeps weight zero."""
        np.subtract(logits, self._log[part, None], out=out)
        weights = self._weights[part, None]
        with np.errstate(over="ignore", invalid="ignore"):  # rows without a term have no shift
            self._exponential(out, out=out)
            np.multiply(out, weights, out=out)
        np.copyto(out, 0.0, where=weights == 0)
        return out


def _logs(weights: NDArray[Any] | None, rate: float) -> Any:
    """Return logarithms in the unit of the logits, −∞ of zero, or None where there is nothing."""
    if weights is None:
        return None
    with np.errstate(divide="ignore"):
        return rate * np.log(weights)
