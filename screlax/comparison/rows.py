"""Embeddings as what measures them reads them: part by part, in memory or where they lie."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..samples.chunk_tasks import rows_of
from ..samples.chunked_problem import cut, dask_module, tree
from ..samples.sources import Source
from ..samples.workers import Workers
from .blocks import share
from .chunked_statistics import statistics_of_chunks
from .statistics import ClassStatistics, class_statistics

Found = TypeVar("Found")

Numbers = NDArray[np.int64]

Task = Callable[[NDArray[Any], Numbers, int], Found]
"""What is computed of some rows, their class numbers, and the number of the first of them."""


class Rows(Protocol):
    """Embeddings, shape (n, d): an `array` in memory or mapped, or a `source` of chunks."""

    @property
    def array(self) -> NDArray[Any] | None:
        """All rows, or None."""

    @property
    def source(self) -> Source | None:
        """Where the chunks are, or None."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, d)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries."""

    def __len__(self) -> int:
        """Return n."""

    def read(
        self, task: Task[Found], number: Numbers, merge: Callable[[Found, Found], Found], kept: int
    ) -> Found:
        """Read all rows once and merge what is found, which is of so many numbers."""

    def statistics(
        self, number: Numbers, classes: int, *, within: bool, normalize: bool
    ) -> ClassStatistics:
        """Return statistics of all classes."""


class HeldRows:
    """Rows of an array, shared among threads."""

    source = None

    def __init__(self, array: NDArray[Any]) -> None:
        self.array: NDArray[Any] = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype = array.dtype

    def __len__(self) -> int:
        """Return n."""
        return int(self.shape[0])

    def read(
        self, task: Task[Found], number: Numbers, merge: Callable[[Found, Found], Found], kept: int
    ) -> Found:
        """Share the rows among threads."""
        found: dict[int, Found] = {}

        def run(part: slice, worker: int) -> None:
            found[part.start] = task(self.array[part], number[part], part.start)

        parts = share(run, self.array, kept)
        return reduce(merge, (found[part.start] for part in parts))

    def statistics(
        self, number: Numbers, classes: int, *, within: bool, normalize: bool
    ) -> ClassStatistics:
        """Return statistics by one pass."""
        every = np.arange(classes)
        return class_statistics(
            self.array, number, classes=every, within=within, normalize=normalize
        )


class ChunkedRows:
    """Rows in chunks, read by tasks of Dask: a block each, and a tree that merges."""

    array = None

    def __init__(self, source: Source, block_rows: int | None = None) -> None:
        self.source, self._dask = source, dask_module()
        self.shape, self.dtype = source.shape, source.dtype
        self._parts = cut(source, block_rows)

    def __len__(self) -> int:
        """Return n."""
        return self.shape[0]

    def read(
        self, task: Task[Found], number: Numbers, merge: Callable[[Found, Found], Found], kept: int
    ) -> Found:
        """Read every block by a task."""
        run, join = (self._dask.delayed(one, pure=False) for one in (_run, _joined))
        # what a task knows, class means perhaps, is in the graph once, not for every block
        shared = self._dask.delayed(_Shared(task, merge), pure=False, traverse=False)
        found = [
            run(shared, self.source.block(part), _small(number[part]), part.start)
            for part in self._parts
        ]
        with Workers[int](1):  # local schedulers share this process's BLAS
            whole: Found = self._dask.compute(tree(lambda few: join(shared, few), found))[0]
        return whole

    def statistics(
        self, number: Numbers, classes: int, *, within: bool, normalize: bool
    ) -> ClassStatistics:
        """Return statistics by one pass of tasks."""
        options = {"within": within, "normalize": normalize}
        return statistics_of_chunks(self.source, self._parts, number, range(classes), **options)


class _Shared:
    """What all tasks know. Not a dataclass: Dask would look for collections inside."""

    def __init__(self, task: Any, merge: Any) -> None:
        self.task, self.merge = task, merge


def _run(shared: _Shared, block: Any, number: NDArray[Any], first: int) -> Any:
    with Workers[int](1):
        return shared.task(rows_of(block), number.astype(np.int64), first)


def _joined(shared: _Shared, several: list[Any]) -> Any:
    return reduce(shared.merge, several)


def _small(number: Numbers) -> NDArray[Any]:
    """Return class numbers in four bytes: they travel with every task."""
    return number.astype(np.int32)
