"""Softmax and Hessians of expected losses whose rows are found one by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...types import Matrix, Vector
from .draws import Array


@dataclass(frozen=True, eq=False)
class GeneralMoments:
    """Softmax of every row in expectation, and its Hessian diag(softmax) − second.

    Attributes
    ----------
    softmax, errors, diagonal : ndarray, shape (R, m), (R,), (R, m)
        As of `moments.Moments`: second is the diagonal and a matrix of low rank.
    second : ndarray, shape (R, m, m)
    """

    softmax: Matrix
    errors: Vector
    diagonal: Matrix
    second: Array

    @cached_property
    def _beside(self) -> tuple[Matrix, Array]:
        """Eigenvalues and eigenvectors of what is beside the diagonal, by row."""
        beside = self.second.copy()
        every = np.arange(beside.shape[1])
        beside[:, every, every] -= self.diagonal
        values, vectors = np.linalg.eigh(beside)
        return values, vectors

    def factors(self) -> list[tuple[Matrix, Vector]]:
        """See `moments.Moments.factors`."""
        values, vectors = self._beside
        roots = np.sqrt(np.abs(values))[:, None] * vectors
        return [(root.T, -np.sign(of)) for root, of in zip(roots, values, strict=True)]

    def leading(self) -> Matrix:
        """Return φ of the best matrix φ φᵀ beside the diagonal, for each row, shape (R, m)."""
        values, vectors = self._beside
        return np.asarray(vectors[:, :, -1] * np.sqrt(np.maximum(values[:, -1:], 0.0)))

    def curvature(self, direction: Matrix) -> Matrix:
        """Return the Hessians applied to δ, shape (R, m)."""
        seen = (self.second @ direction[..., None])[..., 0]
        return np.asarray(self.softmax * direction - seen)
