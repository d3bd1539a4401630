"""Memory that tiles are computed in, allocated once a call."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tiling import Tile

LARGEST_REUSED = 30_000_000
"""Bytes of an array up to which the C library reuses the memory of one call in the next."""


class Scratch:
    """One reusable array for each thread, cut to the shape of a tile of at most some entries."""

    def __init__(self, workers: int, entries: int, dtype: np.dtype[Any]) -> None:
        self._arrays = [np.empty(entries, dtype) for _ in range(workers)]

    def take(self, worker: int, shape: tuple[int, int]) -> NDArray[Any]:
        """Return the array of a thread in a shape, contiguous, with arbitrary contents."""
        return self._arrays[worker][: shape[0] * shape[1]].reshape(shape)


class Kept:
    """Room for a number of exponentials, of the tiles kept from the loss to the gradient.

    In pieces of 30 MB, which the C library reuses from call to call; the system must clear the
    pages of larger ones anew each time, which takes as long as computing a fifth of them.
    """

    def __init__(self, entries: int, dtype: np.dtype[Any]) -> None:
        each = LARGEST_REUSED // dtype.itemsize
        sizes = [min(each, entries - first) for first in range(0, entries, each)]
        self._pieces = [np.empty(size, dtype) for size in sizes]
        self._free = list(self._pieces)
        self._lock = Lock()
        self._tiles: dict[tuple[int, int], NDArray[Any]] = {}

    def get(self, tile: Tile) -> NDArray[Any] | None:
        """Return what was kept of a tile, or None."""
        return self._tiles.get((tile.rows.start, tile.columns.start))

    def reserve(self, tile: Tile) -> NDArray[Any] | None:
        """Return memory in which a tile will be kept, or None where there is no more."""
        entries = tile.shape[0] * tile.shape[1]
        with self._lock:
            while self._free and len(self._free[-1]) < entries:
                self._free.pop()
            if not self._free:
                return None
            room = self._free[-1]
            self._free[-1] = room[entries:]
            kept: NDArray[Any] = room[:entries].reshape(tile.shape)
            self._tiles[tile.rows.start, tile.columns.start] = kept
        return kept

    def clear(self) -> None:
        """Forget all tiles and keep the memory."""
        self._free = list(self._pieces)
        self._tiles.clear()
