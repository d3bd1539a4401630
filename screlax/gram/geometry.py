"""The one geometry of embeddings and Gram matrices: cosines, angles, and distances.

Distances are taken after rotation and scale, which no loss sees, are taken out: between Gram
matrices, or between embeddings of one dimension after the best rotation (Procrustes).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from ..errors import InvalidInputError
from ..io.arrays import real_array
from ..types import Matrix, Vector

Stack = NDArray[np.float64]
"""Embeddings of shape (s, p, d)."""


def gram_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Return ‖A/‖A‖_F − B/‖B‖_F‖_F of two Gram matrices.

    Zero if and only if the embeddings agree up to rotation and scale; at most √2 for positive
    semidefinite matrices, whose inner product is never negative. The measure with which Behnia and
    Thrampoulidis (2024) and Kini et al. (2024) compare trained features with the predicted ones.

    Parameters
    ----------
    first, second : array-like, shape (k, k)

    Raises
    ------
    InvalidInputError
        If the shapes differ, or one of them is zero or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import gram_distance
    >>> rows = np.array([[1.0, 0.0], [-0.5, 0.8], [-0.5, -0.8]])
    >>> turned = 3 * rows @ np.array([[0.6, -0.8], [0.8, 0.6]])
    >>> gram_distance(rows @ rows.T, turned @ turned.T) < 1e-12
    True
    >>> round(gram_distance(np.diag([1.0, 0.0]), np.diag([0.0, 1.0])), 6)
    1.414214
    """
    a, b = real_array(first, "first").astype(float), real_array(second, "second").astype(float)
    if a.shape != b.shape or a.ndim != 2:
        raise InvalidInputError(f"Gram matrices must have the same shape, got {a.shape}, {b.shape}")
    return float(linalg.norm(_unit(a, "first") - _unit(b, "second")))


def embedding_distance(first: Matrix, second: Matrix | Stack) -> NDArray[np.float64]:
    """Return `gram_distance` of the Gram matrices of embeddings, not zero, in [0, √2].

    G − G' lives in the span of both embeddings, where it is R Rᵀ − R' R'ᵀ with [R R'] the
    triangular factor of [H H']: no p×p matrix is formed, and nothing cancels that does not cancel
    entry by entry.
    """
    left = np.broadcast_to(_at_unit_gram(first), second.shape[:-1] + first.shape[-1:])
    both = np.concatenate([left, _at_unit_gram(second)], axis=-1)
    factor = np.asarray(np.linalg.qr(both, mode="r"))
    left, right = factor[..., : first.shape[-1]], factor[..., first.shape[-1] :]
    difference = left @ left.mT - right @ right.mT
    return np.asarray(np.linalg.norm(difference, axis=(-2, -1)))


def procrustes_distance(first: Matrix, second: Matrix | Stack) -> NDArray[np.float64]:
    """Return the least ‖H/‖H‖ − (H'/‖H'‖) R‖_F over orthogonal R, in [0, √2].

    The best R is U Vᵀ of the singular value decomposition H'ᵀH = U diag(s) Vᵀ (Schönemann 1966,
    A generalized solution of the orthogonal Procrustes problem).
    """
    left, right = _at_unit_norm(first), _at_unit_norm(second)
    u, _, vt = np.linalg.svd(right.mT @ left)
    return np.asarray(np.linalg.norm(left - right @ (u @ vt), axis=(-2, -1)))


def cosines_of(
    products: Matrix, norms: Vector | None = None, others: Vector | None = None
) -> Matrix:
    """Return inner products over the norms of both, NaN where a norm is zero.

    Parameters
    ----------
    products : ndarray, shape (p, q)
        ⟨h_i, h_j⟩.
    norms : ndarray, shape (p,), optional
        ‖h_i‖, by default of a Gram matrix: the roots of its diagonal.
    others : ndarray, shape (q,), optional
        ‖h_j‖, by default the same.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import cosines_of
    >>> cosines_of(np.array([[4.0, -1.0], [-1.0, 1.0]]))
    array([[ 1. , -0.5],
           [-0.5,  1. ]])
    """
    if norms is None:
        products = np.asarray(products)
        if products.ndim != 2 or products.shape[0] != products.shape[1]:
            raise InvalidInputError(
                f"a Gram matrix has as many rows as columns, got shape {products.shape}; of other "
                "inner products give the norms"
            )
        norms = np.sqrt(np.diagonal(products))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(products / np.outer(norms, norms if others is None else others))


def angles_between(first: Matrix, second: Matrix) -> Vector:
    """Return degrees between rows, accurate also for small angles (Kahan 2006); NaN where zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        left = first / np.linalg.norm(first, axis=1, keepdims=True)
        right = second / np.linalg.norm(second, axis=1, keepdims=True)
        apart = np.linalg.norm(left - right, axis=1)
        together = np.linalg.norm(left + right, axis=1)
    return np.asarray(np.degrees(2 * np.arctan2(apart, together)))


def _unit(matrix: Matrix, name: str) -> Matrix:
    """Return a matrix over its norm; first over its largest entry, whose square may overflow."""
    largest = np.abs(matrix).max(initial=0.0)
    if not (np.isfinite(largest) and largest > 0):
        raise InvalidInputError(f"the {name} Gram matrix is zero or not finite")
    scaled = matrix / largest
    return np.asarray(scaled / linalg.norm(scaled))


def _at_unit_gram(embeddings: Matrix | Stack) -> Stack:
    """Scale embeddings so that their Gram matrix has unit Frobenius norm."""
    small = embeddings.mT @ embeddings  # of the same norm as the Gram matrix
    norm = np.linalg.norm(small, axis=(-2, -1), keepdims=True)
    return np.asarray(embeddings / np.sqrt(norm))


def _at_unit_norm(embeddings: Matrix | Stack) -> Stack:
    return np.asarray(embeddings / np.linalg.norm(embeddings, axis=(-2, -1), keepdims=True))


def norms_and_cosines(gram: Matrix) -> tuple[Vector, Vector]:
    """Return the norm of every class and its mean cosine to the others, each of shape (k,)."""
    norms = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
    cosines = cosines_of(gram, norms)
    return norms, (cosines.sum(axis=1) - np.diagonal(cosines)) / (len(gram) - 1)
