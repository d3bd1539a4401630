"""How many eigenvalues a symmetric matrix has below zero, and its solves, by one factorisation."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ...types import Matrix, Vector


class SymmetricFactor:
    """A symmetric indefinite matrix as L D Lᵀ (Bunch and Kaufman 1977), after scaling its rows.

    By Sylvester's law D has as many negative eigenvalues as the matrix.
    """

    def __init__(self, matrix: Matrix) -> None:
        size = np.sqrt(np.abs(matrix).max(axis=1, initial=0.0))
        self._scale = 1 / np.where(size > 0, size, 1.0)
        scaled = self._scale[:, None] * matrix * self._scale
        rows, blocks, self._order = linalg.ldl(scaled, lower=True, check_finite=False)
        self._lower = rows[self._order]
        beside = np.diagonal(blocks, -1)
        self._bands = np.zeros((3, len(matrix)))
        self._bands[0, 1:], self._bands[1], self._bands[2, :-1] = (
            beside,
            np.diagonal(blocks),
            beside,
        )
        self._alone = (self._bands[0] == 0) & (self._bands[2] == 0)

    @property
    def is_singular(self) -> bool:
        """Whether a pivot is exactly zero."""
        return bool((self._bands[1, self._alone] == 0).any())

    @property
    def negative(self) -> int:
        """Number of negative eigenvalues; a block of two always has one."""
        single = int((self._bands[1, self._alone] < 0).sum())
        return single + int((~self._alone).sum()) // 2

    def solve(self, right: Vector) -> Vector:
        """Return the solution of matrix · x = right; infinite where there is none."""
        if not len(right):
            return right
        if self.is_singular:
            return np.full_like(right, np.inf)
        found = self._unit(self._scale[self._order] * right[self._order], "N")
        found = linalg.solve_banded((1, 1), self._bands, found, check_finite=False)
        found = self._unit(found, "T")
        result = np.empty_like(found)
        result[self._order] = found
        return np.asarray(self._scale * result)

    def _unit(self, right: Vector, transposed: Literal["N", "T"]) -> Vector:
        """Solve with L, whose diagonal is one, or Lᵀ."""
        found = linalg.solve_triangular(
            self._lower,
            right,
            trans=transposed,
            lower=True,
            unit_diagonal=True,
            check_finite=False,
        )
        return np.asarray(found)


def inverse_of_difference(diagonal: Matrix, moved: Matrix, present: NDArray[np.bool_]) -> Matrix:
    """Return 1/(diagonal − moved), away from zero by a rounding, and zero where nothing is."""
    least = 8 * float(np.finfo(float).eps) * (np.abs(diagonal) + np.abs(moved))
    least = np.maximum(least, float(np.finfo(float).tiny))
    difference = diagonal - moved
    return np.asarray(
        np.where(present, 1 / np.where(np.abs(difference) > least, difference, least), 0.0)
    )
