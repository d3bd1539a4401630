"""Multipliers Y ≥ 0 of the entries' bound of nonnegative features, from a Gram matrix alone.

At the optimum the slack S = C + diag(y) − Y is orthogonal to G and Y vanishes where G does not. So
with F Fᵀ = G, Y is sought on the zeros of G as the least-squares solution of
(C + diag(y) − Y) F = 0, of least norm by pairs of classes whatever the level (LSQR: Paige and
Saunders 1982), and what is negative is left out in turn. Whatever comes out, the
certificate tests it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, lsqr

from ..gram.blocks import gram_blocks, slack_blocks
from ..gram.cells import CellGram
from ..problem.program import Program
from ..types import Matrix, Vector

_ZERO = 1e-7
"""Entries of a Gram matrix below this share of √(own own') count as zero."""

_NOTHING = 1e-10
"""The same by the largest own."""

_SIEVES = 8
"""Solutions in turn, each without the entries that were negative in the last."""

_RANK = 1e-10
"""Eigenvalues of a Gram matrix below this share of the largest are rounding."""

_STEPS = 2000


def stationary_entries(relaxation: Program, slack: CellGram, gram: CellGram) -> Matrix:
    """Return Y ≥ 0 that makes a slack orthogonal to a Gram matrix as nearly as possible.

    Parameters
    ----------
    relaxation : Program
    slack : CellGram
        C + diag(y), coefficients of own and pair.
    gram : CellGram
        A feasible Gram matrix G/τ.

    Returns
    -------
    ndarray, shape (m, m)
        Symmetric, as coefficients of `pair`.
    """
    zero = np.triu(_is_zero(gram))
    np.fill_diagonal(zero, np.diagonal(zero) & (relaxation.cells.points > 1))
    residual, scale = _Residual(relaxation, gram), np.sqrt(_pairs_of_classes(relaxation))
    for _ in range(_SIEVES):
        found = scale * _least_squares(residual, slack, zero, scale)
        if not (found < 0).any():
            break
        zero &= np.triu(found) >= 0  # what is negative stays out
    return np.maximum(found, 0.0)


def _is_zero(gram: CellGram) -> NDArray[np.bool_]:
    """Return which entries count as zero, by their rows' norms and by the largest of all."""
    root = np.sqrt(gram.own)
    small = np.maximum(_ZERO * np.outer(root, root), _NOTHING * float(gram.own.max()))
    return np.asarray(gram.pair <= small)


def _pairs_of_classes(relaxation: Program) -> Matrix:
    """Return how many pairs of classes an entry stands for, samples counting as shares of one."""
    each = relaxation.cells.mass / relaxation.cells.class_size
    return np.outer(each, each)


def _least_squares(
    residual: _Residual, slack: CellGram, zero: NDArray[np.bool_], scale: Matrix
) -> Matrix:
    """Return Z, symmetric and zero outside the pattern, for which S − scale Z is stationary."""
    row, column = np.nonzero(zero)
    nothing, weight = np.zeros(len(zero)), scale[row, column]
    if not len(row):
        return np.zeros_like(scale)

    def placed(entries: Vector) -> Matrix:
        matrix = np.zeros_like(scale)
        matrix[row, column] = entries
        return (matrix + matrix.T) / 2

    operator = LinearOperator(
        (residual.size, len(row)),
        matvec=lambda entries: residual.of(CellGram(nothing, placed(weight * entries))),
        rmatvec=lambda vector: weight * residual.adjoint(vector)[row, column],
        dtype=float,
    )
    return placed(lsqr(operator, residual.of(slack), atol=1e-15, btol=1e-15, iter_lim=_STEPS)[0])


class _Residual:
    """S F in the coordinates of the blocks of an invariant matrix, as one vector."""

    def __init__(self, relaxation: Program, gram: CellGram) -> None:
        self._cells = relaxation.cells
        blocks = gram_blocks(self._cells, gram)
        values, vectors = np.linalg.eigh(blocks.shared)
        kept = values > _RANK * max(float(values[-1]), 0.0)
        self._factor = vectors[:, kept] * np.sqrt(values[kept])
        several = np.isfinite(blocks.split)
        self._split = np.sqrt(np.where(several, np.maximum(blocks.split, 0.0), 0.0))
        self.size = self._factor.size + len(self._split)

    def of(self, slack: CellGram) -> Vector:
        """Return the residual of a slack; linear in it."""
        blocks = slack_blocks(self._cells, slack)
        split = np.where(self._split > 0, self._split * blocks.split, 0.0)
        return np.concatenate([(blocks.shared @ self._factor).ravel(), split])

    def adjoint(self, vector: Vector) -> Matrix:
        """Return the adjoint of `of` by the pair coefficients, shape (m, m), symmetric."""
        shared = vector[: self._factor.size].reshape(self._factor.shape)
        root = np.sqrt(self._cells.mass)
        matrix = shared @ self._factor.T / np.outer(root, root)
        others = np.maximum(self._cells.points - 1, 1)
        split = self._split * vector[self._factor.size :] / (others * self._cells.mass)
        return np.asarray((matrix + matrix.T) / 2 - np.diag(split))
