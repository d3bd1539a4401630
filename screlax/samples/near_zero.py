"""Losses near their floor, without the cancellation of log Z against the mean of the positives.

With k positives of mean similarity m_i an anchor's loss is

    ℓ_i = log k + log(1 + y_i)
    y_i = (1/k) [ Σ_negatives e^{s_il − m_i} + Σ_positives f(s_ij − m_i) ]

with s = ⟨h_i, h_l⟩/τ and f(d) = e^d − 1 − d ≥ 0, since Σ (s_ij − m_i) = 0. Every term is
nonnegative, so that the height ℓ_i − log k keeps its digits however small it is: its relative
error is that of the exponents, some rounding units of the largest |s|.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layout import arrange
from .positives import ClassPositives, Positives, Vector
from .problem import Exclude
from .rows import Rows
from .workers import Workers, thread_count

NEAR = 0.5
"""Heights below this are computed here: above, subtraction loses no more than two bits."""

_BLOCK = 256
"""Rows at a time."""

_SERIES = 0.5
"""Below this e^d − 1 − d is summed by its series, above it subtracts."""


def correct_near_zero(
    losses: Vector,
    weights: Vector,
    rows: Rows,
    positives: Positives,
    size: int,
    temperature: float,
    jobs: int,
) -> None:
    """Recompute, in place, the losses near zero: only a single positive allows them.

    Parameters
    ----------
    losses, weights : ndarray, shape (rows,)
        ℓ_i and w_i; rows of weight zero are left as they are.
    rows : Rows
    positives : Positives
    size : int
        Rows of an item.
    temperature : float
    jobs : int
        Number of threads.
    """
    near = np.flatnonzero((losses < NEAR) & positives.single & (weights > 0))
    if len(near) == 0:
        return
    means = positives.similarities()
    for item in np.unique(near // size):
        chosen = near[near // size == item]
        span = slice(item * size, (item + 1) * size)
        excess = sum_negatives(
            rows, positives.exclude, chosen, span, means[chosen], temperature, jobs
        )
        losses[chosen] = np.log1p(excess)


def heights_of_samples(
    embeddings: NDArray[np.float64],
    codes: NDArray[np.int64],
    losses: Vector,
    temperature: float,
) -> tuple[Vector, float]:
    """Return ℓ_i − log(n_c − 1) of every sample, zero where it is no anchor, and the spread.

    The spread is the part of their sum near zero that is due to differences within classes. Those
    are rounded in the embeddings themselves; where it is zero the heights are right to rounding
    units.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
    codes : ndarray of int, shape (n,)
        Class numbers.
    losses : ndarray, shape (n,)
        ℓ_i as `supcon_loss` has them: right where they are far above log(n_c − 1).
    temperature : float
    """
    rows = Rows(embeddings, False, arrange(embeddings, None).locate)
    positives = ClassPositives(rows, codes, int(codes.max()) + 1, len(rows))
    anchored = positives.counts > 0
    counts = np.where(anchored, positives.counts, 1.0)
    heights = np.where(anchored, losses - np.log(counts), 0.0)
    near = np.flatnonzero(anchored & (heights < NEAR))
    spread = 0.0
    if len(near):
        span, means = slice(0, len(rows)), positives.similarities()
        jobs = thread_count(None, len(near) * embeddings.size)
        excess = sum_negatives(rows, positives.exclude, near, span, means[near], temperature, jobs)
        within = _spreads(embeddings, codes, near, temperature)
        heights[near] = np.log1p((excess + within) / counts[near])
        spread = float((within / counts[near]).sum())
    return heights, spread


def sum_negatives(
    rows: Rows,
    exclude: Exclude,
    chosen: NDArray[np.intp],
    span: slice,
    means: Vector,
    temperature: float,
    jobs: int,
) -> Vector:
    """Return Σ_l e^{(⟨h_i, h_l⟩ − m_i)/τ} over the negatives l within a span, of some rows.

    Parameters
    ----------
    rows : Rows
    exclude : callable
        Zeroes the positives of a tile.
    chosen : ndarray of int, shape (c,)
        Numbers of the rows i.
    span : slice
        The rows l: those of the same item.
    means : ndarray, shape (c,)
        Mean similarity m_i of the positives.
    temperature : float
    jobs : int
        Number of threads.
    """
    sums = np.zeros(len(chosen))

    def add(few: slice, worker: int) -> None:
        picked = chosen[few]
        left = rows.picked(picked) / temperature
        shift = means[few, None] / temperature
        for part in rows.blocks(span):
            entries = left @ rows.plain(part, left.dtype).T
            entries -= shift
            with np.errstate(over="ignore"):  # positives, which are left out
                np.exp(entries, out=entries)
            exclude(entries, picked, part)
            inside = np.flatnonzero((picked >= part.start) & (picked < part.stop))
            entries[inside, picked[inside] - part.start] = 0.0
            sums[few] += entries.sum(axis=1)

    blocks = [slice(first, first + _BLOCK) for first in range(0, len(chosen), _BLOCK)]
    with Workers[slice](min(jobs, len(blocks))) as workers:
        workers.run(add, blocks)
    return sums


def _spreads(
    embeddings: NDArray[np.float64],
    codes: NDArray[np.int64],
    chosen: NDArray[np.intp],
    temperature: float,
) -> Vector:
    """Return Σ_j f((⟨h_i, h_j⟩ − m_i)/τ) over the positives of some rows.

    By differences from one row of the class: a class that has collapsed gives zero exactly.
    """
    sums = np.zeros(len(chosen))
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(int(codes.max()) + 2))
    for code in np.unique(codes[chosen]):
        members = order[starts[code] : starts[code + 1]]
        if len(members) == 2:  # one positive is its own mean
            continue
        apart = embeddings[members] - embeddings[members[0]]
        wanted = np.flatnonzero(codes[chosen] == code)
        for first in range(0, len(wanted), _BLOCK):
            few = wanted[first : first + _BLOCK]
            sums[few] = _spread(embeddings[chosen[few]] / temperature, apart, chosen[few], members)
    return sums


def _spread(
    left: NDArray[np.float64],
    apart: NDArray[np.float64],
    chosen: NDArray[np.intp],
    members: NDArray[np.intp],
) -> Vector:
    """Return Σ_j f(d_ij) over the members of a class other than i itself."""
    itself = np.searchsorted(members, chosen)
    every = np.arange(len(chosen))
    entries = left @ apart.T
    entries[every, itself] = 0.0
    entries -= entries.sum(axis=1, keepdims=True) / (len(members) - 1)
    entries[every, itself] = 0.0
    return np.asarray(exponential_remainder(entries).sum(axis=1))


def exponential_remainder(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return f(d) = e^d − 1 − d, to a few rounding units also where d is small."""
    with np.errstate(over="ignore"):
        far = np.expm1(values) - values
    small = np.clip(values, -_SERIES, _SERIES)
    tail: Any = np.ones_like(small)
    for power in range(16, 2, -1):
        tail = 1.0 + tail * small / power
    return np.where(np.abs(values) < _SERIES, small * small / 2 * tail, far)
