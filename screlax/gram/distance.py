"""The distance between two geometries that does not depend on rotation and scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from ..errors import InvalidInputError
from ..io.arrays import real_array
from .levels import Matrix, Vector


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
    """
    a, b = real_array(first, "first").astype(float), real_array(second, "second").astype(float)
    if a.shape != b.shape or a.ndim != 2:
        raise InvalidInputError(f"Gram matrices must have the same shape, got {a.shape}, {b.shape}")
    return float(linalg.norm(_unit(a, "first") - _unit(b, "second")))


def cosines_of(products: Matrix, norms: Vector, others: Vector | None = None) -> Matrix:
    """Return inner products over the norms of both, NaN where a norm is zero.

    Parameters
    ----------
    products : ndarray, shape (p, q)
        ⟨h_i, h_j⟩.
    norms : ndarray, shape (p,)
        ‖h_i‖.
    others : ndarray, shape (q,), optional
        ‖h_j‖, by default the same.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(products / np.outer(norms, norms if others is None else others))


def _unit(matrix: Matrix, name: str) -> Matrix:
    """Return a matrix over its norm; first over its largest entry, whose square may overflow."""
    largest = np.abs(matrix).max(initial=0.0)
    if not (np.isfinite(largest) and largest > 0):
        raise InvalidInputError(f"the {name} Gram matrix is zero or not finite")
    scaled = matrix / largest
    return np.asarray(scaled / linalg.norm(scaled))
