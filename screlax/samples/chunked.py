"""The loss of embeddings that live in chunks, on one machine or many, as Dask tasks.

Three passes over blocks of rows, none of which is ever held but for the two a task works on:

1. squared norms and class sums S_c, the latter added up by a tree;
2. the mean of the positives of each row, (⟨h_i, S_c⟩ − ‖h_i‖²)/(n_c − 1);
3. every unordered pair of blocks: the logarithm of each row's share of Z, merged by a
   log-sum-exp. Pairs go out in waves, so that at most a few shares per row exist at a time.

What has one number for each row (labels, weights, log Z) is held by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import whole_number
from ..errors import InvalidInputError
from ..io.arrays import as_floats
from ..types import Vector
from .chunk_tasks import (
    Block,
    PairKernel,
    add_class_sums,
    merge_shares,
    similarities,
    survey_block,
)
from .kernels.contrast import precision
from .kernels.near_zero import NEAR
from .kernels.tiling import tournament
from .layout import Codes, encode
from .options import Options, row_weights, weights_of_classes
from .sources import Source, open_source
from .workers import Workers

_BLOCK_BYTES = 16_000_000
"""Bytes of a block in double precision: a pair of them is some seconds of work."""

_SMALLEST_BLOCK = 1024

_WAVE = 8
"""Rounds of disjoint pairs that go out together; each leaves one number for every row."""

_FAN_IN = 8
"""Class sums added up by one task."""


def supcon_loss_chunked(
    embeddings: Any,
    labels: Any,
    *,
    temperature: float = 0.1,
    base_temperature: float | None = None,
    reduction: str = "mean",
    mean_over: str = "anchors",
    normalize: bool = False,
    negatives_only: bool = False,
    class_weights: Any = None,
    block_rows: int | None = None,
) -> float | NDArray[np.float64]:
    """Return the supervised contrastive loss of embeddings that need not fit in memory.

    The same numbers as `supcon_loss`, up to rounding, by tasks of Dask's active scheduler: threads
    by default, a cluster where there is a `distributed.Client`. A worker holds two blocks of rows
    per thread; every block is read once for each of the others. Time grows with n².

    Parameters
    ----------
    embeddings : dask array, zarr array, or list of .npy files, shape (n, d)
        Files and stores are read by the tasks, so all workers must see them. Chunks of a dask array
        that describe how to read them are read by the tasks as well; those in memory are sent.
    labels : array-like, dask or zarr array, or list of .npy files, shape (n,)
        Class of each sample; loaded as a whole.
    temperature, base_temperature, reduction, mean_over, normalize, negatives_only, class_weights
        As for `supcon_loss`.
    block_rows : int, optional
        Rows of a block; by default whole chunks up to about 16 MB in double precision.

    Returns
    -------
    float or ndarray of float64
        A number, or with reduction "none" shape (n,).

    Raises
    ------
    InvalidInputError
        If any input does not fit, or dask is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> rng = np.random.default_rng(0)
    >>> for part in range(2):
    ...     np.save(f"embeddings{part}.npy", rng.standard_normal((6, 4)))
    >>> files, labels = ["embeddings0.npy", "embeddings1.npy"], [0, 1, 2] * 4
    >>> loss = screlax.supcon_loss_chunked(files, labels, temperature=0.5)
    >>> whole = np.concatenate([np.load(file) for file in files])
    >>> bool(np.isclose(loss, screlax.supcon_loss(whole, labels, temperature=0.5)))
    True
    """
    options = Options(
        temperature=temperature,
        base_temperature=base_temperature,
        reduction=reduction,
        mean_over=mean_over,
        normalize=normalize,
    )
    dask = _dask()
    source = open_source(embeddings)
    codes = encode(_loaded(labels), ((source.shape[0],),), names=class_weights is not None)
    problem = _Problem(source, codes, options, negatives_only, _cut(source, block_rows), dask)
    weights = problem.weights(class_weights)
    # local schedulers share this process's BLAS, workers of a cluster limit their own
    with Workers[int](1):
        means, largest = problem.similarities()
        kernel = problem.kernel(largest)
        losses = problem.log_normalizers(kernel) - means / options.temperature
        losses[weights == 0] = 0.0
        problem.correct_near_zero(losses, weights, means, kernel)
    losses *= weights
    return losses if reduction == "none" else float(losses.sum())


@dataclass(frozen=True, eq=False)
class _Problem:
    """Checked input, cut into blocks, and the passes over them."""

    source: Source
    codes: Codes
    options: Options
    negatives_only: bool
    parts: list[slice]
    dask: Any

    @property
    def counts(self) -> Vector:
        """Number of positives of each row."""
        codes = self.codes.codes
        return np.asarray(np.bincount(codes, minlength=self.codes.classes)[codes] - 1.0)

    def weights(self, class_weights: Any) -> Vector:
        """Return w_i, so that the reduced loss is Σ_i w_i ℓ_i."""
        weights, counted = np.ones(self.source.shape[0]), self.counts > 0
        if class_weights is not None:
            weights = weights_of_classes(self.codes, class_weights)[self.codes.codes]
        if self.negatives_only:
            counted &= self.counts < len(counted) - 1
        return row_weights(self.options, counted, weights)

    def similarities(self) -> tuple[Vector, float]:
        """Return ⟨h_i, m_i⟩ of every row, m_i the mean of its positives, and the largest ‖h_i‖²."""
        survey, measure = self._task(survey_block, 2), self._task(similarities)
        normalize, counts = self.options.normalize, self.counts
        blocks = [self._block(part) for part in self.parts]
        surveys = [survey(block, normalize) for block in blocks]
        sums = self._tree([found for _, found in surveys])
        measured = [
            measure(block, sums, counts[part], normalize)
            for block, part in zip(blocks, self.parts, strict=True)
        ]
        tops, values = self.dask.compute([top for top, _ in surveys], measured)
        return np.concatenate(values), float(max(tops))

    def kernel(self, largest_product: float) -> PairKernel:
        """Return what is done to pairs of blocks, for inner products of a size."""
        rows, options = self.source.shape[0], self.options
        given = as_floats(np.empty(0, self.source.dtype)).dtype
        dtype = precision(given, largest_product, options.temperature, rows**2)
        return PairKernel(options.temperature, options.normalize, dtype, self.negatives_only)

    def log_normalizers(self, kernel: PairKernel) -> Vector:
        """Return log Z of every row, −∞ where its sum is empty."""
        logs = np.full(self.source.shape[0], -np.inf)
        for pairs in self._waves():
            shares = self._shares(pairs, kernel)
            for part, share in zip(self.parts, self.dask.compute(*shares), strict=True):
                logs[part] = np.logaddexp(logs[part], share)
        return logs

    def correct_near_zero(
        self, losses: Vector, weights: Vector, means: Vector, kernel: PairKernel
    ) -> None:
        """Recompute, in place, losses near zero, as `screlax.samples.kernels.near_zero` does."""
        if kernel.negatives_only or kernel.dtype != np.float64:
            return
        near = np.flatnonzero((losses < NEAR) & (self.counts == 1) & (weights > 0))
        excess = self._task(kernel.excess)
        blocks = [self._block(part) for part in self.parts]
        for block, part in zip(blocks, self.parts, strict=True):
            mine = near[(near >= part.start) & (near < part.stop)]
            if len(mine):
                shares = [excess(block, other, mine - part.start, means[mine]) for other in blocks]
                losses[mine] = np.log1p(sum(self.dask.compute(*shares)))

    def _task(self, function: Callable[..., Any], results: int | None = None) -> Any:
        """Return the function as a task that Dask never takes for another."""
        return self.dask.delayed(function, pure=False, nout=results)

    def _block(self, part: slice) -> Block:
        return part.start, self.source.block(part), self.codes.codes[part]

    def _tree(self, sums: list[Any]) -> Any:
        """Add up class sums, a few at a time."""
        add = self._task(add_class_sums)
        while len(sums) > 1:
            sums = [add(sums[first : first + _FAN_IN]) for first in range(0, len(sums), _FAN_IN)]
        return sums[0]

    def _waves(self) -> Iterator[list[tuple[int, int]]]:
        """Deal out all pairs of blocks, some rounds of disjoint pairs at a time."""
        count = len(self.parts)
        everything = [[(block, block) for block in range(count)], *tournament(count)]
        for first in range(0, len(everything), _WAVE):
            yield [pair for pairs in everything[first : first + _WAVE] for pair in pairs]

    def _shares(self, pairs: list[tuple[int, int]], kernel: PairKernel) -> list[Any]:
        """Return a task for each block that merges what it gets from these pairs."""
        log_sums, merge = self._task(kernel.log_sums, 2), self._task(merge_shares)
        received: list[list[Any]] = [[] for _ in self.parts]
        for first, second in pairs:
            mine, theirs = log_sums(self._block(self.parts[first]), self._block(self.parts[second]))
            received[first].append(mine)
            if first != second:
                received[second].append(theirs)
        return [
            merge(shares, part.stop - part.start)
            for shares, part in zip(received, self.parts, strict=True)
        ]


def _loaded(labels: Any) -> Any:
    """Return labels as an array in memory, or as they are where they are in memory."""
    is_files = isinstance(labels, list | tuple) and str(labels[:1]).find(".npy") >= 0
    if is_files:
        return np.concatenate([np.load(path, allow_pickle=False) for path in labels])
    if hasattr(labels, "__dask_graph__"):
        return labels.compute()
    return labels[:] if hasattr(labels, "chunks") else labels


def _cut(source: Source, wanted: int | None) -> list[slice]:
    """Cut the rows into blocks: whole chunks, or equal parts of one."""
    rows, features = source.shape
    if wanted is None:
        target = max(_SMALLEST_BLOCK, _BLOCK_BYTES // (8 * features))
        chunk = source.chunk_rows
        wanted = target // chunk * chunk if chunk <= target else -(-chunk // -(-chunk // target))
    wanted = whole_number(wanted, "block_rows")
    return [slice(first, min(first + wanted, rows)) for first in range(0, rows, wanted)]


def _dask() -> Any:
    try:
        import dask
    except ImportError:
        raise InvalidInputError(
            "supcon_loss_chunked needs dask, which the extra installs: pip install 'screlax[dask]'"
        ) from None
    return dask
