"""Heights of losses above log(n_c − 1): what is left of a loss near its floor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gram.rounding import exponential_remainder
from ..types import Matrix, Vector
from .kernels.near_zero import NEAR
from .supcon import supcon_loss
from .workers import Workers, thread_count

_BLOCK = 256
"""Rows at a time."""


def heights_of_samples(
    embeddings: Matrix, codes: NDArray[np.int64], temperature: float
) -> tuple[Vector, float]:
    """Return ℓ_i − log(n_c − 1) of every sample, zero where it is no anchor, and the spread.

    By the formula of `kernels.near_zero` for all rows: one pass over the pairs, by the loss that
    leaves positives out of the denominator, and one over the pairs within classes. The spread is
    the part of the sum near zero that is due to differences within classes. Those are rounded in
    the embeddings themselves; where it is zero the heights are right to rounding units.
    """
    counts = np.bincount(codes)[codes] - 1.0
    options: dict[str, Any] = {"temperature": temperature, "reduction": "none"}
    heights, anchors = np.zeros(len(codes)), np.flatnonzero(counts > 0)
    if len(anchors) == 0:
        return heights, 0.0
    count, within = counts[anchors], _spreads(embeddings, codes, anchors, temperature)
    excess = within.copy()
    with np.errstate(over="ignore"):  # what overflows is taken as the difference that it then is
        if (codes != codes[0]).any():
            apart = np.asarray(supcon_loss(embeddings, codes, negatives_only=True, **options))
            excess += np.exp(apart[anchors])
        excess /= count
    heights[anchors] = np.log1p(excess)
    far = anchors[~np.isfinite(excess)]
    if len(far):
        losses = np.asarray(supcon_loss(embeddings, codes, **options))
        heights[far] = losses[far] - np.log(counts[far])
    near = heights[anchors] < NEAR
    return heights, float((within / count)[near].sum())


def _spreads(
    embeddings: Matrix,
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

    def add(code: int, worker: int) -> None:
        members = order[starts[code] : starts[code + 1]]
        if len(members) == 2:  # one positive is its own mean
            return
        apart = embeddings[members] - embeddings[members[0]]
        wanted = np.flatnonzero(codes[chosen] == code)
        for first in range(0, len(wanted), _BLOCK):
            few = wanted[first : first + _BLOCK]
            sums[few] = _spread(embeddings[chosen[few]] / temperature, apart, chosen[few], members)

    jobs = thread_count(None, float(np.bincount(codes[chosen]).max() * embeddings.size))
    with Workers[int](jobs) as workers:
        workers.run(add, np.unique(codes[chosen]).tolist())
    return sums


def _spread(
    left: Matrix,
    apart: Matrix,
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
