"""From a Gram matrix to embeddings: H with HHᵀ = G, by symmetric eigendecomposition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy import linalg

from ..checks import finite_number, whole_number
from ..errors import EmbeddingDimensionError, InvalidInputError
from ..io.arrays import real_array
from ..optional import require_memory
from ..short_repr import short_repr
from ..types import Matrix, Vector
from .nonnegative import nonnegative_factor


@short_repr
@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings recovered from a Gram matrix; `numpy.asarray` and indexing give the vectors.

    Attributes
    ----------
    vectors : ndarray, shape (p, dim)
        One embedding per row; unique up to a rotation, with signs and order fixed by convention.
    rank : int
        Numerical rank of the Gram matrix: eigenvalues above `tolerance` times the largest.
    tolerance : float
        The relative threshold of that rank.
    eigenvalues : ndarray, shape (p,)
        All eigenvalues of the Gram matrix, largest first.
    value_lost : float or None
        By how much the objective rises because `dim` is below the rank; 0.0 without truncation,
        None where no objective was given.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
    >>> found = solution.embeddings()
    >>> found.rank, found.vectors.shape, found.value_lost
    (2, (3, 2), 0.0)
    >>> np.allclose(np.asarray(found) @ np.asarray(found).T, solution.class_gram)
    True
    """

    vectors: Matrix
    rank: int
    tolerance: float
    eigenvalues: Vector
    value_lost: float | None = 0.0

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return self.vectors if dtype is None else self.vectors.astype(dtype)

    def __getitem__(self, index: Any) -> Any:
        """Return rows or entries of `vectors`, as that is indexed."""
        return self.vectors[index]

    def __len__(self) -> int:
        return len(self.vectors)


def recover_embeddings(
    gram: ArrayLike,
    dim: int | None = None,
    *,
    truncate: bool = False,
    tolerance: float = 1e-9,
    objective: Callable[[Matrix], float] | None = None,
    nonnegative: bool = False,
) -> Embeddings:
    """Factor a positive semidefinite Gram matrix into embeddings.

    G = U diag(w) Uᵀ gives rows H = U diag(√w), columns by decreasing eigenvalue, each column's
    first largest entry positive (Behnia and Thrampoulidis 2024: any solution of rank ≤ d of the
    relaxation factors into optimal embeddings of dimension d).

    Parameters
    ----------
    gram : array-like, shape (p, p)
        Symmetric positive semidefinite.
    dim : int, optional
        Embedding dimension; the rank by default, larger ones are padded with zeros.
    truncate : bool, default False
        Allow `dim` below the rank: keep the `dim` largest eigenvalues and report the cost.
    tolerance : float, default 1e-9
        Eigenvalues up to this times the largest count as zero.
    objective : callable, optional
        Objective of a p×p Gram matrix, to state what truncating costs.
    nonnegative : bool, default False
        Find embeddings H ≥ 0, as behind a ReLU. They may need more dimensions than the rank; the
        search is one, and may fail (`screlax.analysis.nonnegative`).

    Raises
    ------
    EmbeddingDimensionError
        If `dim` is below the rank and `truncate` is False; states both and the cost.
    InvalidInputError
        If `dim` < 1 or `tolerance` < 0, or the matrix is not a finite symmetric positive
        semidefinite one, or no nonnegative embeddings were found.
    ProblemTooLargeError
        If the embeddings do not fit in memory.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> gram = np.array([[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]])
    >>> vectors = screlax.recover_embeddings(gram, dim=4).vectors
    >>> vectors.shape, np.allclose(vectors @ vectors.T, gram)
    ((3, 4), True)
    """
    dim = None if dim is None else whole_number(dim, "dim")
    tolerance = finite_number(tolerance, "tolerance", 0)
    matrix = _checked_gram(gram)
    values, basis = _eigensystem((matrix + matrix.T) / 2)
    largest = max(float(values[0]), 0.0)
    if values[-1] < -max(tolerance, 1e-9) * max(largest, abs(float(values[-1]))):
        raise InvalidInputError(
            f"the Gram matrix is indefinite: smallest eigenvalue {values[-1]:.3g}, "
            f"largest {values[0]:.3g}; no embeddings have it"
        )
    rank = int((values > tolerance * largest).sum())
    factor = basis[:, :rank] * np.sqrt(values[:rank])
    if nonnegative:
        factor = _nonnegative(matrix, max(tolerance, 1e-12))
    needed = factor.shape[1]
    width = max(needed, 1) if dim is None else dim
    require_memory(8 * len(matrix) * width, f"{len(matrix):,} embeddings of dimension {width:,}")
    vectors = np.zeros((len(matrix), width))
    kept = min(width, needed)
    vectors[:, :kept] = factor[:, :kept]
    if width >= needed:
        return Embeddings(vectors, rank, tolerance, values)
    lost = None if objective is None else objective(vectors @ vectors.T) - objective(matrix)
    if not truncate:
        cost = "" if lost is None else f" and raise the objective by {lost:.6g}"
        discarded = np.square(factor[:, width:]).sum() / np.square(factor).sum()
        what = "the columns found of a nonnegative factor" if nonnegative else "the rank"
        raise EmbeddingDimensionError(
            f"dim={width} is below {what} {needed} of the Gram matrix: truncating would discard "
            f"{discarded:.3g} of its trace{cost}; use dim >= {needed}, or truncate=True"
        )
    return Embeddings(vectors, rank, tolerance, values, lost)


def _eigensystem(matrix: Matrix) -> tuple[Vector, Matrix]:
    """Return eigenvalues, largest first, and eigenvectors with fixed signs."""
    diagonal = np.diagonal(matrix)
    if np.count_nonzero(matrix) == np.count_nonzero(diagonal):
        order = np.argsort(-diagonal, kind="stable")
        return diagonal[order], np.eye(len(matrix))[:, order]
    values, basis = linalg.eigh(matrix)
    return values[::-1], _fixed_signs(basis[:, ::-1])


def _nonnegative(matrix: Matrix, tolerance: float) -> Matrix:
    factor = nonnegative_factor(matrix, tolerance)
    if factor is None:
        raise InvalidInputError(
            "no nonnegative embeddings with this Gram matrix were found; beyond four classes there "
            "need not be any, and the relaxation may be a bound only"
        )
    return factor


def _checked_gram(gram: ArrayLike) -> Matrix:
    matrix = real_array(gram, "a Gram matrix").astype(float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise InvalidInputError(f"a Gram matrix must be square, got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise InvalidInputError("the Gram matrix has entries that are NaN or infinite")
    asymmetry = float(np.abs(matrix - matrix.T).max())
    if asymmetry > 1e-8 * max(float(np.abs(matrix).max()), np.finfo(float).tiny):
        raise InvalidInputError(f"a Gram matrix must be symmetric; it differs by {asymmetry:.3g}")
    return matrix


def _fixed_signs(basis: Matrix) -> Matrix:
    """Make the first of the (nearly) largest entries of each column positive."""
    size = np.abs(basis)
    leader = np.argmax(size >= (1 - 1e-6) * size.max(axis=0), axis=0)
    sign = np.sign(basis[leader, np.arange(basis.shape[1])])
    return np.asarray(basis * np.where(sign == 0, 1.0, sign))
