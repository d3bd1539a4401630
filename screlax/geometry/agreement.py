"""Nearest-class-mean agreement, a second pass over the embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .reading import read_block
from .statistics import ClassStatistics

_BLOCK_ENTRIES = 1 << 21


def nearest_mean_agreement(
    embeddings: NDArray[Any],
    number: NDArray[np.int64],
    statistics: ClassStatistics,
    *,
    normalize: bool = False,
) -> float:
    """Return the share of samples that are nearest to the mean of their own class.

    NC4 of Papyan, Han and Donoho (2020, PNAS 117): argmin_c ‖h_i − μ_c‖ against the label. Ties
    count for the own class.

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
    dtype: Any = np.float32 if embeddings.dtype == np.float32 else np.float64
    centre = statistics.class_mean  # distances are the same, rounding is smaller
    present = statistics.present
    means: NDArray[Any] = (statistics.means[present] - centre).astype(dtype)
    place = np.full(len(statistics.counts), -1)
    place[present] = np.arange(len(present))
    half = np.einsum("cd,cd->c", means, means) / 2
    step = max(1, _BLOCK_ENTRIES // max(embeddings.shape[1], len(present)))
    right = 0
    origin = centre.astype(dtype)
    for first in range(0, len(embeddings), step):
        block = slice(first, first + step)
        rows = np.subtract(read_block(embeddings, block, normalize), origin, dtype=dtype)
        scores = rows @ means.T
        scores -= half
        own = scores[np.arange(len(rows)), place[number[block]]]
        right += int(np.count_nonzero(own >= scores.max(axis=1)))
    return right / len(embeddings)
