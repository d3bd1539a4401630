"""Embeddings read in blocks that fit a processor's cache, shared among threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..samples.workers import Workers, cores

_BLOCK_BYTES = 2 << 20
_SLICES = 8
"""Into how many slices rows are divided; fixed, so that the number of cores changes no bit."""

_SHARED = 1 << 22
"""Numbers below which one thread reads all."""

_LARGEST_RESULT = 1 << 20
"""Numbers of a slice's own result beyond which there is one slice only."""


class HasType(Protocol):
    """An array, or what reads one."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its entries."""


def blocks(
    embeddings: NDArray[Any], part: slice, *, normalize: bool, block_rows: int | None = None
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (number of the first row, rows) of a slice, in single or double precision.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
    part : slice
    normalize : bool
        Whether to divide each row by its norm; a zero row stays zero.
    block_rows : int, optional
        Rows at a time; by default 2 MB.
    """
    dtype = working_type(embeddings)
    row_bytes = embeddings.shape[1] * dtype.itemsize
    # at least as many rows as make the d×d update of a block cheaper than its product
    step = block_rows or max(256, _BLOCK_BYTES // row_bytes, 4 * embeddings.shape[1])
    for first in range(part.start, part.stop, step):
        rows = np.asarray(embeddings[first : min(first + step, part.stop)], dtype=dtype)
        yield first, normalized(rows) if normalize else rows


def working_type(embeddings: HasType) -> np.dtype[Any]:
    """Return single precision for that and half precision, else double."""
    given = embeddings.dtype
    return np.dtype(np.float32 if given.kind == "f" and given.itemsize <= 4 else np.float64)


def normalized(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows divided by their norms; zero rows stay zero, rows that are not finite as is."""
    largest = np.abs(rows).max(axis=1)
    usable = np.isfinite(largest) & (largest > 0)
    scaled = rows / np.where(usable, largest, 1)[:, None]  # squares neither overflow nor vanish
    with np.errstate(invalid="ignore", over="ignore"):  # refused by whoever takes the rows
        norms = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    scaled /= np.where(usable, norms, 1)[:, None]
    return np.asarray(scaled)


def share(
    task: Callable[[slice, int], None], embeddings: NDArray[Any], result_numbers: int
) -> list[slice]:
    """Run task(slice, thread) on slices of the rows, and return the slices in order.

    Parameters
    ----------
    task : callable
    embeddings : ndarray, shape (n, d)
    result_numbers : int
        Size of what the task keeps for each slice.
    """
    count = len(embeddings)
    alone = embeddings.size < _SHARED or result_numbers > _LARGEST_RESULT
    size = count if alone else -(-count // _SLICES)
    slices = [slice(first, min(first + size, count)) for first in range(0, count, size)]
    with Workers[slice](1 if alone else min(len(slices), cores())) as workers:
        workers.run(task, slices)
    return slices
