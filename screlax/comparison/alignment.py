"""The rotation, and if wanted the scale, that brings class means closest to optimal embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..partition import Matrix


@dataclass(frozen=True, eq=False)
class Alignment:
    """The solution of the orthogonal Procrustes problem min ‖a M Q − H*‖_F.

    Attributes
    ----------
    rotation : ndarray, shape (width, width)
        Q, orthogonal; width is the larger of the two dimensions, the other is padded with zeros.
    scale : float
        a, one where it was fixed.
    residual : float
        ‖a M Q − H*‖_F/‖H*‖_F.
    aligned : ndarray, shape (k, width)
        a M Q.
    target : ndarray, shape (k, width)
        H*, padded.
    """

    rotation: Matrix
    scale: float
    residual: float
    aligned: Matrix
    target: Matrix


def align(means: Matrix, optimum: Matrix, *, free_scale: bool) -> Alignment:
    """Rotate class means onto optimal embeddings (Schönemann 1966, Psychometrika 31).

    With MᵀH* = U S Vᵀ the rotation is Q = U Vᵀ, and the best scale tr S/‖M‖_F². Both geometries are
    determined up to a rotation only, so that Q carries no information but the residual does.

    Parameters
    ----------
    means : ndarray, shape (k, d)
    optimum : ndarray, shape (k, r)
        At least one entry of each is not zero.
    free_scale : bool
        Whether a may differ from one.
    """
    width = max(means.shape[1], optimum.shape[1])
    mine, target = _padded(means, width), _padded(optimum, width)
    # both in units of their own norm, so that products neither overflow nor vanish
    sizes = linalg.norm(mine), linalg.norm(target)
    rotation, total = linalg.orthogonal_procrustes(mine / sizes[0], target / sizes[1])
    scale = float(total * sizes[1] / sizes[0]) if free_scale else 1.0
    aligned = scale * (mine @ rotation)
    residual = float(linalg.norm(aligned - target) / sizes[1])
    return Alignment(np.asarray(rotation, dtype=float), scale, residual, aligned, target)


def _padded(rows: Matrix, width: int) -> Matrix:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))
