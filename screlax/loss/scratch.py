"""Memory that tiles are computed in, allocated once a call."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
    """Tiles that are kept from the loss to the gradient, in one allocation.

    One large array instead of one for each tile, so that the system can use huge pages for it.

    Parameters
    ----------
    entries : int
        Number of entries there is room for; zero keeps nothing.
    dtype : dtype
        Precision.
    """

    def __init__(self, entries: int, dtype: np.dtype[Any]) -> None:
        self._room = np.empty(entries, dtype)
        self._used = 0
        self._lock = Lock()
        self._tiles: dict[tuple[int, int], NDArray[Any]] = {}

    def get(self, key: tuple[int, int]) -> NDArray[Any] | None:
        """Return a kept tile, or None."""
        return self._tiles.get(key)

    def reserve(self, key: tuple[int, int], shape: tuple[int, int]) -> NDArray[Any] | None:
        """Return memory for a tile that will be kept, or None where there is no more."""
        entries = shape[0] * shape[1]
        with self._lock:
            start, stop = self._used, self._used + entries
            if stop > len(self._room):
                return None
            self._used = stop
            self._tiles[key] = tile = self._room[start:stop].reshape(shape)
        return tile

    def clear(self) -> None:
        """Forget all tiles and keep the memory."""
        self._used = 0
        self._tiles.clear()
