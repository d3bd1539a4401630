"""How many eigenvalues a symmetric matrix has below zero, and its solves, by one factorisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from ...types import Matrix, Vector


class SymmetricFactor:
    """A symmetric indefinite matrix as L D Lᵀ (Bunch and Kaufman 1977), after scaling its rows.

    By Sylvester's law D has as many negative eigenvalues as the matrix.
    """

    def __init__(self, matrix: Matrix) -> None:
        size = np.sqrt(np.abs(matrix).max(axis=1, initial=0.0))
        self._scale = 1 / np.where(size > 0, size, 1.0)
        scaled = self._scale[:, None] * matrix * self._scale
        work = int(lapack.dsytrf_lwork(len(matrix), lower=1)[0])
        self._factor, self._pivots, self._info = lapack.dsytrf(
            scaled, lower=1, lwork=max(work, 1), overwrite_a=1
        )

    @property
    def is_singular(self) -> bool:
        """Whether a pivot is exactly zero."""
        return bool(self._info > 0)

    @property
    def negative(self) -> int:
        """Number of negative eigenvalues; a block of two always has one."""
        alone = self._pivots > 0
        single = int((np.diagonal(self._factor)[alone] < 0).sum())
        return single + int((~alone).sum()) // 2

    def solve(self, right: Vector) -> Vector:
        """Return the solution of matrix · x = right."""
        if not len(right):
            return right
        found, _ = lapack.dsytrs(
            self._factor, self._pivots, (self._scale * right)[:, None], lower=1
        )
        return np.asarray(self._scale * found[:, 0])


def inverse_of_difference(diagonal: Matrix, moved: Matrix, present: NDArray[np.bool_]) -> Matrix:
    """Return 1/(diagonal − moved), away from zero by a rounding, and zero where nothing is."""
    least = 8 * float(np.finfo(float).eps) * (np.abs(diagonal) + np.abs(moved))
    least = np.maximum(least, float(np.finfo(float).tiny))
    difference = diagonal - moved
    return np.asarray(
        np.where(present, 1 / np.where(np.abs(difference) > least, difference, least), 0.0)
    )
