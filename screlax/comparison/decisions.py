"""What a linear classifier and the nearest class mean decide, sample by sample."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Matrix, Vector
from .blocks import blocks, share
from .statistics import ClassStatistics

_SCORES = 1 << 20
"""Scores held at a time."""

_ROUNDING = 64 * np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class Decisions:
    """Samples given to the class of the nearest mean, and right ones of each class, (k,)."""

    agreeing: int
    right: NDArray[np.int64]


def decide(
    embeddings: NDArray[Any],
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
    offset = 0.0 if bias is None else bias
    step = max(1, _SCORES // max(weights.shape))
    found: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def count(part: slice, worker: int) -> None:
        agreeing, right = 0, np.zeros(len(weights), np.int64)
        for first, block in blocks(embeddings, part, normalize=normalize, block_rows=step):
            rows = block.astype(float)
            decided = np.argmax(rows @ weights.T + offset, axis=1)
            agreeing += int((decided == present[nearest(rows - centre, means)]).sum())
            own = number[first : first + len(rows)]
            right += np.bincount(own[decided == own], minlength=len(weights))
        found[part.start] = agreeing, right

    share(count, embeddings, len(weights))
    parts = found.values()
    right = np.sum([own for _, own in parts], axis=0)
    return Decisions(sum(agreeing for agreeing, _ in parts), right)


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
