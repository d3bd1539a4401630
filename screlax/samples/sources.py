"""Embeddings that live in chunks: .npy shards, zarr arrays, dask arrays, read by row numbers.

A source is small, so that every task can carry it to where it runs; the rows are read there.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError

_HELD_IN_GRAPH = 4
"""A dask chunk that takes this fraction of its rows' bytes to describe is in memory already."""


class Source(Protocol):
    """Rows that can be read anywhere."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk_rows: int
    """Rows that are stored together."""

    def block(self, part: slice) -> Any:
        """Return what a Dask task takes for these rows; `read_block` then returns the rows."""


class RowBlock:
    """Rows of a source that are read in the task that needs them.

    Not a dataclass: Dask would look for collections inside.
    """

    def __init__(self, read: Any, part: slice) -> None:
        self._read = read
        self._part = part

    def read(self) -> Any:
        """Return the rows."""
        return self._read(self._part)


def read_block(block: Any) -> Any:
    """Return the rows of a block, wherever they are, as they are there: a mask is not dropped."""
    return block.read() if isinstance(block, RowBlock) else block


class _Changed:
    """Rows of a source that a function changes in the task that reads them."""

    def __init__(self, source: Source, change: Any, each: Sequence[NDArray[Any]]) -> None:
        self._source, self._change, self._each = source, change, each
        self.shape, self.dtype = source.shape, np.dtype(np.float64)
        self.chunk_rows = source.chunk_rows

    def block(self, part: slice) -> Any:
        """Return what reads and changes rows: another reader, or a task where rows are in one."""
        block, each = self._source.block(part), [one[part] for one in self._each]
        if isinstance(block, RowBlock):
            return RowBlock(_ChangeOf(block, self._change, each), slice(None))
        import dask

        return dask.delayed(self._change, pure=False)(block, *each)


class _ChangeOf:
    """Reads a block and changes its rows. Not a dataclass, as `RowBlock`."""

    def __init__(self, block: RowBlock, change: Any, each: list[NDArray[Any]]) -> None:
        self._block, self._change, self._each = block, change, each

    def __call__(self, part: slice) -> Any:
        return self._change(self._block.read(), *self._each)


def with_rows(source: Source, change: Any, *each: NDArray[Any]) -> Source:
    """Return a source of rows, in double precision, that a function makes of those of another.

    It is called with some rows and with what there is for each of them.
    """
    return _Changed(source, change, each)


def open_source(embeddings: Any) -> Source:
    """Return the source for whatever the user has, or a source as it is.

    Raises
    ------
    InvalidInputError
        If it is none of the known kinds, or not two-dimensional.
    """
    if hasattr(embeddings, "block") and hasattr(embeddings, "chunk_rows"):
        opened: Source = embeddings
        return opened
    if isinstance(embeddings, str | os.PathLike):
        embeddings = [embeddings]
    source: Source
    if isinstance(embeddings, list | tuple):
        source = _Shards(embeddings)
    elif hasattr(embeddings, "__dask_graph__"):
        source = _DaskRows(embeddings)
    elif hasattr(embeddings, "chunks") and hasattr(embeddings, "__getitem__"):
        source = _Stored(embeddings)
    else:
        raise InvalidInputError(
            "embeddings must be a dask array, a zarr array, or a list of .npy files, got "
            f"{type(embeddings).__name__}; use supcon_loss for an array in memory or mapped"
        )
    if len(source.shape) != 2 or 0 in source.shape:
        raise InvalidInputError(
            f"embeddings must have shape (n, d), one row per sample, got {tuple(source.shape)}"
        )
    return source


class _Shards:
    """.npy files one below the other; each is mapped, so that only the rows wanted are read."""

    def __init__(self, paths: Sequence[Any]) -> None:
        if not paths:
            raise InvalidInputError("the list of .npy files is empty; name at least one")
        self._paths = [Path(path).absolute() for path in paths]
        arrays = [mapped(path) for path in self._paths]
        features = {array.shape[1:] for array in arrays}
        kinds = {array.dtype for array in arrays}
        if len(features) > 1 or len(kinds) > 1 or arrays[0].ndim != 2:
            shown = ", ".join(f"{a.dtype} {a.shape}" for a in arrays[:3])
            raise InvalidInputError(
                f"all .npy files must hold (rows, d) of one d and precision, got {shown}"
            )
        self._rows = [len(array) for array in arrays]
        self._ends = np.cumsum(self._rows)
        self.shape = (int(self._ends[-1]), *arrays[0].shape[1:])
        self.dtype = arrays[0].dtype
        self.chunk_rows = 1

    def block(self, part: slice) -> RowBlock:
        return RowBlock(self._read, part)

    def _read(self, part: slice) -> NDArray[Any]:
        first, last = np.searchsorted(self._ends, [part.start, part.stop - 1], side="right")
        pieces = []
        for number in range(first, last + 1):
            end = int(self._ends[number])
            array = mapped(self._paths[number])
            start = end - self._rows[number]
            if array.shape != (self._rows[number], self.shape[1]) or array.dtype != self.dtype:
                raise InvalidInputError(
                    f"{self._paths[number]} changed while it was read: it holds {array.dtype} "
                    f"{array.shape} now, and held {self.dtype} "
                    f"{(self._rows[number], self.shape[1])}; read it when it is complete"
                )
            pieces.append(array[max(part.start - start, 0) : part.stop - start])
        return np.concatenate(pieces)


def mapped(path: Path) -> NDArray[Any]:
    """Return the array of a .npy file, of which nothing is read yet."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidInputError(f"{path} cannot be read as .npy: {error}") from None
    return array


class _Stored:
    """A zarr array, or any chunked array on storage that reads the rows it is asked for."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape = tuple(array.shape)
        self.dtype = np.dtype(array.dtype)
        self.chunk_rows = int(array.chunks[0])

    def block(self, part: slice) -> RowBlock:
        return RowBlock(self._array.__getitem__, part)


class _DaskRows:
    """A dask array: read again by every task that needs it, unless its chunks are in memory."""

    def __init__(self, array: Any) -> None:
        if any(np.isnan(rows) for rows in array.chunks[0]):
            raise InvalidInputError(
                "the dask array has chunks of unknown size; call compute_chunk_sizes() first"
            )
        self._array = array
        self.shape = tuple(array.shape)
        self.dtype = np.dtype(array.dtype)
        self.chunk_rows = int(max(array.chunks[0]))
        first = slice(0, self.chunk_rows)
        self._in_memory = array.ndim == 2 and _describes_itself(array[first])

    def block(self, part: slice) -> Any:
        rows = self._array[part]
        return rows if self._in_memory else RowBlock(_compute_here(rows), slice(None))


def _compute_here(rows: Any) -> Any:
    def read(part: slice) -> Any:
        return rows.compute(scheduler="synchronous")[part]

    return read


def _describes_itself(rows: Any) -> bool:
    """Whether the graph of some rows holds them, or futures of them, instead of how to get them."""
    import dask

    # before it is optimised: that leaves a future's key without the future
    if any(type(task).__name__ == "Future" for task in dict(rows.__dask_graph__()).values()):
        return True
    (culled,) = dask.optimize(rows)
    try:
        size = len(pickle.dumps(dict(culled.__dask_graph__())))
    except (pickle.PicklingError, AttributeError, TypeError):  # local functions: a computation
        return False
    return bool(size * _HELD_IN_GRAPH > rows.nbytes)
