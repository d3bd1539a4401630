"""The smallest eigenvalue of a Hessian that is known by its products only."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from ..errors import SolverFailedError
from ..types import Matrix

_DENSE = 300
"""Up to this many unknowns the Hessian is formed."""

_ACCURACY = 1e-6
"""Residual of the eigenvector, as a share of the largest eigenvalue."""

_SUBSPACES = (60, 200)


@dataclass(frozen=True, eq=False)
class Smallest:
    """The smallest eigenvalue on a subspace."""

    value: float  # +inf where the subspace has no direction
    vector: Matrix  # of the shape of the directions, norm one
    largest: float  # largest absolute value of an eigenvalue, the scale of rounding


def smallest_eigenvalue(
    hessian: Callable[[Matrix], Matrix],
    project: Callable[[Matrix], Matrix],
    shape: tuple[int, int],
    seed: int = 0,
) -> Smallest:
    """Return the smallest eigenvalue of a symmetric map on the range of a projection.

    Up to 300 unknowns from the matrix itself, beyond by Lanczos (ARPACK), with everything outside
    the range moved to the far end of the spectrum; fails if that does not converge.
    """
    size = shape[0] * shape[1]

    def inside(flat: Matrix) -> Matrix:
        return project(hessian(project(flat.reshape(shape)))).ravel()

    def outside(flat: Matrix) -> Matrix:
        return flat - project(flat.reshape(shape)).ravel()

    if size <= _DENSE:
        return _dense(inside, outside, shape)
    generator = np.random.default_rng(seed)
    first = project(generator.standard_normal(shape)).ravel()
    if np.linalg.norm(first) <= 1e-9 * math.sqrt(size):
        return Smallest(math.inf, np.zeros(shape), 0.0)
    operator = LinearOperator((size, size), matvec=inside, dtype=np.float64)
    largest = abs(float(eigsh(operator, 1, which="LM", v0=first, tol=1e-2)[0][0]))
    if largest == 0:
        return Smallest(0.0, first.reshape(shape) / np.linalg.norm(first), 0.0)
    top = 1.1 * largest

    def shifted(flat: Matrix) -> Matrix:
        return inside(flat) + top * outside(flat) - top * flat

    value, vector = _lanczos(
        LinearOperator((size, size), matvec=shifted, dtype=np.float64), first, size
    )
    return Smallest(value + top, vector.reshape(shape), largest)


def _dense(
    inside: Callable[[Matrix], Matrix],
    outside: Callable[[Matrix], Matrix],
    shape: tuple[int, int],
) -> Smallest:
    basis = np.eye(shape[0] * shape[1])
    within = np.array([inside(row) for row in basis])
    without = np.array([outside(row) for row in basis])
    if round(len(basis) - float(np.trace(without))) == 0:
        return Smallest(math.inf, np.zeros(shape), 0.0)
    largest = float(linalg.norm((within + within.T) / 2, 2))
    matrix = within + (2 * largest + 1) * without
    values, vectors = linalg.eigh((matrix + matrix.T) / 2, subset_by_index=[0, 0])
    return Smallest(float(values[0]), vectors[:, 0].reshape(shape), largest)


def _lanczos(operator: LinearOperator, first: Matrix, size: int) -> tuple[float, Matrix]:
    for subspace in _SUBSPACES:
        try:
            ncv = min(subspace, size)
            values, vectors = eigsh(
                operator, 1, which="SA", v0=first, ncv=ncv, tol=_ACCURACY, maxiter=300
            )
        except ArpackNoConvergence:
            continue
        return float(values[0]), vectors[:, 0]
    raise SolverFailedError(
        f"Lanczos found no smallest Hessian eigenvalue of {size:,} unknowns to a relative "
        f"{_ACCURACY:.0e}; check at level 'classes', or embeddings closer to stationarity"
    )
