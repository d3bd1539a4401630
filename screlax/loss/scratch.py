"""Memory that tiles are computed in, allocated once a call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_PIECE = 30_000_000
"""Bytes allocated at once for tiles that are kept."""


class Scratch:
    """One reusable array for each thread, cut to the shape of a tile.

    Parameters
    ----------
    workers : int
        Number of threads.
    entries : int
        Largest number of entries of a tile.
    dtype : dtype
        Precision.
    """

    def __init__(self, workers: int, entries: int, dtype: np.dtype[Any]) -> None:
        self._arrays = [np.empty(entries, dtype) for _ in range(workers)]

    def take(self, worker: int, shape: tuple[int, int]) -> NDArray[Any]:
        """Return the array of a thread in a shape, contiguous, with arbitrary contents."""
        return self._arrays[worker][: shape[0] * shape[1]].reshape(shape)


class Kept:
    """Tiles that are kept from the loss to the gradient.

    In pieces of 30 MB, which the C library reuses from call to call; the system must clear the
    pages of larger ones anew each time, which takes as long as computing a fifth of them.

    Parameters
    ----------
    tiles, entries : int
        Number of tiles there is room for, and entries of each; zero tiles keep nothing.
    dtype : dtype
        Precision.
    """

    def __init__(self, tiles: int, entries: int, dtype: np.dtype[Any]) -> None:
        each = max(1, _PIECE // (entries * dtype.itemsize))
        counts = [min(each, tiles - first) for first in range(0, tiles, each)]
        pieces = [np.empty((count, entries), dtype) for count in counts]
        self._rooms = [room for piece in pieces for room in piece]
        self._free = list(self._rooms)
        self._tiles: dict[tuple[int, int], NDArray[Any]] = {}

    def get(self, key: tuple[int, int]) -> NDArray[Any] | None:
        """Return a kept tile, or None."""
        return self._tiles.get(key)

    def reserve(self, key: tuple[int, int], shape: tuple[int, int]) -> NDArray[Any] | None:
        """Return memory for a tile that will be kept, or None where there is none; thread-safe."""
        try:
            room = self._free.pop()
        except IndexError:
            return None
        tile: NDArray[Any] = room[: shape[0] * shape[1]].reshape(shape)
        self._tiles[key] = tile
        return tile

    def clear(self) -> None:
        """Forget all tiles and keep the memory."""
        self._free = list(self._rooms)
        self._tiles.clear()
