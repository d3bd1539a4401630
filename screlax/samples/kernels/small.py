"""Many small problems at once: the whole Gram matrix of several items in one product.

Up to a few hundred rows a Gram matrix fits in the cache and halves are not worth their overhead;
the exponentials are still at hand when the gradient needs them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Vector
from ..workers import Workers
from .contrast import Contrast, Resources

LARGEST_SMALL = 320
"""Items of more rows than this are cut into tiles."""

_CHUNK_ENTRIES = 1 << 17
"""Exponentials held at a time; half a megabyte in single precision."""


def contrast_small(
    contrast: Contrast, resources: Resources, gradient: NDArray[Any] | None
) -> Vector:
    """Return log Z of every row, of bounded logits, and fill in the gradient products."""
    size = contrast.size
    logs = np.zeros(len(contrast.weights))
    step = min(contrast.items, max(1, _CHUNK_ENTRIES // size**2))
    starts = range(0, contrast.items, step)
    chunks = [slice(a * size, min(a + step, contrast.items) * size) for a in starts]
    jobs = min(resources.jobs, len(chunks))
    memory = [contrast.rows.lend(step * size**2, contrast.dtype)]
    memory += [np.empty(step * size**2, contrast.dtype) for _ in range(jobs - 1)]

    def solve(part: slice, worker: int) -> None:
        _solve_chunk(contrast, part, memory[worker], logs, gradient)

    with Workers[slice](jobs) as workers:
        workers.run(solve, chunks)
    return logs


def _solve_chunk(
    contrast: Contrast,
    part: slice,
    memory: NDArray[Any],
    logs: Vector,
    gradient: NDArray[Any] | None,
) -> None:
    """Do so for the items within a span of rows."""
    size, dtype = contrast.size, contrast.dtype
    rows = contrast.rows.plain(part, dtype).reshape(-1, size, contrast.rows.array.shape[1])
    entries = memory[: len(rows) * size**2].reshape(-1, size, size)
    _multiply(rows, entries)
    entries *= dtype.type(contrast.scale**2)
    contrast.exponential.function(entries, out=entries)
    _weigh(contrast, entries, part)
    columns = contrast.denominator.columns
    if columns is None:
        sums = (entries.reshape(-1, size) @ np.ones(size, dtype)).astype(np.float64)
    else:
        own = columns[part].astype(dtype).reshape(-1, size)
        sums = np.matmul(entries, own[:, :, None]).astype(np.float64).reshape(-1)
    sums[sums <= 0] = 1.0
    np.log(sums, out=logs[part])
    if gradient is None:
        return
    inverse = contrast.weights[part] / sums / contrast.temperature
    inverse = inverse.astype(dtype).reshape(-1, size)
    if columns is None:
        entries *= inverse[:, :, None] + inverse[:, None, :]
    else:
        entries *= inverse[:, :, None] * own[:, None, :] + own[:, :, None] * inverse[:, None, :]
    np.matmul(entries, rows, out=gradient[part].reshape(rows.shape))


def _multiply(rows: NDArray[Any], out: NDArray[Any]) -> None:
    """Multiply every item by its transpose; BLAS is fastest on small ones if that is contiguous."""
    turned = rows.transpose(0, 2, 1)
    if len(rows) == 1:
        np.matmul(rows[0], turned[0], out=out[0])
    else:
        np.matmul(rows, np.ascontiguousarray(turned), out=out)


def _weigh(contrast: Contrast, entries: NDArray[Any], part: slice) -> None:
    """Multiply by what is one number for a pair of rows; zero what the sums leave out."""
    size, denominator = contrast.size, contrast.denominator
    if denominator.within is not None:
        for number, item in enumerate(entries):
            first = part.start + number * size
            span = slice(first, first + size)
            denominator.within(item, span, span)
    entries.reshape(len(entries), -1)[:, :: size + 1] = 0
    if denominator.keys_from is not None:
        entries[:, : denominator.keys_from, : denominator.keys_from] = 0
