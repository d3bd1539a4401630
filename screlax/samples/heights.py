"""Heights of losses above log(n_c − 1): what is left of a loss near its floor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
    within, anchors = np.zeros(len(codes)), np.flatnonzero(np.bincount(codes)[codes] > 1)
    if len(anchors) == 0:
        return within, 0.0
    within[anchors] = _spreads(embeddings, codes, anchors, temperature)
    options: dict[str, Any] = {"temperature": temperature, "reduction": "none"}
    return heights_by(partial(supcon_loss, embeddings, codes, **options), codes, within)


def heights_by(
    loss: Callable[..., Any], codes: NDArray[np.int64], within: Vector
) -> tuple[Vector, float]:
    """Return heights and spread from losses of every sample, and Σ_j f(d_ij) `within` classes.

    `loss` takes ``negatives_only=True`` for the one without positives in the denominator.
    """
    counts = np.bincount(codes)[codes] - 1.0
    anchors, safe, excess = counts > 0, np.maximum(counts, 1.0), within.copy()
    with np.errstate(over="ignore"):  # what overflows is taken as the difference that it then is
        if (codes != codes[0]).any():
            excess += np.exp(loss(negatives_only=True))
    heights = np.where(anchors, np.log1p(excess / safe), 0.0)
    far = anchors & ~np.isfinite(excess)
    if far.any():
        heights[far] = np.asarray(loss())[far] - np.log(counts[far])
    near = anchors & (heights < NEAR)
    return heights, float((within / safe)[near].sum())


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
