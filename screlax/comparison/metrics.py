"""Neural-collapse metrics of embeddings alone, from their class statistics."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..gram.geometry import cosines_of, gram_distance
from ..types import Matrix, Vector
from .statistics import ClassStatistics


@dataclass(frozen=True)
class CollapseMetrics:
    """How far embeddings have collapsed, and onto what; zero is complete collapse.

    With class means μ_c, their unweighted mean μ_G, Σ_W = (1/n) Σ_i (h_i − μ_{y_i})(h_i − μ_{y_i})ᵀ
    and Σ_B = (1/k) Σ_c (μ_c − μ_G)(μ_c − μ_G)ᵀ. NaN where a metric is not defined: one class, or
    for angles a mean at the centre.

    Attributes
    ----------
    within_between : float
        NC1, tr(Σ_W Σ_B⁺)/k (Papyan, Han and Donoho 2020, PNAS 117, equation 4).
    trace_ratio : float
        tr Σ_W/tr Σ_B (Tirer and Bruna 2022, ICML): NC1 without a pseudo-inverse.
    class_distance_variance : float
        Mean over pairs of classes of (v_a + v_b)/(2‖μ_a − μ_b‖²), v the mean squared distance from
        the class mean (CDNV of Galanti, György and Hutter 2022, ICLR).
    equinorm : float
        Standard deviation over mean of ‖μ_c − μ_G‖ (NC2, Papyan et al. 2020).
    equiangularity : float
        Standard deviation over all pairs of cos(μ_a − μ_G, μ_b − μ_G) (NC2).
    maximal_angle : float
        Mean over pairs of |cos(μ_a − μ_G, μ_b − μ_G) + 1/(k−1)| (NC2).
    equinorm_uncentred : float
        Standard deviation over mean of ‖μ_c‖: what the SC loss sees, which has no centre.
    simplex_distance : float
        ‖M/‖M‖ − E/‖E‖‖_F of the Gram matrix M of the μ_c, not centred, from that of a simplex ETF,
        E = I − 11ᵀ/k.
    orthogonal_distance : float
        The same from an orthogonal frame, E = I: the optimum where a last ReLU keeps features
        nonnegative (Kini et al. 2024, ICLR).
    rank : int
        Singular values of the matrix of class means above 1e-3 of the largest.
    effective_rank : float
        exp of the entropy of its normalised squared singular values (Roy and Vetterli 2007).

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics, collapse_metrics
    >>> simplex = np.eye(3) - 1 / 3
    >>> rows, labels = np.repeat(simplex, 4, axis=0), np.repeat(range(3), 4)
    >>> metrics = collapse_metrics(class_statistics(rows, labels))
    >>> metrics.rank, round(metrics.effective_rank, 6), round(metrics.equinorm, 6)
    (2, 2.0, 0.0)
    """

    within_between: float
    trace_ratio: float
    class_distance_variance: float
    equinorm: float
    equiangularity: float
    maximal_angle: float
    equinorm_uncentred: float
    simplex_distance: float
    orthogonal_distance: float
    rank: int
    effective_rank: float


_FAR_FROM_ROUNDING = 1e-5
"""Differences and eigenvalues above this share of their terms keep ten digits."""


def collapse_metrics(statistics: ClassStatistics) -> CollapseMetrics:
    """Compute the metrics of the classes that have samples.

    Parameters
    ----------
    statistics : ClassStatistics
        With the scatter matrix, or `within_between` is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics, collapse_metrics
    >>> frame = np.repeat(np.eye(3), 4, axis=0)  # an orthogonal frame, four samples a class
    >>> metrics = collapse_metrics(class_statistics(frame, np.repeat(range(3), 4)))
    >>> round(metrics.orthogonal_distance, 6), metrics.simplex_distance > 0.5
    (0.0, True)
    >>> round(metrics.within_between, 6)
    0.0
    """
    means = statistics.means[statistics.present]
    k = len(means)
    centred = means - statistics.class_mean
    gram = means @ means.T
    centred_gram = centred @ centred.T
    cosines = cosines_of(centred_gram)[np.triu_indices(k, 1)]
    between = float(np.einsum("cd,cd->", centred, centred)) / k
    within = float(statistics.within_traces.sum()) / statistics.samples
    squares = np.maximum(np.linalg.eigvalsh(gram)[::-1], 0.0)  # of the singular values
    shares = squares[squares > 0] / squares.sum() if squares[0] > 0 else np.zeros(0)
    return CollapseMetrics(
        within_between=_within_between(statistics, centred),
        trace_ratio=_ratio(within, between),
        class_distance_variance=_class_distance_variance(statistics, gram),
        equinorm=_variation(np.sqrt(np.diag(centred_gram))),
        equiangularity=float(cosines.std()) if k > 1 else float("nan"),
        maximal_angle=float(np.abs(cosines + 1 / (k - 1)).mean()) if k > 1 else float("nan"),
        equinorm_uncentred=_variation(np.sqrt(np.diag(gram))),
        simplex_distance=_distance(gram, np.eye(k) - 1 / k),
        orthogonal_distance=_distance(gram, np.eye(k)),
        rank=int((squares > 1e-6 * squares[0]).sum()) if squares[0] > 0 else 0,
        effective_rank=float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0,
    )


def _within_between(statistics: ClassStatistics, centred: Matrix) -> float:
    """Return tr(Σ_W Σ_B⁺)/k through the thin factor of Σ_B: its rank is at most k − 1.

    With centred/√k = U S Vᵀ the pseudo-inverse of Σ_B is V S⁻² Vᵀ.
    """
    k = len(centred)
    if statistics.within is None or k < 2:
        return float("nan")
    found = _by_cholesky(centred, statistics.within)
    if found is not None:
        return found / statistics.samples
    _, singular, basis = linalg.svd(centred / np.sqrt(k), full_matrices=False)
    # of k centred means one direction is rounding, of the size of the means before centring
    scale = max(float(singular[0]), float(linalg.norm(statistics.means)) / np.sqrt(k))
    kept = singular > scale * max(centred.shape) * np.finfo(float).eps
    kept[k - 1 :] = False
    if not kept.any():
        return float("nan")
    rows = basis[kept] / singular[kept, None]
    inner = np.einsum("rd,rd->", rows @ statistics.within, rows)
    return float(inner) / statistics.samples / k


def _by_cholesky(centred: Matrix, within: Matrix) -> float | None:
    """Return tr(Σ_W Σ_B⁺) n/k, in a tenth of the time; None where digits would be lost.

    With C the centred means and K = C Cᵀ, whose kernel is the vector of ones, it is
    tr(K⁺ C Σ_W Cᵀ K⁺), and there K⁺ is the inverse of K + s 11ᵀ.
    """
    k = len(centred)
    inner = centred @ centred.T
    inner += np.trace(inner) / k**2
    factor, failed = linalg.lapack.dpotrf(inner, lower=1)
    if failed:
        return None
    condition, _ = linalg.lapack.dpocon(factor, np.abs(inner).sum(axis=0).max(), uplo="L")
    if condition < _FAR_FROM_ROUNDING:
        return None
    once = linalg.cho_solve((factor, True), centred @ within @ centred.T)
    return float(np.trace(linalg.cho_solve((factor, True), once.T)))


def _class_distance_variance(statistics: ClassStatistics, gram: Matrix) -> float:
    k = len(gram)
    if k < 2:
        return float("nan")
    present = statistics.present
    variance = statistics.within_traces[present] / statistics.counts[present]
    means, own = statistics.means[present], np.diag(gram)
    size = own[:, None] + own
    squares = size - 2 * gram
    close = np.triu(squares < _FAR_FROM_ROUNDING * size, 1)
    for row in np.flatnonzero(close.any(axis=1)):  # where the difference has lost its digits
        apart = means[close[row]] - means[row]
        squares[row, close[row]] = np.einsum("cd,cd->c", apart, apart)
    first, second = np.triu_indices(k, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (variance[first] + variance[second]) / (2 * squares[first, second])
    return float(ratios.mean())


def _distance(gram: Matrix, frame: Matrix) -> float:
    return gram_distance(gram, frame) if gram.any() and frame.any() else float("nan")


def _variation(norms: Vector) -> float:
    return _ratio(float(norms.std()), float(norms.mean()))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else float("nan")
