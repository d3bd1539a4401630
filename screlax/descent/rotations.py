"""The directions along which rotations of the embedding space move a point: {XΩ, Ω skew}."""

import numpy as np
from scipy import linalg

from ..types import Matrix

_RANK = 1e-7
"""Singular values up to this share of the largest count as zero."""


class Rotations:
    """Orthogonal projection away from the tangent space of the rotations of a point X, (p, dim).

    In the coordinates of X = U Σ Vᵀ the spanning directions σ_i u_i v_jᵀ − σ_j u_j v_iᵀ, i < j, are
    orthogonal to each other, so that projecting costs no more than a change of basis.
    """

    def __init__(self, rows: Matrix) -> None:
        dim = rows.shape[1]
        left, values, right = linalg.svd(rows, full_matrices=False)
        rank = int((values > _RANK * values[0]).sum()) if values[0] > 0 else 0
        self._left, self._values = left[:, :rank], values[:rank]
        self._right = right[:rank].T
        self._rest = np.eye(dim) - self._right @ self._right.T if rank < dim else None
        self.dimensions = rank * (rank - 1) // 2 + rank * (dim - rank)

    def remove(self, direction: Matrix) -> Matrix:
        """Return the part of a direction, shape (p, dim), that is orthogonal to all rotations."""
        if not self.dimensions:
            return direction
        inner = self._left.T @ direction
        squares = self._values**2
        among = inner @ self._right
        turned = self._values[:, None] * among - (self._values[:, None] * among).T
        share = turned / (squares[:, None] + squares[None, :])
        removed = (self._values[:, None] * share) @ self._right.T
        if self._rest is not None:
            removed = removed + inner @ self._rest
        return np.asarray(direction - self._left @ removed)
