"""Class means about their own mean, the mean of all samples, and zero: frame and NC1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..short_repr import short_repr
from ..types import Matrix, Vector
from .between import within_between
from .frame import FrameMetrics, frame_metrics, ratio

_FAR_FROM_ROUNDING = 1e-5
"""Squared norms above this share of their terms keep ten digits."""

_ROUNDING = 64 * np.finfo(float).eps
"""Class means nearer than this to their centre, relative to the largest, are at it."""


@short_repr
@dataclass(frozen=True)
class CentredMetrics(FrameMetrics):
    """Class means μ_c about one centre μ: `FrameMetrics` of the μ_c − μ, and NC1.

    With Σ_W = (1/n) Σ_i (h_i − μ_{y_i})(h_i − μ_{y_i})ᵀ and Σ_B = (1/k) Σ_c (μ_c − μ)(μ_c − μ)ᵀ.

    Attributes
    ----------
    within_between : float
        NC1, tr(Σ_W Σ_B⁺)/k (Papyan, Han and Donoho 2020, PNAS 117, figure 6).
    within_between_sum : float
        tr(Σ_W Σ_B⁺), as their published code and Han, Papyan and Donoho (2022, ICLR) report it.
    trace_ratio : float
        tr Σ_W/tr Σ_B (Tirer and Bruna 2022, ICML): NC1 without a pseudo-inverse. The normalised
        variances of Rangamani et al. (2023, ICML) are 1/(1 + it) between and the rest within.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics, collapse_metrics
    >>> rows = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
    >>> round(collapse_metrics(class_statistics(rows, [0, 0, 1, 1])).class_centred.trace_ratio, 6)
    0.01
    """

    within_between: float
    within_between_sum: float
    trace_ratio: float


def about_centres(means: Matrix, counts: NDArray[np.int64]) -> tuple[Matrix, Matrix, Matrix]:
    """Return class means less their mean, less the mean of all samples, and as they are.

    Zero where the difference is rounding.
    """
    largest = float(np.sqrt(np.einsum("cd,cd->c", means, means).max()))

    def less(centre: Vector) -> Matrix:
        rows = means - centre
        rows[np.einsum("cd,cd->c", rows, rows) <= (_ROUNDING * largest) ** 2] = 0
        return np.asarray(rows)

    return less(means.mean(axis=0)), less(np.average(means, axis=0, weights=counts)), means


def grams_of(placed: Sequence[Matrix]) -> list[Matrix]:
    """Return the inner products of the means of `about_centres`, about each centre.

    The second differ from the first by multiples of ones, added where that costs no digits.
    """
    first, by_samples, means = placed
    gram, moved = first @ first.T, by_samples.mean(axis=0)
    across = first @ moved
    second = gram + across[:, None] + (across + moved @ moved)
    if (np.diagonal(second) < _FAR_FROM_ROUNDING * np.diagonal(gram)).any():
        second = by_samples @ by_samples.T
    return [gram, second, means @ means.T]


def centred_metrics(
    placed: Sequence[Matrix],
    grams: Sequence[Matrix],
    counts: NDArray[np.int64],
    traces: Vector,
    within: Matrix | None,
) -> tuple[CentredMetrics, CentredMetrics, CentredMetrics]:
    """Return the metrics of the means of `about_centres` with their Gram matrices.

    `traces` are Σ ‖h_i − μ_c‖² of the classes, `within` is n Σ_W.
    """
    samples, k = int(counts.sum()), len(counts)
    totals = within_between(placed, grams[0], within)
    first, second, third = (
        CentredMetrics(
            **vars(frame_metrics(rows, gram)),
            within_between=total / samples / k,
            within_between_sum=total / samples,
            trace_ratio=ratio(float(traces.sum()) / samples, float(np.trace(gram)) / k),
        )
        for rows, gram, total in zip(placed, grams, totals, strict=True)
    )
    return first, second, third
