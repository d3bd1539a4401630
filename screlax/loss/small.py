"""Many small problems at once: the whole Gram matrix of several items in one product.

Up to a few hundred rows a Gram matrix fits in the cache and halves are not worth their overhead;
the exponentials are still at hand when the gradient needs them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .positives import Vector
from .problem import Contrast, Resources
from .workers import Workers

LARGEST = 320
"""Items of more rows than this are cut into tiles (measured: equal at 300 to 400 rows)."""

_CHUNK_ENTRIES = 1 << 17
"""Exponentials held at a time; half a megabyte in single precision."""


def contrast_small(
    contrast: Contrast, resources: Resources, gradient: NDArray[Any] | None
) -> Vector:
    """Return log Z of every row and fill in the gradient products.

    Parameters
    ----------
    contrast : Contrast
        A problem with bounded logits.
    resources : Resources
        Only the number of threads matters.
    gradient : ndarray, shape (rows, d), or None
        Where the products go.
    """
    logs = np.zeros(len(contrast.rows))
    step = max(1, _CHUNK_ENTRIES // contrast.size**2)
    chunks = [
        slice(first * contrast.size, min(first + step, contrast.items) * contrast.size)
        for first in range(0, contrast.items, step)
    ]

    def solve(part: slice, _worker: int) -> None:
        _solve_chunk(contrast, part, logs, gradient)

    with Workers[slice](min(resources.jobs, len(chunks))) as workers:
        workers.run(solve, chunks)
    return logs


def _solve_chunk(
    contrast: Contrast, part: slice, logs: Vector, gradient: NDArray[Any] | None
) -> None:
    size = contrast.size
    rows = contrast.scaled(part).reshape(-1, size, contrast.rows.array.shape[1])
    entries = contrast.exponential.function(_gram(rows))
    _exclude(contrast, entries, part)
    sums = (entries.reshape(-1, size) @ np.ones(size, contrast.dtype)).astype(np.float64)
    sums[sums <= 0] = 1.0
    np.log(sums, out=logs[part])
    if gradient is None:
        return
    inverse = (contrast.weights[part] / sums).astype(contrast.dtype).reshape(-1, size)
    entries *= inverse[:, :, None] + inverse[:, None, :]
    np.matmul(entries, rows, out=gradient[part].reshape(rows.shape))


def _gram(rows: NDArray[Any]) -> NDArray[Any]:
    """Multiply every item by its transpose; BLAS is fastest on small ones if that is contiguous."""
    turned = rows.transpose(0, 2, 1)
    if len(rows) == 1:
        return np.asarray(np.matmul(rows[0], turned[0])[None])
    return np.asarray(np.matmul(rows, np.ascontiguousarray(turned)))


def _exclude(contrast: Contrast, entries: NDArray[Any], part: slice) -> None:
    """Zero what the sums leave out."""
    size = contrast.size
    if contrast.exclude is None:
        entries.reshape(len(entries), -1)[:, :: size + 1] = 0
        return
    for number, item in enumerate(entries):
        first = part.start + number * size
        span = slice(first, first + size)
        contrast.exclude(item, span, span)
