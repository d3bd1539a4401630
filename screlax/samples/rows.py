"""Embeddings a block of rows at a time: checked, normalised, scaled, in memory or mapped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..io.arrays import refuse_nonfinite

Locate = Callable[[int], tuple[int, ...]]

_BLOCK_ENTRIES = 1 << 17
"""Entries of a block that is held in double precision, 1 MB: fewer is slower by measurement."""


class Rows:
    """Embeddings in canonical order, read in blocks by one thread and never copied as a whole.

    Parameters
    ----------
    array : ndarray, shape (rows, d)
        In memory or memory-mapped, of any strides.
    normalize : bool
        Whether each row is to be divided by its norm. A zero row stays zero.
    locate : callable
        The index in the user's array of a row number, to name a bad entry by.

    Attributes
    ----------
    squares : ndarray, shape (rows,)
        Squared norms, after normalisation.
    inverse_norms : ndarray, shape (rows,), or None
        What each row is multiplied by; None where nothing is normalised.
    largest_product : float
        The largest |⟨h_i, h_l⟩| there can be, by the Cauchy–Schwarz inequality.
    """

    def __init__(self, array: NDArray[Any], normalize: bool, locate: Locate) -> None:
        self.array = array
        self.inverse_norms: NDArray[np.float64] | None = None
        count, features = array.shape
        self._step = min(count, max(1, _BLOCK_ENTRIES // features))
        self._buffer = np.empty((self._step, features))
        self._held: tuple[int, int] | None = None
        self.squares = self._squared_norms(locate)
        if normalize:
            norms = np.sqrt(self.squares)
            self.inverse_norms = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
            self.squares = (norms > 0).astype(np.float64)
            self._held = None
        self.largest_product = float(self.squares.max())

    def __len__(self) -> int:
        return len(self.array)

    def blocks(self, span: slice | None = None) -> Iterator[slice]:
        """Cut the rows, or a span of them, into blocks; few rows are one block."""
        start, stop = (0, len(self.array)) if span is None else (span.start, span.stop)
        step = self._step
        return (slice(first, min(first + step, stop)) for first in range(start, stop, step))

    def doubles(self, part: slice) -> NDArray[np.float64]:
        """Return a block in double precision, normalised; to be read only, until the next call."""
        block = self._buffer[: part.stop - part.start]
        if self._held != (part.start, part.stop):
            np.copyto(block, self.array[part])
            if self.inverse_norms is not None:
                block *= self.inverse_norms[part, None]
            self._held = (part.start, part.stop)
        return block

    def picked(self, numbers: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return some rows in double precision, normalised, as a new array."""
        rows = np.array(self.array[numbers], dtype=np.float64)
        if self.inverse_norms is not None:
            rows *= self.inverse_norms[numbers, None]
        return rows

    def scaled(self, part: slice, factor: float, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return a block multiplied by a number, normalised, as a new C-contiguous array."""
        source = self.array[part]
        out = np.empty(source.shape, dtype)
        if self.inverse_norms is None:
            np.multiply(source, dtype.type(factor), out=out, dtype=dtype)
        else:
            scale = self.inverse_norms[part, None] * factor
            np.multiply(source, scale.astype(dtype), out=out, dtype=dtype)
        return out

    def plain(self, part: slice, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return a block as it is where precision and memory order allow, else a copy."""
        source = self.array[part]
        as_is = self.inverse_norms is None and source.flags.c_contiguous
        return source if as_is and source.dtype == dtype else self.scaled(part, 1.0, dtype)

    def through_normalisation(self, gradient: NDArray[Any]) -> None:
        """Apply, in place, the transposed Jacobian of h = x/‖x‖: (g − ⟨g, h⟩ h)/‖x‖, 0 at x = 0."""
        if self.inverse_norms is None:
            return
        for part in self.blocks():
            unit = self.doubles(part)
            along = np.einsum("ij,ij->i", gradient[part], unit)
            tangent = gradient[part] - along[:, None] * unit
            gradient[part] = tangent * self.inverse_norms[part, None]

    def lend(self, entries: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the memory of `doubles` for other use until its next call, if it is enough.

        Fresh memory costs as much as the arithmetic on a few hundred rows.
        """
        self._held = None
        memory = self._buffer.reshape(-1).view(dtype)
        return memory[:entries] if len(memory) >= entries else np.empty(entries, dtype)

    def _squared_norms(self, locate: Locate) -> NDArray[np.float64]:
        """Return them, refusing rows that are not finite."""
        squares = np.empty(len(self.array))
        for part in self.blocks():
            block = self.doubles(part)
            np.einsum("ij,ij->i", block, block, out=squares[part])
            if not math.isfinite(squares[part].sum()):
                refuse_nonfinite(self.array[part], part.start, locate)
        return squares


def is_mapped(array: Any) -> bool:
    """Whether an array is, or is a view of, a memory map."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False
