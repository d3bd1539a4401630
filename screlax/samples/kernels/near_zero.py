"""Losses near their floor, without the cancellation of log Z against the mean of the positives.

With k positives of mean similarity m_i and weight o in the denominator, k o = 1, a loss is

    ℓ_i = log(1 + y_i)
    y_i = Σ_negatives w_il e^{s_il − m_i} + o Σ_positives f(s_ij − m_i)

with s = ⟨h_i, h_l⟩/τ and f(d) = e^d − 1 − d ≥ 0, since Σ (s_ij − m_i) = 0. Every term is
nonnegative, so that the loss keeps its digits however small it is: its relative error is that of
the exponents, some rounding units of the largest |s|. For SupCon k = 1, for class-averaged
denominators any k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...gram.rounding import exponential_remainder
from ...types import Matrix, Vector
from ..denominator import Denominator, Within
from ..rows import Rows
from ..workers import Workers
from .contrast import Contrast

NEAR = 0.5
"""Heights below this are computed here: above, subtraction loses no more than two bits."""

_BLOCK = 256
"""Rows at a time."""


@dataclass(frozen=True, eq=False)
class Floor:
    """The rows whose losses can come near zero, and what their positives are.

    Attributes
    ----------
    rows : ndarray of bool, shape (rows,)
        Those whose positives weigh one together.
    exclude : callable
        Zeroes the entries of a tile that are positives or the diagonal.
    own : ndarray, shape (rows,), or None
        o, the weight of each positive; None where each of these rows has a single one.
    """

    rows: NDArray[np.bool_]
    exclude: Within
    own: Vector | None = None


def correct_near_zero(
    losses: Vector, contrast: Contrast, floor: Floor, similarities: Vector, jobs: int
) -> None:
    """Recompute, in place, the losses near zero; similarities are ⟨h_i, m_i⟩."""
    near = np.flatnonzero((losses < NEAR) & floor.rows & (contrast.weights > 0))
    if len(near) == 0:
        return
    size, denominator = contrast.size, contrast.denominator
    first = denominator.keys_from or 0
    for item in np.unique(near // size):
        chosen = near[near // size == item]
        span = slice(item * size + first, (item + 1) * size)
        means = similarities[chosen] / contrast.temperature
        excess = excess_over_floor(
            contrast.rows, denominator, floor, chosen, span, means, contrast.temperature, jobs
        )
        losses[chosen] = np.log1p(excess)


def excess_over_floor(
    rows: Rows,
    denominator: Denominator,
    floor: Floor,
    chosen: NDArray[np.intp],
    span: slice,
    means: Vector,
    temperature: float,
    jobs: int,
) -> Vector:
    """Return y_i of some rows i, over the rows l within a span."""

    def of_negatives(entries: Matrix, picked: NDArray[np.intp], part: slice) -> Vector:
        with np.errstate(over="ignore"):  # positives, which are left out
            np.exp(entries, out=entries)
        floor.exclude(entries, picked, part)
        _zero_diagonal(entries, picked, part)
        columns = denominator.columns
        return np.asarray(entries.sum(axis=1) if columns is None else entries @ columns[part])

    def of_positives(entries: Matrix, picked: NDArray[np.intp], part: slice) -> Vector:
        negative = np.ones(entries.shape)
        floor.exclude(negative, picked, part)
        entries[negative > 0] = 0.0
        _zero_diagonal(entries, picked, part)
        return np.asarray(exponential_remainder(entries).sum(axis=1))

    excess = _sum_blocks(rows, chosen, span, means, temperature, jobs, of_negatives)
    excess *= np.exp(denominator.log_scale)
    if floor.own is not None:
        spread = _sum_blocks(rows, chosen, span, means, temperature, jobs, of_positives)
        excess += floor.own[chosen] * spread
    return excess


def _sum_blocks(
    rows: Rows,
    chosen: NDArray[np.intp],
    span: slice,
    means: Vector,
    temperature: float,
    jobs: int,
    of_block: Callable[[Matrix, NDArray[np.intp], slice], Vector],
) -> Vector:
    """Add up what a function makes of ⟨h_i, h_l⟩/τ − m_i, block by block."""
    sums = np.zeros(len(chosen))

    def add(few: slice, worker: int) -> None:
        picked = chosen[few]
        left = rows.picked(picked) / temperature
        for part in rows.blocks(span):
            entries = left @ rows.plain(part, left.dtype).T
            entries -= means[few, None]
            sums[few] += of_block(entries, picked, part)

    blocks = [slice(first, first + _BLOCK) for first in range(0, len(chosen), _BLOCK)]
    with Workers[slice](min(jobs, len(blocks))) as workers:
        workers.run(add, blocks)
    return sums


def _zero_diagonal(entries: Matrix, picked: NDArray[np.intp], part: slice) -> None:
    inside = np.flatnonzero((picked >= part.start) & (picked < part.stop))
    entries[inside, picked[inside] - part.start] = 0.0
