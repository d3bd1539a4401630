"""Nearest-class-mean agreement, a second pass over the embeddings."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_kind
from ..io.arrays import as_embeddings
from ..types import Matrix, Vector
from .blocks import blocks, working_type
from .rows import HeldRows, Rows
from .statistics import ClassStatistics

_SCORES = 1 << 20
"""Distances held at a time."""

_CAUTION = 1e-3
"""Share by which the safe radius is reduced: rounding must not decide."""

_ROUNDING = 64 * np.finfo(float).eps


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
    nearest to its own, by the triangle inequality. Of the others all distances are computed, by a
    product in double precision, and where that cannot tell by differences.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
    number : ndarray of int, shape (n,)
        Class number of each sample.
    statistics : ClassStatistics
        Of the same embeddings.
    normalize : bool, default False
        Whether to divide each embedding by its norm first, as in the statistics.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics, nearest_mean_agreement
    >>> rows = np.array([[0.0], [1.0], [2.0], [9.0], [10.0], [11.0], [12.0], [1.5]])
    >>> number = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    >>> nearest_mean_agreement(rows, number, class_statistics(rows, number))
    0.875
    """
    check_kind(statistics, ClassStatistics, "statistics")
    return agreement_of(
        HeldRows(as_embeddings(embeddings)), number, statistics, normalize=normalize
    )


def agreement_of(
    rows: Rows, number: NDArray[np.int64], statistics: ClassStatistics, *, normalize: bool
) -> float:
    """Return the share of rows that are nearest to the mean of their own class."""
    dtype, present = working_type(rows), statistics.present
    place = np.full(len(statistics.counts), -1)
    place[present] = np.arange(len(present))
    centre = statistics.class_mean
    means = statistics.means[present] - centre
    rough: NDArray[Any] = statistics.means[present].astype(dtype)
    # where single precision blurs the means themselves, nothing is safe
    blur = np.finfo(dtype).eps * np.abs(statistics.means[present]).max() * rough.shape[1]
    safe = np.maximum(_half_to_next(means) * (1 - _CAUTION) - 2 * blur, 0.0) ** 2
    count = _Agreeing(place, centre, means, rough, safe, normalize)
    agreeing: int = rows.read(count, number, operator.add, len(means))
    return agreeing / len(rows)


@dataclass(frozen=True, eq=False)
class _Agreeing:
    """Counts rows that are nearest to their own mean."""

    place: NDArray[np.intp]
    centre: Vector
    means: Matrix
    rough: NDArray[Any]
    safe: Vector
    normalize: bool

    def __call__(self, given: NDArray[Any], number: NDArray[np.int64], start: int) -> int:
        total, step = 0, max(1, _SCORES // len(self.means))
        for first, rows in blocks(given, slice(0, len(given)), normalize=self.normalize):
            own = self.place[number[first : first + len(rows)]]
            apart = self.rough.take(own, axis=0)
            np.subtract(rows, apart, out=apart)
            doubtful = np.flatnonzero(np.einsum("ij,ij->i", apart, apart) >= self.safe[own])
            total += len(rows) - len(doubtful)
            for few in range(0, len(doubtful), step):
                some = doubtful[few : few + step]
                total += _nearest_to_own(rows[some] - self.centre, own[some], self.means)
        return total


def _nearest_to_own(rows: Matrix, own: NDArray[np.int64], means: Matrix) -> int:
    """Return how many rows are nearest to their own mean; all in double precision."""
    every = np.arange(len(rows))
    squares = np.einsum("cd,cd->c", means, means)
    scores = rows @ means.T - squares / 2
    mine = scores[every, own]
    scores[every, own] = -np.inf
    lead = mine - scores.max(axis=1)
    norms = np.einsum("ij,ij->i", rows, rows) + squares.max()
    close = np.flatnonzero(np.abs(lead) <= _ROUNDING * norms * rows.shape[1])
    clear = np.count_nonzero(np.delete(lead, close) > 0)
    if len(close) == 0:
        return int(clear)
    from scipy.spatial import distance  # an eighth of the time of importing screlax, rarely needed

    apart = distance.cdist(rows[close], means)
    return int(clear) + int(
        np.count_nonzero(apart[np.arange(len(close)), own[close]] <= apart.min(axis=1))
    )


def _half_to_next(means: Matrix) -> Vector:
    """Return half the distance from each mean to the nearest other one, or less by rounding."""
    squares = np.einsum("cd,cd->c", means, means)
    apart = squares[:, None] + squares - 2 * (means @ means.T)
    np.fill_diagonal(apart, np.inf)
    blur = _ROUNDING * means.shape[1] * squares.max(initial=0.0)
    return np.asarray(np.sqrt(np.maximum(apart.min(axis=1) - blur, 0.0)) / 2)
