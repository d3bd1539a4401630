"""Nearest-class-mean agreement, a second pass over the embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..partition import Matrix, Vector
from .blocks import blocks, share, working_type
from .statistics import ClassStatistics

_SCORES = 1 << 20
"""Distances held at a time."""

_CAUTION = 1e-3
"""Share by which the safe radius is reduced: rounding must not decide."""


def nearest_mean_agreement(
    embeddings: NDArray[Any],
    number: NDArray[np.int64],
    statistics: ClassStatistics,
    *,
    normalize: bool = False,
) -> float:
    """Return the share of samples that are nearest to the mean of their own class.

    NC4 of Papyan, Han and Donoho (2020, PNAS 117): argmin_c ‖h_i − μ_c‖ against the label. Ties
    count for the own class. A sample within half the distance from its mean to the next mean is
    nearest to its own, by the triangle inequality; only of the others all distances are computed.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
    number : ndarray of int, shape (n,)
        Class number of each sample.
    statistics : ClassStatistics
        Of the same embeddings.
    normalize : bool, default False
        Whether to divide each embedding by its norm first, as in the statistics.
    """
    dtype = working_type(embeddings)
    present = statistics.present
    place = np.full(len(statistics.counts), -1)
    place[present] = np.arange(len(present))
    centre = statistics.class_mean  # distances are the same, rounding is smaller
    exact = statistics.means[present] - centre
    safe = (_half_to_next(exact) ** 2 * (1 - _CAUTION)).astype(dtype)
    means: NDArray[Any] = exact.astype(dtype)
    half: NDArray[Any] = (np.einsum("cd,cd->c", exact, exact) / 2).astype(dtype)
    origin = centre.astype(dtype)
    agreeing: dict[int, int] = {}

    def count(part: slice, worker: int) -> None:
        total = 0
        for first, rows in blocks(embeddings, part, normalize=normalize):
            own = place[number[first : first + len(rows)]]
            rows = rows - origin
            apart = means.take(own, axis=0)
            np.subtract(rows, apart, out=apart)
            doubtful = np.flatnonzero(np.einsum("ij,ij->i", apart, apart) >= safe[own])
            total += len(rows) - len(doubtful)
            step = max(1, _SCORES // len(means))
            for start in range(0, len(doubtful), step):
                some = doubtful[start : start + step]
                scores = rows[some] @ means.T
                scores -= half
                mine = scores[np.arange(len(some)), own[some]]
                total += int(np.count_nonzero(mine >= scores.max(axis=1)))
        agreeing[part.start] = total

    share(count, embeddings, len(means))
    return sum(agreeing.values()) / len(embeddings)


def _half_to_next(means: Matrix) -> Vector:
    """Return half the distance from each mean to the nearest other one."""
    squares = np.einsum("cd,cd->c", means, means)
    apart = np.add.outer(squares, squares) - 2 * means @ means.T
    np.fill_diagonal(apart, np.inf)
    nearest: Vector = np.sqrt(np.maximum(apart.min(axis=1), 0.0))  # negative only by rounding
    return np.minimum(nearest, 2 * linalg.norm(means) + 1) / 2  # one class alone: all are nearest
