"""Softmax of rows in expectation, and its Hessian."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...types import Matrix, Vector
from .columns import Columns
from .draws import Array

_POWERS = 8
"""Steps towards the leading direction: what is beside it is small."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the rows of B C Bᵀ: those that share their columns.

    Attributes
    ----------
    rows : ndarray of int, shape (r,)
    columns : Columns
        Their basis is Bᵀ, made where it is needed.
    core : ndarray, shape (r, q, q)
        C.
    scale : ndarray, shape (r, m)
        A factor of each row of B.
    """

    rows: NDArray[np.int64]
    columns: Columns
    core: Array
    scale: Matrix

    def leading(self) -> Matrix:
        """Return φ of the best B C Bᵀ ≈ φ φᵀ for these rows, nearly, (r, m)."""
        vector = self.core[:, :, :1]
        for _ in range(_POWERS):
            size = np.sqrt((vector * vector).sum(axis=1, keepdims=True))
            vector = self.core @ (vector / np.where(size > 0, size, 1.0))
        # of rank one along that: C x xᵀ C / xᵀ C x
        moved = self.core @ vector
        square = (vector * moved).sum(axis=1)
        along = moved[:, :, 0] / np.sqrt(np.where(square > 0, square, 1.0))
        return dataclasses.replace(self.columns).spread(along) * self.scale

    def applied(self, direction: Matrix) -> Matrix:
        """Return B C Bᵀ applied to directions of these rows, (r, m)."""
        columns = dataclasses.replace(self.columns)
        seen = columns.gathered(self.scale * direction)
        return columns.spread((self.core @ seen[..., None])[..., 0]) * self.scale

    def factors(self) -> tuple[Array, Matrix]:
        """Return φ (q, r, m) and signs (q, r): for these rows B C Bᵀ = Σ sign φ φᵀ."""
        sizes, vectors = np.linalg.eigh(self.core)
        roots = vectors * np.sqrt(np.abs(sizes))[:, None, :]
        columns = dataclasses.replace(self.columns)
        each = [columns.spread(root) * self.scale for root in np.moveaxis(roots, 2, 0)]
        return np.array(each), np.sign(sizes).T


@dataclass(frozen=True, eq=False)
class Moments:
    """Softmax of every row in expectation, and its Hessian diag(softmax − diagonal) − B C Bᵀ.

    Attributes
    ----------
    softmax : ndarray, shape (R, m)
        ∂/∂M_cj = V e_j E[1 b_j/Y].
    errors : ndarray, shape (R,)
        Bounds of Σ_j |error of softmax_j|, relative to Σ_j softmax_j.
    diagonal : ndarray, shape (R, m)
    parts : sequence of Part
        V² e_i e_j E[1 b_i b_j/Y²] = diagonal δ_ij + (B C Bᵀ)_ij: along δ_j = dM_cj − dM_cc the
        second derivative is Σ softmax_j δ_j² less the quadratic form of that.
    """

    softmax: Matrix
    errors: Vector
    diagonal: Matrix
    parts: Sequence[Part]

    def leading(self) -> Matrix:
        """Return φ of the best B C Bᵀ ≈ φ φᵀ of rank one, nearly, for each row, shape (R, m)."""
        found = np.empty_like(self.softmax)
        for part in self.parts:
            found[part.rows] = part.leading()
        return found

    def curvature(self, direction: Matrix) -> Matrix:
        """Return the Hessians applied to δ, shape (R, m)."""
        found = (self.softmax - self.diagonal) * direction
        for part in self.parts:
            found[part.rows] -= part.applied(direction[part.rows])
        return found

    def factors(self) -> list[tuple[Matrix, Vector]]:
        """Return, for each row, φ (q, m) and signs (q,): the Hessian's −B C Bᵀ = Σ sign φ φᵀ."""
        found: list[tuple[Matrix, Vector]] = [(np.zeros((0, 0)), np.zeros(0))] * len(self.softmax)
        for part in self.parts:
            factors, signs = part.factors()
            for place, row in enumerate(part.rows.tolist()):
                found[row] = factors[:, place], -signs[:, place]
        return found
