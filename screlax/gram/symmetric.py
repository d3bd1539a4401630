"""Symmetric matrices as vectors whose products are those of the matrices."""

from __future__ import annotations

import math

import numpy as np

from ..types import Matrix, Vector


def flattened(matrix: Matrix) -> Vector:
    """Return a symmetric matrix as a vector of the same length, shape (k(k+1)/2,)."""
    row, column = np.triu_indices(len(matrix))
    return np.asarray(np.where(row == column, 1.0, math.sqrt(2)) * matrix[row, column])


def symmetric(numbers: Vector, size: int) -> Matrix:
    """Return the symmetric matrix of `flattened`."""
    row, column = np.triu_indices(size)
    matrix = np.zeros((size, size))
    entries = numbers / np.where(row == column, 1.0, math.sqrt(2))
    matrix[row, column] = matrix[column, row] = entries
    return matrix
