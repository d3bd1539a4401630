"""Nonnegative factors of a Gram matrix: H ≥ 0 with H Hᵀ = G, as features behind a ReLU have it.

A matrix with such a factor is called completely positive. Positive semidefinite and nonnegative
entry by entry is necessary, and sufficient up to order four (Maxfield and Minc 1962); beyond, no
fast test is known, and a search that fails proves nothing.
Source: Berman and Shaked-Monderer, Completely Positive Matrices (2003).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, sparse

from ..types import Matrix, Vector

_STARTS = 8
"""Searches with each number of columns."""

_ZERO = 1e-7
"""Entries of a factor below this share of the largest count as zero when it is polished."""

_MOST_POLISHED = 4000
"""Entries of a factor up to which it is polished, by dense least squares."""


def nonnegative_factor(gram: Matrix, tolerance: float) -> Matrix | None:
    """Return H ≥ 0 with H Hᵀ = G up to a tolerance, or None where none was found.

    Blocks that are orthogonal to each other are factored on their own; of order one and of rank one
    by a formula, others by descent from several starts.

    Parameters
    ----------
    gram : ndarray, shape (k, k)
        Symmetric, positive semidefinite and nonnegative up to the tolerance.
    tolerance : float
        Largest error of an entry, relative to the largest.

    Returns
    -------
    ndarray, shape (k, p), or None
        Columns by decreasing norm; p may exceed the rank.
    """
    largest = float(np.abs(gram).max())
    if largest == 0:
        return np.zeros((len(gram), 0))
    allowed, diagonal = tolerance * largest, np.diagonal(gram)
    if np.count_nonzero(gram) == np.count_nonzero(diagonal):
        order = np.argsort(-diagonal, kind="stable")[: np.count_nonzero(diagonal)]
        return np.diag(np.sqrt(diagonal))[:, order]
    count, block = sparse.csgraph.connected_components(gram > allowed, directed=False)
    generator = np.random.default_rng(0)
    columns = []
    for number in range(count):
        rows = np.flatnonzero(block == number)
        factor = _factor(np.maximum(gram[np.ix_(rows, rows)], 0.0), allowed, generator)
        if factor is None:
            return None
        placed = np.zeros((len(gram), factor.shape[1]))
        placed[rows] = factor
        columns.append(placed)
    found = np.hstack(columns)
    found = found[:, np.argsort(-linalg.norm(found, axis=0), kind="stable")]
    return found if np.abs(found @ found.T - gram).max() <= allowed else None


def _factor(gram: Matrix, allowed: float, generator: np.random.Generator) -> Matrix | None:
    """Factor a matrix that does not fall apart."""
    root = np.sqrt(np.diagonal(gram))
    if np.abs(np.outer(root, root) - gram).max() <= allowed:
        return root[:, None] if root.any() else np.zeros((len(gram), 0))
    rank = int((linalg.eigvalsh(gram) > allowed).sum())
    for width in (rank, 2 * rank, 4 * rank):
        for _ in range(_STARTS):
            start = np.abs(generator.standard_normal((len(gram), width)))
            start *= (root / np.maximum(linalg.norm(start, axis=1), 1e-300))[:, None]
            found = _polished(_descended(gram, start), gram)
            if np.abs(found @ found.T - gram).max() <= allowed:
                return found[:, found.any(axis=0)]
    return None


def _descended(gram: Matrix, start: Matrix) -> Matrix:
    """Minimise ‖H Hᵀ − G‖²/4 over H ≥ 0 from a start."""
    scale = float(np.abs(gram).max())

    def value_and_gradient(flat: Vector) -> tuple[float, Vector]:
        rows = flat.reshape(start.shape)
        error = rows @ rows.T - gram
        return float(np.vdot(error, error)) / (4 * scale), (error @ rows).ravel() / scale

    found = optimize.minimize(
        value_and_gradient,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=optimize.Bounds(0.0, np.inf),
        options={"maxiter": 2000, "maxfun": 4000, "ftol": 0.0, "gtol": 1e-12},
    )
    return np.asarray(found.x).reshape(start.shape)


def _polished(rows: Matrix, gram: Matrix) -> Matrix:
    """Solve H Hᵀ = G by Gauss–Newton in the entries that are not zero, as long as it helps."""
    best, error = rows, np.abs(rows @ rows.T - gram).max()
    for _ in range(8):
        free = np.argwhere(best > _ZERO * best.max())
        if len(free) > _MOST_POLISHED or error == 0:
            return best
        step = _newton_step(best, gram, free)
        moved = np.where(best > _ZERO * best.max(), np.maximum(best + step, 0.0), 0.0)
        after = np.abs(moved @ moved.T - gram).max()
        if not after < error:
            return best
        best, error = moved, after
    return best


def _newton_step(rows: Matrix, gram: Matrix, free: NDArray[np.int64]) -> Matrix:
    """Return the smallest change of the free entries that removes the error to first order."""
    upper = np.triu_indices(len(gram))
    change = np.zeros((len(upper[0]), len(free)))
    for number, (row, column) in enumerate(free):
        change[:, number] += (upper[0] == row) * rows[upper[1], column]
        change[:, number] += (upper[1] == row) * rows[upper[0], column]
    wanted = (gram - rows @ rows.T)[upper]
    step = np.zeros_like(rows)
    step[free[:, 0], free[:, 1]] = linalg.lstsq(change, wanted)[0]
    return step
