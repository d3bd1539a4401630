"""Problems of some hundred to some thousand rows: the upper triangle of the Gram matrix in strips.

A strip is a block of anchors against itself and all rows after it: one matrix product, one
exponential in place, two matrix-vector products with ones. For the gradient all strips are kept in
one array U, so that the products of a block are two long matrix products that no other block writes
to: U[block, block:] @ rows and U[:block, block]ᵀ @ rows. Threads therefore never wait for each
other within a pass, and their number does not change the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .positives import Vector
from .problem import Contrast, Resources
from .workers import Workers

LARGEST_STRIPS = 2048
"""Items of more rows than this are cut into tiles, which then are no slower and need less memory.

Below, strips are as fast on one thread and 1.1 to 1.3 times as fast on two (measured).
"""

_LARGEST_KEPT = 20_000_000
"""Bytes of U; the system clears the pages of larger arrays anew in each call (see `Kept`)."""

_PADDING = 16
"""Entries between the rows of U: at a power of two they would compete for the same cache lines."""


def fit_strips(contrast: Contrast, resources: Resources, has_gradient: bool) -> bool:
    """Whether strips are possible and fast: all rows in memory, and U if it is needed."""
    if contrast.size > min(LARGEST_STRIPS, resources.panel_rows):
        return False
    kept = contrast.size * (contrast.size + _PADDING) * contrast.dtype.itemsize
    return not has_gradient or kept <= min(_LARGEST_KEPT, resources.keep_bytes)


def contrast_strips(
    contrast: Contrast, resources: Resources, gradient: NDArray[Any] | None
) -> Vector:
    """Return log Z of every row and fill in the gradient products.

    Parameters
    ----------
    contrast : Contrast
        A problem with bounded logits for which `fit_strips` holds.
    resources : Resources
        Only the number of threads matters.
    gradient : ndarray, shape (rows, d), or None
        Where the products go.
    """
    logs = np.zeros(len(contrast.rows))
    size = contrast.size
    strips = _Strips(contrast, resources.jobs, gradient is not None)
    with Workers[slice](strips.jobs) as workers:
        for first in range(0, len(logs), size):
            span = slice(first, first + size)
            sums = strips.sums(span, workers)
            np.log(sums, out=logs[span])
            if gradient is not None:
                strips.differentiate(span, sums, gradient[span], workers)
    return logs


class _Strips:
    """The strips of one item at a time, and the memory they are computed in."""

    def __init__(self, contrast: Contrast, jobs: int, keep: bool) -> None:
        size, dtype = contrast.size, contrast.dtype
        self._contrast = contrast
        self._height = 128 if size < 1024 else 256
        self._strips = _cut(0, contrast.anchors, self._height)
        self._others = _cut(contrast.anchors, size, self._height)
        self.jobs = min(jobs, len(self._strips))
        self._ones = np.ones(size, dtype)
        self._kept = np.empty((size, size + _PADDING), dtype) if keep else None
        columns = max(size, contrast.rows.array.shape[1])
        self._scratch = [np.empty(self._height * columns, dtype) for _ in range(self.jobs)]
        self._row_sums = np.zeros(size)
        self._column_sums = np.zeros((len(self._strips), size))

    def sums(self, span: slice, workers: Workers[slice]) -> Vector:
        """Return Z of the rows of an item, one where the sum is empty."""
        contrast, ones = self._contrast, self._ones
        scaled = self._scaled = contrast.scaled(span)

        def accumulate(strip: slice, worker: int) -> None:
            height, rest = strip.stop - strip.start, slice(strip.start, len(scaled))
            out = self._entries(strip, worker)
            np.matmul(scaled[strip], scaled[rest].T, out=out)
            contrast.exponential.function(out, out=out)
            self._exclude(out, span.start + strip.start)
            self._row_sums[strip] = out @ ones[rest]
            column_sums = self._column_sums[strip.start // self._height]
            column_sums[strip.stop :] = ones[:height] @ out[:, height:]

        workers.run(accumulate, self._strips)
        sums: Vector = self._row_sums + self._column_sums.sum(axis=0)
        sums[sums <= 0] = 1.0
        return sums

    def differentiate(
        self, span: slice, sums: Vector, gradient: NDArray[Any], workers: Workers[slice]
    ) -> None:
        """Write (1/τ) Σ_l e_il (w_i/Z_i + w_l/Z_l) h_l to the gradient of every row."""
        assert self._kept is not None
        kept, scaled, anchors = self._kept, self._scaled, self._contrast.anchors
        factor = 1.0 / (self._contrast.temperature * self._contrast.scale)
        inverse = (factor * self._contrast.weights[span] / sums).astype(self._contrast.dtype)

        def weigh(strip: slice, worker: int) -> None:
            entries = self._entries(strip, worker)
            shares = self._take(worker, *entries.shape)
            entries *= np.add(inverse[strip, None], inverse[strip.start :], out=shares)

        def multiply(block: slice, worker: int) -> None:
            above = slice(0, min(block.start, anchors))
            if block.start >= anchors:
                np.matmul(kept[above, block].T, scaled[above], out=gradient[block])
                return
            rest = slice(block.start, len(scaled))
            np.matmul(kept[block, rest], scaled[rest], out=gradient[block])
            if above.stop > 0:
                part = self._take(worker, *gradient[block].shape)
                gradient[block] += np.matmul(kept[above, block].T, scaled[above], out=part)

        workers.run(weigh, self._strips)
        workers.run(multiply, self._strips + self._others)

    def _entries(self, strip: slice, worker: int) -> NDArray[Any]:
        """Return the memory of a strip: where it is kept, or else the scratch of the thread."""
        size = self._contrast.size
        if self._kept is not None:
            return self._kept[strip, strip.start : size]
        return self._take(worker, strip.stop - strip.start, size - strip.start)

    def _exclude(self, entries: NDArray[Any], first: int) -> None:
        """Zero what the sums leave out of a strip, whose first row is given."""
        if self._contrast.exclude is not None:
            rows, columns = entries.shape
            self._contrast.exclude(
                entries, slice(first, first + rows), slice(first, first + columns)
            )
        np.fill_diagonal(entries, 0)

    def _take(self, worker: int, rows: int, columns: int) -> NDArray[Any]:
        """Return the scratch memory of a thread in a shape."""
        return self._scratch[worker][: rows * columns].reshape(rows, columns)


def _cut(first: int, last: int, height: int) -> list[slice]:
    return [slice(a, min(a + height, last)) for a in range(first, last, height)]
