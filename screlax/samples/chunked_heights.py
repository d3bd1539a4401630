"""Heights of losses above log(n_c − 1) of embeddings in chunks, as `heights` gets them in memory.

ℓ_i − log(n_c − 1) = log(1 + (e^a_i + Σ_j f(d_ij))/(n_c − 1)), a_i the loss that leaves positives
out of the denominator, f(d) = e^d − 1 − d, and d_ij = (⟨h_i, h_j⟩ − m_i)/τ over the positives of i,
m_i their mean. Differences are those from one row of the class, so that a class that has collapsed
gives zero exactly; its mean difference comes from class sums.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gram.rounding import exponential_remainder
from ..types import Matrix, Vector
from .chunk_tasks import Block, ClassSums, add_class_sums, rows_of
from .chunked import supcon_loss_chunked
from .chunked_problem import cut, dask_module, tree
from .heights import heights_by
from .sources import Source
from .workers import Workers

_ROWS = 256
"""Rows at a time."""


def heights_in_chunks(
    source: Source, codes: NDArray[np.int64], temperature: float
) -> tuple[Vector, float]:
    """Return height of every sample, zero where it is no anchor, and the spread; see `heights`."""
    within = _spreads(source, codes, temperature)
    options: dict[str, Any] = {"temperature": temperature, "reduction": "none"}
    return heights_by(partial(supcon_loss_chunked, source, codes, **options), codes, within)


def _spreads(source: Source, codes: NDArray[np.int64], temperature: float) -> Vector:
    """Return Σ_j f(d_ij) of every row: a row of each class, then sums of differences, then pairs.

    Classes of two have none: one positive is its own mean.
    """
    dask, found = dask_module(), np.zeros(len(codes))
    first, total, spread, add = (
        dask.delayed(one, pure=False) for one in (_first_rows, _differences, _spread, _earliest)
    )
    blocks: list[Block] = [
        (part.start, source.block(part), codes[part]) for part in cut(source, None)
    ]
    counts = np.bincount(codes)
    with Workers[int](1):
        rows = dask.compute(tree(add, [first(block) for block in blocks]))[0]
        known = dask.delayed(rows, pure=False, traverse=False)
        join = dask.delayed(add_class_sums, pure=False)
        sums = dask.compute(tree(join, [total(block, known) for block in blocks]))[0]
        sums = dask.delayed(sums, pure=False, traverse=False)
        for mine in blocks:
            if (counts[mine[2]] > 2).any():
                shares = [spread(mine, one, known, sums, counts, temperature) for one in blocks]
                found[mine[0] : mine[0] + len(mine[2])] = sum(dask.compute(*shares))
    return found


def _first_rows(block: Block) -> ClassSums:
    """Return the first row of every class of a block."""
    present, place = np.unique(block[2], return_index=True)
    return present, rows_of(block[1])[place].astype(np.float64)


def _earliest(several: list[ClassSums]) -> ClassSums:
    """Return the first row of every class of several blocks, which are in order."""
    classes = np.concatenate([present for present, _ in several])
    present, place = np.unique(classes, return_index=True)
    return present, np.concatenate([rows for _, rows in several])[place]


def _apart(block: Block, known: ClassSums) -> Matrix:
    """Return the differences of rows from the one of their class."""
    return np.asarray(rows_of(block[1]) - known[1][np.searchsorted(known[0], block[2])])


def _differences(block: Block, known: ClassSums) -> ClassSums:
    """Return the sum of the differences of every class of a block."""
    present, local = np.unique(block[2], return_inverse=True)
    sums = np.zeros((len(present), known[1].shape[1]))
    np.add.at(sums, local, _apart(block, known))
    return present, sums


def _spread(
    mine: Block,
    other: Block,
    known: ClassSums,
    sums: ClassSums,
    counts: NDArray[np.int64],
    temperature: float,
) -> Vector:
    """Return what the other block adds to Σ_j f(d_ij) of my rows."""
    found, left, right = np.zeros(len(mine[2])), rows_of(mine[1]), _apart(other, known)
    own = right if other[0] == mine[0] else _apart(mine, known)
    with Workers[int](1):
        for code in np.intersect1d(mine[2], other[2]):
            if counts[code] <= 2:
                continue
            members, theirs = np.flatnonzero(mine[2] == code), np.flatnonzero(other[2] == code)
            whole = sums[1][np.searchsorted(sums[0], code)]
            for start in range(0, len(members), _ROWS):
                few = members[start : start + _ROWS]
                rows = left[few] / temperature
                mean = np.einsum("ij,ij->i", rows, whole - own[few]) / (counts[code] - 1)
                entries = rows @ right[theirs].T - mean[:, None]
                if other[0] == mine[0]:
                    entries[np.arange(len(few)), np.searchsorted(theirs, few)] = 0.0
                found[few] = exponential_remainder(entries).sum(axis=1)
    return found
