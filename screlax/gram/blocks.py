"""Eigenvalues of invariant matrices: the n×n spectrum from an m×m matrix and m numbers.

A matrix that is invariant under exchanging points of a cell splits into its action on the m cell
sums, an m×m matrix, and one number for each cell with several points (multiplicity κ_g − 1).
Scaling by √mass makes the eigenvalues those of the n×n Gram matrix, at every level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..short_repr import short_repr
from ..types import Matrix, Vector
from .cells import CellGram, Cells


@short_repr
@dataclass(frozen=True, eq=False)
class Blocks:
    """An invariant matrix in block-diagonal form.

    Attributes
    ----------
    shared : ndarray, shape (m, m)
        Action on the normalised cell sums.
    split : ndarray, shape (m,)
        Eigenvalue on differences of points within a cell; +inf where a cell has one point.
    """

    shared: Matrix
    split: Vector

    def smallest_eigenvalue(self) -> float:
        """Return the smallest eigenvalue of the whole matrix."""
        shared = linalg.eigh(self.shared, eigvals_only=True, subset_by_index=[0, 0])
        return float(min(shared[0], self.split.min()))


def gram_blocks(cells: Cells, gram: CellGram) -> Blocks:
    """Return the blocks of the n×n Gram matrix of a cell Gram matrix."""
    root = np.sqrt(cells.mass)
    size = cells.mass / cells.points
    several = cells.points > 1
    split = np.where(several, size * gram.spread, 0.0)
    shared = root[:, None] * gram.pair * root[None, :]
    shared[np.diag_indices_from(shared)] += split
    return Blocks(shared, np.where(several, split, np.inf))


def diagonal_sizes(cells: Cells, gram: CellGram) -> Vector:
    """Return the largest of κ_g own_g/κ_g and the diagonal of the shared block; one where zero."""
    several = cells.points > 1
    shared = gram.own + np.where(several, cells.points - 1, 0) * np.diagonal(gram.pair)
    size = np.maximum(gram.own, shared)
    return np.where(size > 0, size, 1.0)


def scaled_blocks(cells: Cells, gram: CellGram) -> Blocks:
    """Return the blocks of the points' Gram matrix, scaled to a diagonal of at most one.

    Unlike the n×n matrix it does not drown small classes in the rounding of large ones.
    """
    root = np.sqrt(cells.points / diagonal_sizes(cells, gram))
    several = cells.points > 1
    split = np.where(several, gram.spread / np.where(gram.own > 0, gram.own, 1.0), 0.0)
    shared = root[:, None] * gram.pair * root
    delta = np.where(several, gram.spread, 0.0) / diagonal_sizes(cells, gram)
    shared[np.diag_indices_from(shared)] += delta
    return Blocks(shared, np.where(several, split, np.inf))


def is_positive_definite(matrix: Matrix, shift: float) -> bool:
    """Whether a Cholesky factorisation of matrix + shift·1 exists."""
    shifted = matrix + shift * np.eye(len(matrix))
    if not np.isfinite(shifted).all():
        return False
    try:
        linalg.cholesky(shifted, lower=True, overwrite_a=True, check_finite=False)
    except linalg.LinAlgError:
        return False
    return True


def gram_from_blocks(cells: Cells, blocks: Blocks) -> CellGram:
    """Return the cell Gram matrix with these blocks; the inverse of `gram_blocks`."""
    root = np.sqrt(cells.mass)
    size = cells.mass / cells.points
    split = np.where(cells.points > 1, blocks.split, 0.0)
    pair = (blocks.shared - np.diag(split)) / np.outer(root, root)
    pair = (pair + pair.T) / 2
    return CellGram(np.diagonal(pair) + split / size, pair)


def slack_blocks(cells: Cells, slack: CellGram, spread: Vector | None = None) -> Blocks:
    """Return the blocks of the dual slack per sample, N^{-1/2} S N^{-1/2}.

    `slack` holds coefficients of (own, pair), as `screlax.problem.program.Program.slack` returns
    them, `spread` those of differences within a point of the level (`GramLoss.spread`). A
    difference of two points of a cell meets the coefficient of own less the share of pair.
    """
    root = np.sqrt(cells.mass)
    several = cells.points > 1
    shared = slack.pair / np.outer(root, root)
    shared[np.diag_indices_from(shared)] += slack.own / cells.mass
    others = np.where(several, cells.points - 1, 1)
    split = np.where(several, (slack.own - np.diagonal(slack.pair) / others) / cells.mass, np.inf)
    if spread is not None:
        split = np.minimum(split, spread / cells.mass)
    return Blocks(shared, split)
