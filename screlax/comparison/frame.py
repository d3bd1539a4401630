"""How near vectors, one for each class, are to a regular frame: norms, angles, distances."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..gram.geometry import cosines_of
from ..io.arrays import as_embeddings
from ..short_repr import short_repr
from ..types import Matrix, Vector

_FAR_FROM_ROUNDING = 1e-5
"""Squared differences above this share of their terms keep ten digits."""


@short_repr
@dataclass(frozen=True)
class FrameMetrics:
    """Norms and angles of k vectors v_c: class means about some centre, or rows of a classifier.

    Pairs are those of different classes. NaN where a metric is not defined: one vector, or for
    angles one that is zero (to rounding, where a centre was taken off). Standard deviations are
    those of all k norms or all pairs, not estimates with a number less one.

    Attributes
    ----------
    equinorm : float
        Standard deviation over mean of ‖v_c‖ (NC2 of Papyan, Han and Donoho 2020, PNAS 117).
    mean_cosine : float
        Mean over pairs of cos(v_a, v_b): −1/(k−1) for a simplex ETF.
    equiangularity : float
        Standard deviation over pairs of cos(v_a, v_b) (NC2, Papyan et al. 2020).
    maximal_angle : float
        Mean over pairs of |cos(v_a, v_b) + 1/(k−1)| (NC2, Papyan et al. 2020).
    simplex_distance : float
        ‖G/‖G‖ − E/‖E‖‖_F of the Gram matrix G of the v_c from that of a simplex ETF, E = I − 11ᵀ/k
        (Zhu et al. 2021, NeurIPS; Kothapalli 2023, TMLR).
    orthogonal_distance : float
        The same from an orthogonal frame, E = I: the optimum where a last ReLU keeps features
        nonnegative (Kini et al. 2024, ICLR).
    angular_similarity : float
        Mean over pairs of 1 − arccos(cos(v_a, v_b))/π (Graf et al. 2021, ICML, in their code).
    uniformity : float
        log of the mean over pairs of exp(−2‖u_a − u_b‖²), u_c = v_c/‖v_c‖ (Wang and Isola 2020,
        ICML, with their t = 2).
    log_distance : float
        Mean over pairs of −log‖u_a − u_b‖: the energy of hyperspherical uniformity (Liu et al.
        2023, ICLR; GNC2 of Wu and Papyan 2024, NeurIPS). Infinite where two directions are equal.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import frame_metrics
    >>> found = frame_metrics(np.eye(4) - 1 / 4)
    >>> round(found.simplex_distance, 6), round(found.mean_cosine, 6)
    (0.0, -0.333333)
    """

    equinorm: float
    mean_cosine: float
    equiangularity: float
    maximal_angle: float
    simplex_distance: float
    orthogonal_distance: float
    angular_similarity: float
    uniformity: float
    log_distance: float


def frame_metrics(vectors: Matrix, gram: Matrix | None = None) -> FrameMetrics:
    """Measure k vectors of any scale.

    Parameters
    ----------
    vectors : ndarray, shape (k, d)
    gram : ndarray, shape (k, k), optional
        Their inner products, where these are known.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import frame_metrics
    >>> found = frame_metrics(np.eye(3))  # an orthogonal frame
    >>> found.orthogonal_distance, found.equinorm, round(found.angular_similarity, 6)
    (0.0, 0.0, 0.5)
    """
    vectors = as_embeddings(vectors)
    gram = vectors @ vectors.T if gram is None else gram
    k = len(gram)
    norms = np.sqrt(np.diagonal(gram))
    pairs = np.triu_indices(k, 1)
    every = np.clip(cosines_of(gram, norms), -1.0, 1.0)
    apart = _unit_distances(vectors, norms, every, 1)[pairs]
    together = _unit_distances(vectors, norms, every, -1)[pairs]
    cosines = every[pairs]
    angles = 2 * np.arctan2(np.sqrt(apart), np.sqrt(together))  # arccos, also near its ends
    with np.errstate(divide="ignore"):
        logs = -0.5 * np.log(apart)
    return FrameMetrics(
        equinorm=ratio(float(norms.std()), float(norms.mean())),
        mean_cosine=mean(cosines),
        equiangularity=float(cosines.std()) if k > 1 else float("nan"),
        maximal_angle=mean(np.abs(cosines + 1 / (k - 1))) if k > 1 else float("nan"),
        simplex_distance=_distance(gram, -1 / k),
        orthogonal_distance=_distance(gram, 0.0),
        angular_similarity=mean(1 - angles / np.pi),
        uniformity=float(np.log(mean(np.exp(-2 * apart)))),
        log_distance=mean(logs),
    )


def squared_distances(vectors: Matrix, gram: Matrix) -> Matrix:
    """Return ‖v_a − v_b‖² of pairs a < b from inner products; by differences where digits go.

    Other entries have no meaning.
    """
    own = np.diagonal(gram)
    size = own[:, None] + own
    squares = size - 2 * gram
    for row, others in _close(squares < _FAR_FROM_ROUNDING * size):
        apart = vectors[others] - vectors[row]
        squares[row, others] = np.einsum("cd,cd->c", apart, apart)
    return np.asarray(squares)


def _unit_distances(vectors: Matrix, norms: Vector, cosines: Matrix, sign: int) -> Matrix:
    """Return the squared distances of directions, of pairs a < b; by sign those of u_a and −u_b."""
    squares = 2 - 2 * sign * cosines
    for row, others in _close(squares < 2 * _FAR_FROM_ROUNDING):
        apart = vectors[others] / norms[others, None] - sign * vectors[row] / norms[row]
        squares[row, others] = np.einsum("cd,cd->c", apart, apart)
    return np.asarray(squares)


def _close(where: NDArray[np.bool_]) -> list[tuple[int, NDArray[np.bool_]]]:
    """Return each row with the later ones that it is close to, where there are any."""
    upper = np.triu(where, 1)
    return [(int(row), upper[row]) for row in np.flatnonzero(upper.any(axis=1))]


def ratio(numerator: float, denominator: float) -> float:
    """Return a quotient, NaN where the denominator is zero."""
    return numerator / denominator if denominator > 0 else float("nan")


def mean(values: Vector) -> float:
    """Return the mean, NaN of nothing."""
    return float(values.mean()) if len(values) else float("nan")


def _distance(gram: Matrix, pair: float) -> float:
    """Return the distance from the frame with Gram matrix I + pair 11ᵀ, both of norm one."""
    k, largest = len(gram), float(np.abs(gram).max())
    own = 1 + pair
    norm = math.sqrt(k * own**2 + k * (k - 1) * pair**2)
    if largest == 0 or norm == 0:
        return float("nan")
    apart = gram / largest  # whose squares neither overflow nor vanish
    apart /= np.linalg.norm(apart)
    apart -= pair / norm
    apart.flat[:: k + 1] -= (own - pair) / norm
    return float(np.linalg.norm(apart))
