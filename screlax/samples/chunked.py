"""The loss of embeddings that live in chunks, on one machine or many, as Dask tasks.

Three passes over blocks of rows, none of which is ever held but for the two a task works on:

1. squared norms and class sums S_c, the latter added up by a tree;
2. the mean of the positives of each row, (⟨h_i, S_c⟩ − ‖h_i‖²)/(n_c − 1);
3. every unordered pair of blocks: the logarithm of each row's share of Z, merged by a
   log-sum-exp. Pairs go out in waves, so that at most a few shares per row exist at a time.

What has one number for each row (labels, weights, log Z) is held by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import whole_number
from ..errors import InvalidInputError
from .chunk_tasks import (
    Counts,
    PairKernel,
    add_class_sums,
    merge_shares,
    similarities,
    survey_block,
)
from .evaluate import precision
from .labels import Codes, encode
from .layout import Layout
from .near_zero import NEAR
from .options import Options, check_options
from .positives import Vector
from .row_blocks import Source, open_source
from .tiling import tournament
from .validate import check_embeddings
from .variants import class_weight_of_samples, row_weights
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
    options = check_options(
        temperature=temperature,
        base_temperature=base_temperature,
        reduction=reduction,
        mean_over=mean_over,
        normalize=normalize,
        negatives_only=negatives_only,
        class_weights=class_weights,
        n_jobs=1,
        memory_budget=0,
    )
    dask = _dask()
    source = open_source(embeddings)
    codes = encode(_loaded(labels), ((source.shape[0],),), names=class_weights is not None)
    problem = _Problem(source, codes, options, _cut(source, block_rows), dask)
    weights = problem.weights()
    # local schedulers share this process's BLAS, workers of a cluster limit their own
    with Workers[int](1):
        similarities, largest = problem.similarities()
        kernel = problem.kernel(largest / options.temperature)
        losses = problem.log_normalizers(kernel) - similarities / options.temperature
        losses[weights == 0] = 0.0
        problem.correct_near_zero(losses, weights, similarities, kernel)
    losses *= weights
    return losses if reduction == "none" else float(losses.sum())


@dataclass(frozen=True, eq=False)
class _Problem:
    """Checked input, cut into blocks, and the passes over them."""

    source: Source
    codes: Codes
    options: Options
    parts: list[slice]
    dask: Any

    def weights(self) -> Vector:
        """Return w_i, so that the reduced loss is Σ_i w_i ℓ_i."""
        rows = self.source.shape[0]
        layout = Layout(np.empty((rows, 0)), (rows, 0), 1, rows, rows)
        same = np.bincount(self.codes.codes, minlength=self.codes.classes)[self.codes.codes]
        given = self.options.class_weights
        return self.options.factor * row_weights(
            layout,
            Counts(same - 1.0, rows - same.astype(float)),  # type: ignore[arg-type]
            None if given is None else class_weight_of_samples(self.codes, given),
            reduction=self.options.reduction,
            mean_over=self.options.mean_over,
            negatives_only=self.options.negatives_only,
        )

    def similarities(self) -> tuple[Vector, float]:
        """Return ⟨h_i, m_i⟩ of every row, m_i the mean of its positives, and the largest ‖h_i‖²."""
        survey = self.dask.delayed(survey_block, pure=False, nout=2)
        measure = self.dask.delayed(similarities, pure=False)
        normalize, codes = self.options.normalize, self.codes.codes
        blocks = [self.source.block(part) for part in self.parts]
        surveys = [
            survey(block, codes[part], part.start, normalize)
            for block, part in zip(blocks, self.parts, strict=True)
        ]
        sums = self._tree([found for _, found in surveys])
        counts = np.bincount(codes, minlength=self.codes.classes)
        measured = [
            measure(block, codes[part], sums, counts[codes[part]], part.start, normalize)
            for block, part in zip(blocks, self.parts, strict=True)
        ]
        tops, values = self.dask.compute([top for top, _ in surveys], measured)
        return np.concatenate(values), float(max(tops))

    def _tree(self, sums: list[Any]) -> Any:
        add = self.dask.delayed(add_class_sums, pure=False)
        while len(sums) > 1:
            sums = [add(sums[first : first + _FAN_IN]) for first in range(0, len(sums), _FAN_IN)]
        return sums[0]

    def kernel(self, logit: float) -> PairKernel:
        """Return what is done to pairs of blocks, for logits of a size."""
        rows, options = self.source.shape[0], self.options
        dtype = precision(_float_type(self.source.dtype), logit, options.temperature, rows**2)
        return PairKernel(options.temperature, options.normalize, dtype, options.negatives_only)

    def correct_near_zero(
        self, losses: Vector, weights: Vector, similarities: Vector, kernel: PairKernel
    ) -> None:
        """Recompute, in place, losses near zero, as `screlax.samples.near_zero` does."""
        if kernel.negatives_only or kernel.dtype != np.float64:
            return
        single = np.bincount(self.codes.codes, minlength=self.codes.classes)[self.codes.codes] == 2
        near = np.flatnonzero((losses < NEAR) & single & (weights > 0))
        excess = self.dask.delayed(kernel.excess, pure=False)
        blocks = [
            (part.start, self.source.block(part), self.codes.codes[part]) for part in self.parts
        ]
        for block, part in zip(blocks, self.parts, strict=True):
            mine = near[(near >= part.start) & (near < part.stop)]
            if len(mine):
                given = mine - part.start, similarities[mine]
                shares = [excess(block, other, *given) for other in blocks]
                losses[mine] = np.log1p(sum(self.dask.compute(*shares)))

    def log_normalizers(self, kernel: PairKernel) -> Vector:
        """Return log Z of every row, −∞ where its sum is empty."""
        logs = np.full(self.source.shape[0], -np.inf)
        for pairs in self._waves():
            shares = self._shares(pairs, kernel)
            for part, share in zip(self.parts, self.dask.compute(*shares), strict=True):
                logs[part] = np.logaddexp(logs[part], share)
        return logs

    def _waves(self) -> Iterator[list[tuple[int, int]]]:
        """Deal out all pairs of blocks, some rounds of disjoint pairs at a time."""
        count = len(self.parts)
        everything = [[(block, block) for block in range(count)], *tournament(count)]
        for first in range(0, len(everything), _WAVE):
            yield [pair for pairs in everything[first : first + _WAVE] for pair in pairs]

    def _shares(self, pairs: list[tuple[int, int]], kernel: PairKernel) -> list[Any]:
        """Return a task for each block that merges what it gets from these pairs."""
        log_sums = self.dask.delayed(kernel.log_sums, pure=False, nout=2)
        merge = self.dask.delayed(merge_shares, pure=False)
        received: list[list[Any]] = [[] for _ in self.parts]
        for first, second in pairs:
            mine, theirs = log_sums(self._described(first), self._described(second))
            received[first].append(mine)
            if first != second:
                received[second].append(theirs)
        return [
            merge(shares, part.stop - part.start)
            for shares, part in zip(received, self.parts, strict=True)
        ]

    def _described(self, number: int) -> tuple[int, Any, Any]:
        part = self.parts[number]
        codes = self.codes.codes[part] if self.options.negatives_only else None
        return part.start, self.source.block(part), codes


def _float_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return check_embeddings(np.zeros((1, 1), dtype)).dtype


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
