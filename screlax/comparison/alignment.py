"""The rotation, and if wanted the scale, that brings class means closest to optimal embeddings."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..gram.geometry import angles_between
from ..short_repr import short_repr
from ..types import Matrix, Vector


@short_repr
@dataclass(frozen=True, eq=False)
class Alignment:
    """The solution of the orthogonal Procrustes problem min ‖a M Q − H*‖_F.

    The residual counts what lies outside the optimum's space; the angles of zeros are NaN.
    """

    rotation: Matrix  # Q, shape (d, r); QQᵀ or QᵀQ is a projection
    scale: float  # a, one where it was fixed
    residual: float  # ‖a M Q − H*‖_F/‖H*‖_F
    angles: Vector  # degrees between each class mean, aligned, and its optimal embedding, (k,)


def align(means: Matrix, optimum: Matrix, *, free_scale: bool) -> Alignment:
    """Rotate class means (k, d) onto optimal embeddings (k, r) (Schönemann 1966, Psychometrika 31).

    With MᵀH* = U S Vᵀ the rotation is Q = U Vᵀ, and the best scale tr S/‖M‖_F². Both geometries are
    determined up to a rotation only, so that Q carries no information but the residual does. All
    is done in coordinates of the two row spaces, which have at most k dimensions. Neither is zero.
    """
    mine, my_basis = _coordinates(means)
    target, basis = _coordinates(optimum)
    width = max(mine.shape[1], target.shape[1])
    mine, target = _padded(mine, width), _padded(target, width)
    # both in units of their own norm, so that products neither overflow nor vanish
    sizes = linalg.norm(mine), linalg.norm(target)
    rotation, total = linalg.orthogonal_procrustes(mine / sizes[0], target / sizes[1])
    scale = float(total * sizes[1] / sizes[0]) if free_scale else 1.0
    aligned = scale * (mine @ rotation)
    residual = float(linalg.norm(aligned - target) / sizes[1])
    inner = rotation[: my_basis.shape[1], : basis.shape[1]]
    return Alignment(
        np.asarray(my_basis @ inner @ basis.T, dtype=float),
        scale,
        residual,
        angles_between(aligned, target),
    )


def _coordinates(rows: Matrix) -> tuple[Matrix, Matrix]:
    """Return coordinates in the space of the rows, shape (k, s), and its basis, shape (d, s)."""
    if rows.shape[1] <= len(rows):
        return rows, np.eye(rows.shape[1])
    basis, triangle = linalg.qr(rows.T, mode="economic")
    return np.array(triangle.T, dtype=float), np.array(basis, dtype=float)


def _padded(rows: Matrix, width: int) -> Matrix:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))
