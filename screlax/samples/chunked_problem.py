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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks import whole_number
from ..errors import InvalidInputError
from ..io.arrays import as_floats
from ..types import Vector
from .census import Census
from .chunk_tasks import (
    Block,
    PairKernel,
    add_class_sums,
    draws,
    merge_shares,
    similarities,
    survey_block,
    target_similarities,
)
from .kernels.contrast import precision
from .kernels.near_zero import NEAR
from .kernels.tiling import tournament
from .options import Options, row_weights
from .sources import Source
from .workers import Workers

_BLOCK_BYTES = 16_000_000
"""Bytes of a block in double precision: a pair of them is some seconds of work."""

_SMALLEST_BLOCK = 1024

_WAVE = 8
"""Rounds of disjoint pairs that go out together; each leaves one number for every row."""

_FAN_IN = 8
"""Results that one task merges."""


class Evaluated(NamedTuple):
    """w_i ℓ_i, the weights w_i, log Z_i without the scale of denominators, and the kernel."""

    losses: Vector
    weights: Vector
    logs: Vector
    kernel: PairKernel


@dataclass(frozen=True, eq=False)
class ChunkedProblem:
    """Checked input, cut into blocks, and the passes over them."""

    source: Source
    codes: NDArray[np.int64]
    census: Census
    class_weights: Vector | None
    options: Options
    parts: list[slice]
    dask: Any

    def solve(self) -> float | NDArray[np.float64]:
        """Return the loss, or that of each sample."""
        losses = self.evaluate().losses
        return losses if self.options.reduction == "none" else float(losses.sum())

    def evaluate(self) -> Evaluated:
        """Return the weighted loss of each sample, and what the gradient needs of it."""
        weights, tau = self.weights(), self.options.temperature
        # local schedulers share this process's BLAS, workers of a cluster limit their own
        with Workers[int](1):
            means, largest = self.similarities()
            kernel = self.kernel(largest)
            logs = self.log_normalizers(kernel)
            losses = logs + kernel.denominators.log_scale - means / tau
            losses[weights == 0] = 0.0
            self.correct_near_zero(losses, weights, means, kernel)
        return Evaluated(losses * weights, weights, logs, kernel)

    @property
    def counts(self) -> Vector:
        """Number of positives of each row."""
        return np.asarray(self.census.positives[self.codes])

    def weights(self) -> Vector:
        """Return w_i, so that the reduced loss is Σ_i w_i ℓ_i."""
        weights = self.census.weights
        if self.class_weights is not None:
            weights = weights * self.class_weights
        counted = self.census.has_targets & self.census.has_terms
        return row_weights(self.options, counted[self.codes], weights[self.codes])

    def similarities(self) -> tuple[Vector, float]:
        """Return Σ_j T_ij ⟨h_i, h_j⟩ of every row, and the largest ‖h_i‖²."""
        survey, normalize = self.task(survey_block, 2), self.options.normalize
        blocks = [self.block(part) for part in self.parts]
        surveys = [survey(block, normalize) for block in blocks]
        sums = self.tree([found for _, found in surveys])
        measured = self._measured(blocks, sums)
        tops, values = self.dask.compute([top for top, _ in surveys], measured)
        return np.concatenate(values), float(max(tops))

    def _measured(self, blocks: list[Block], sums: Any) -> list[Any]:
        """Return a task for each block that measures its rows against its targets."""
        normalize, counts = self.options.normalize, self.counts
        if self.census.terms.targets is None:
            measure = self.task(similarities)
            each = zip(blocks, self.parts, strict=True)
            return [measure(block, sums, counts[part], normalize) for block, part in each]
        mixing, measure = self.census.mixing, self.task(target_similarities)
        drawn, diagonal = self.task(draws)(sums, mixing), mixing.diagonal()
        return [measure(block, drawn, diagonal, normalize) for block in blocks]

    def kernel(self, largest_product: float) -> PairKernel:
        """Return what is done to pairs of blocks, for inner products of a size."""
        rows, options, weights = self.source.shape[0], self.options, self.census.denominators
        given = as_floats(np.empty(0, self.source.dtype)).dtype
        largest_product += weights.spread * options.temperature
        dtype = precision(given, largest_product, options.temperature, rows**2)
        normalize, own = options.normalize, self.census.own
        return PairKernel(options.temperature, normalize, dtype, weights, own)

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
        if kernel.dtype != np.float64:
            return
        at_floor = self.census.at_floor[self.codes]
        near = np.flatnonzero((losses < NEAR) & at_floor & (weights > 0))
        excess = self.task(kernel.excess)
        blocks = [self.block(part) for part in self.parts]
        for block, part in zip(blocks, self.parts, strict=True):
            mine = near[(near >= part.start) & (near < part.stop)]
            if len(mine):
                shares = [excess(block, other, mine - part.start, means[mine]) for other in blocks]
                losses[mine] = np.log1p(sum(self.dask.compute(*shares)))

    def task(self, function: Callable[..., Any], results: int | None = None) -> Any:
        """Return the function as a task that Dask never takes for another."""
        return self.dask.delayed(function, pure=False, nout=results)

    def block(self, part: slice) -> Block:
        """Return what a task takes for some rows."""
        return part.start, self.source.block(part), self.codes[part]

    def tree(self, sums: list[Any]) -> Any:
        """Add up class sums, a few at a time."""
        return tree(self.task(add_class_sums), sums)

    def _waves(self) -> Iterator[list[tuple[int, int]]]:
        """Deal out all pairs of blocks, some rounds of disjoint pairs at a time."""
        count = len(self.parts)
        everything = [[(block, block) for block in range(count)], *tournament(count)]
        for first in range(0, len(everything), _WAVE):
            yield [pair for pairs in everything[first : first + _WAVE] for pair in pairs]

    def _shares(self, pairs: list[tuple[int, int]], kernel: PairKernel) -> list[Any]:
        """Return a task for each block that merges what it gets from these pairs."""
        log_sums, merge = self.task(kernel.log_sums, 2), self.task(merge_shares)
        received: list[list[Any]] = [[] for _ in self.parts]
        for first, second in pairs:
            mine, theirs = log_sums(self.block(self.parts[first]), self.block(self.parts[second]))
            received[first].append(mine)
            if first != second:
                received[second].append(theirs)
        return [
            merge(shares, part.stop - part.start)
            for shares, part in zip(received, self.parts, strict=True)
        ]


def tree(merge: Any, found: list[Any]) -> Any:
    """Return one of many results: a task that takes a list merges a few at a time."""
    while len(found) > 1:
        found = [merge(found[first : first + _FAN_IN]) for first in range(0, len(found), _FAN_IN)]
    return found[0]


def loaded(labels: Any) -> Any:
    """Return labels as an array in memory, or as they are where they are in memory."""
    is_files = isinstance(labels, list | tuple) and str(labels[:1]).find(".npy") >= 0
    if is_files:
        return np.concatenate([np.load(path, allow_pickle=False) for path in labels])
    if hasattr(labels, "__dask_graph__"):
        return labels.compute()
    return labels[:] if hasattr(labels, "chunks") else labels


def cut(source: Source, wanted: int | None) -> list[slice]:
    """Cut the rows into blocks: whole chunks, or equal parts of one."""
    rows, features = source.shape
    if wanted is None:
        target = max(_SMALLEST_BLOCK, _BLOCK_BYTES // (8 * features))
        chunk = source.chunk_rows
        wanted = target // chunk * chunk if chunk <= target else -(-chunk // -(-chunk // target))
    wanted = whole_number(wanted, "block_rows")
    return [slice(first, min(first + wanted, rows)) for first in range(0, rows, wanted)]


def dask_module() -> Any:
    """Return the module, or say what to install."""
    try:
        import dask
    except ImportError:
        raise InvalidInputError(
            "a loss of chunks needs dask, which the extra installs: pip install 'screlax[dask]'"
        ) from None
    return dask
