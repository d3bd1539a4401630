"""Floating-point factors that proofs in ball arithmetic take as the exact numbers they are."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ...types import Matrix


def factor_of(matrix: Matrix) -> Matrix:
    """Return V with V Vᵀ about a symmetric matrix, its negative eigenvalues left out."""
    values, vectors = linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
