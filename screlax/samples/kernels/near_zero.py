"""Losses near their floor, without the cancellation of log Z against the mean of the positives.

With k positives of mean similarity m_i an anchor's loss is

    ℓ_i = log k + log(1 + y_i)
    y_i = (1/k) [ Σ_negatives e^{s_il − m_i} + Σ_positives f(s_ij − m_i) ]

with s = ⟨h_i, h_l⟩/τ and f(d) = e^d − 1 − d ≥ 0, since Σ (s_ij − m_i) = 0. Every term is
nonnegative, so that the height ℓ_i − log k keeps its digits however small it is: its relative
error is that of the exponents, some rounding units of the largest |s|.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...types import Vector
from ..positives import Positives
from ..rows import Rows
from ..workers import Workers
from .contrast import Contrast, Exclude

NEAR = 0.5
"""Heights below this are computed here: above, subtraction loses no more than two bits."""

_BLOCK = 256
"""Rows at a time."""


def correct_near_zero(losses: Vector, contrast: Contrast, positives: Positives, jobs: int) -> None:
    """Recompute, in place, the losses near zero: only a single positive allows them."""
    near = np.flatnonzero((losses < NEAR) & positives.single & (contrast.weights > 0))
    if len(near) == 0:
        return
    temperature, size = contrast.temperature, contrast.size
    means = positives.similarities() / temperature
    for item in np.unique(near // size):
        chosen = near[near // size == item]
        span = slice(item * size, (item + 1) * size)
        excess = sum_negatives(
            contrast.rows, positives.exclude, chosen, span, means[chosen], temperature, jobs
        )
        losses[chosen] = np.log1p(excess)


def sum_negatives(
    rows: Rows,
    exclude: Exclude,
    chosen: NDArray[np.intp],
    span: slice,
    means: Vector,
    temperature: float,
    jobs: int,
) -> Vector:
    """Return Σ_l e^{⟨h_i, h_l⟩/τ − m_i} of some rows i, over the negatives l within a span."""
    sums = np.zeros(len(chosen))

    def add(few: slice, worker: int) -> None:
        picked = chosen[few]
        left = rows.picked(picked) / temperature
        for part in rows.blocks(span):
            entries = left @ rows.plain(part, left.dtype).T
            entries -= means[few, None]
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
