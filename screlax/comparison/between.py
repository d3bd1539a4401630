"""NC1: the scatter within classes over that between their means, about three centres."""

from collections.abc import Sequence

import numpy as np
from scipy import linalg

from ..types import Matrix, Vector

_FAR_FROM_ROUNDING = 1e-5
"""Reciprocal condition numbers above this leave ten digits."""

_EPS = float(np.finfo(float).eps)


def within_between(
    placed: Sequence[Matrix], gram: Matrix, within: Matrix | None
) -> tuple[float, float, float]:
    """Return tr(Σ_W Σ_B⁺) of class means about three centres, and Σ_W up to a factor.

    About another centre Σ_B is that about the mean of the class means plus v vᵀ, v the vector
    between both, and so is its pseudo-inverse one of rank-one change (Meyer 1973, SIAM Journal on
    Applied Mathematics 24(3), theorems 1 and 4): only one is computed.

    Parameters
    ----------
    placed : sequence of ndarray, shape (k, d)
        Class means less their mean, less the mean of all samples, and as they are.
    gram : ndarray, shape (k, k)
        Inner products of the first.
    within : ndarray, shape (d, d), or None
        Then all are NaN.
    """
    centred, by_samples, means = placed
    class_mean = means.mean(axis=0)
    root = None if within is None else _root_of_inverse(centred, gram, class_mean)
    if within is None or root is None:
        return float("nan"), float("nan"), float("nan")
    k = len(centred)
    trace = k * float(np.einsum("rd,rd->", root @ within, root))
    moved = by_samples.mean(axis=0)
    across = k * root.T @ (root @ moved)
    sample_centred = trace - _quadratic(within, across) / (1 + float(moved @ across))
    return trace, sample_centred, _uncentred(trace, root, centred, class_mean, within)


def _uncentred(
    trace: float, root: Matrix, centred: Matrix, class_mean: Vector, within: Matrix
) -> float:
    """Return the trace about zero: the mean may also point out of the space of the differences."""
    k, dim = centred.shape
    inverse = root.T @ (root @ class_mean)
    outside = class_mean - centred.T @ (centred @ inverse)
    across = k * inverse
    gain = 1 + float(class_mean @ across)
    square = float(outside @ outside)
    largest = float(np.einsum("cd,cd->", centred, centred)) / k + float(class_mean @ class_mean)
    if square / gain <= max(dim, k) * _EPS * largest:  # an eigenvalue that is rounding
        return trace - _quadratic(within, across) / gain
    out = outside / square
    return trace - 2 * float(across @ within @ out) + gain * _quadratic(within, out)


def _root_of_inverse(centred: Matrix, gram: Matrix, class_mean: Vector) -> Matrix | None:
    """Return Z with (CᵀC)⁺ = ZᵀZ, None where C is zero: by Cholesky, or where digits go by SVD."""
    k = len(centred)
    if k < 2 or not gram.any():
        return None
    found = _by_cholesky(centred, gram)
    if found is not None:
        return found
    _, singular, basis = linalg.svd(centred, full_matrices=False)
    # of k centred means one direction is rounding, of the size of the means before centring
    scale = max(float(singular[0]), float(linalg.norm(class_mean)) * np.sqrt(k))
    kept = singular > scale * max(centred.shape) * _EPS
    kept[k - 1 :] = False
    return np.asarray(basis[kept] / singular[kept, None]) if kept.any() else None


def _by_cholesky(centred: Matrix, gram: Matrix) -> Matrix | None:
    """Return Z = K⁺C, in a tenth of the time; None where digits would be lost.

    The kernel of K = C Cᵀ is the vector of ones, and on what C spans K⁺ is the inverse of
    K + s 11ᵀ.
    """
    k = len(centred)
    inner = gram + np.trace(gram) / k**2
    factor, failed = linalg.lapack.dpotrf(inner, lower=1)
    if failed:
        return None
    condition, _ = linalg.lapack.dpocon(factor, np.abs(inner).sum(axis=0).max(), uplo="L")
    if condition < _FAR_FROM_ROUNDING:
        return None
    return np.asarray(linalg.cho_solve((factor, True), centred))


def _quadratic(matrix: Matrix, vector: Vector) -> float:
    return float(vector @ matrix @ vector)
