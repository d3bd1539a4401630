"""Class statistics of embeddings in chunks, on one machine or many: a task a block, then a tree."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..samples.chunk_tasks import rows_of
from ..samples.chunked_problem import cut, dask_module, loaded, tree
from ..samples.layout import encode
from ..samples.sources import Source, open_source
from ..samples.workers import Workers
from .accumulator import Accumulator
from .blocks import blocks
from .statistics import ClassStatistics


def class_statistics_chunked(
    embeddings: Any,
    labels: Any,
    *,
    within: bool = True,
    normalize: bool = False,
    block_rows: int | None = None,
) -> ClassStatistics:
    """Compute class statistics of embeddings that need not fit in memory, by tasks of Dask.

    Those of `class_statistics` up to rounding, on Dask's active scheduler: threads by default, a
    cluster where there is a `distributed.Client`. A worker holds one block of rows per thread, and
    statistics of the classes in it; every row is read once. `collapse_metrics` measures the result.

    Parameters
    ----------
    embeddings : dask array, zarr array, or list of .npy files, shape (n, d)
        As for `screlax.supcon_loss_chunked`.
    labels : array-like, dask or zarr array, or list of .npy files, shape (n,)
        Class of each sample; loaded as a whole.
    within, normalize
        As for `class_statistics`.
    block_rows : int, optional
        Rows of a block; by default whole chunks up to about 16 MB in double precision.

    Raises
    ------
    InvalidInputError
        If any input does not fit, an entry is not finite, or dask is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics, class_statistics_chunked
    >>> rng = np.random.default_rng(0)
    >>> for part in range(2):
    ...     np.save(f"embeddings{part}.npy", rng.standard_normal((6, 4)))
    >>> files, labels = ["embeddings0.npy", "embeddings1.npy"], ["cat", "dog", "fox"] * 4
    >>> found = class_statistics_chunked(files, labels)
    >>> whole = class_statistics(np.concatenate([np.load(file) for file in files]), labels)
    >>> found.names == whole.names, np.allclose(found.within, whole.within)
    (True, True)
    """
    source = open_source(embeddings)
    codes = encode(loaded(labels), ((source.shape[0],),), names=True)
    assert codes.names is not None
    parts, options = cut(source, block_rows), {"within": within, "normalize": normalize}
    return statistics_of_chunks(source, parts, codes.codes, codes.names, **options)


def statistics_of_chunks(
    source: Source,
    parts: list[slice],
    number: NDArray[np.int64],
    names: Sequence[Hashable],
    *,
    within: bool,
    normalize: bool,
) -> ClassStatistics:
    """Return statistics of all classes, which have samples, by a task for each part."""
    dask = dask_module()
    measure, merge = (dask.delayed(one, pure=False) for one in (_of_block, _merged))
    found = [
        measure(source.block(part), number[part], part.start, within, normalize) for part in parts
    ]
    with Workers[int](1):  # local schedulers share this process's BLAS
        whole: ClassStatistics = dask.compute(tree(merge, found))[0]
    return replace(whole, names=tuple(names))


def _of_block(
    block: Any, numbers: NDArray[np.int64], start: int, within: bool, normalize: bool
) -> ClassStatistics:
    """Return statistics of the classes in a block, which are called by their numbers."""
    array = rows_of(block)
    present, local = np.unique(numbers, return_inverse=True)
    own = Accumulator(len(present), array.shape[1], within=within)
    with Workers[int](1):
        for first, rows in blocks(array, slice(0, len(array)), normalize=normalize):
            own.add(rows, local[first : first + len(rows)], start + first)
    names = tuple(present.tolist())
    return ClassStatistics(names, own.counts, own.means, own.traces, own.within)


def _merged(several: list[ClassStatistics]) -> ClassStatistics:
    """Merge statistics of different classes, those that any has."""
    names = tuple(np.unique(np.concatenate([one.names for one in several])).tolist())
    total, *others = (_among(one, names) for one in several)
    for other in others:
        total = total.merge(other)
    return total


def _among(one: ClassStatistics, names: tuple[Any, ...]) -> ClassStatistics:
    """Return statistics of more classes, without samples in those."""
    place = np.searchsorted(np.array(names), np.array(one.names))
    counts, means = np.zeros(len(names), np.int64), np.zeros((len(names), one.means.shape[1]))
    traces = np.zeros(len(names))
    counts[place], means[place], traces[place] = one.counts, one.means, one.within_traces
    return ClassStatistics(names, counts, means, traces, one.within)
