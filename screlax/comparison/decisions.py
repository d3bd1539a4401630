"""What a linear classifier and the nearest class mean decide, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Matrix, Vector
from .blocks import blocks
from .rows import Rows
from .statistics import ClassStatistics

_SCORES = 1 << 20
"""Scores held at a time."""

_ROUNDING = 64 * np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class Decisions:
    """Samples given to the class of the nearest mean, and right ones of each class, (k,)."""

    agreeing: int
    right: NDArray[np.int64]

    def add(self, other: Decisions) -> Decisions:
        """Return those of both sets of samples."""
        return Decisions(self.agreeing + other.agreeing, self.right + other.right)


def decide(
    rows: Rows,
    number: NDArray[np.int64],
    statistics: ClassStatistics,
    weights: Matrix,
    bias: Vector | None,
    *,
    normalize: bool,
) -> Decisions:
    """Count decisions, argmax_c ⟨w_c, h⟩ + b_c, the first of equal ones; in double precision."""
    present, centre = statistics.present, statistics.class_mean
    means = statistics.means[present] - centre
    offset = np.zeros(len(weights)) if bias is None else bias
    count = _Deciding(present, centre, means, weights, offset, normalize)
    return rows.read(count, number, Decisions.add, len(weights))


@dataclass(frozen=True, eq=False)
class _Deciding:
    """Counts decisions on some rows."""

    present: NDArray[np.intp]
    centre: Vector
    means: Matrix
    weights: Matrix
    offset: Vector
    normalize: bool

    def __call__(self, given: NDArray[Any], number: NDArray[np.int64], start: int) -> Decisions:
        agreeing, right = 0, np.zeros(len(self.weights), np.int64)
        step, every = max(1, _SCORES // max(self.weights.shape)), slice(0, len(given))
        for first, block in blocks(given, every, normalize=self.normalize, block_rows=step):
            rows = block.astype(float)
            decided = np.argmax(rows @ self.weights.T + self.offset, axis=1)
            closest = self.present[nearest(rows - self.centre, self.means)]
            agreeing += int((decided == closest).sum())
            own = number[first : first + len(rows)]
            right += np.bincount(own[decided == own], minlength=len(self.weights))
        return Decisions(agreeing, right)


def nearest(rows: Matrix, means: Matrix) -> NDArray[np.intp]:
    """Return the nearest mean of each row: by a product, and where that cannot tell by differences.

    Rows and means in double precision, and near zero: products of large offsets lose digits.
    """
    squares = np.einsum("cd,cd->c", means, means)
    scores = rows @ means.T - squares / 2
    found: NDArray[np.intp] = np.argmax(scores, axis=1)
    best = scores[np.arange(len(rows)), found]
    blur = _ROUNDING * rows.shape[1] * (np.einsum("ij,ij->i", rows, rows) + squares.max())
    close = np.flatnonzero((scores >= (best - blur)[:, None]).sum(axis=1) > 1)
    if len(close):
        from scipy.spatial import distance  # rarely needed, and slow to import

        found[close] = distance.cdist(rows[close], means).argmin(axis=1)
    return found
