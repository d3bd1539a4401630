"""Norms and cosines of the class means, by distinct class size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..gram.curve import AnyGram
from ..gram.geometry import cosines_of
from ..problem.ufm import UFM
from ..types import Vector


def orbit_geometry(
    problem: UFM, gram: AnyGram, orbits: NDArray[np.int64] | None = None
) -> dict[str, Vector]:
    """Return norms and cosines of the class means, one entry per distinct size.

    Parameters
    ----------
    problem : UFM
    gram : CellGram or SlackVectorGram
    orbits : ndarray of int, optional
        The distinct sizes wanted, by default all; only their rows of the Gram matrix are formed.

    Returns
    -------
    dict
        norm; cosine_largest, to (another) class of the largest size; cosine_mean and
        cosine_nearest, over all other classes. NaN where a norm is zero.
    """
    copies = problem.class_sizes.multiplicities.astype(float)
    wanted = np.arange(len(copies)) if orbits is None else orbits
    norm = np.sqrt(gram.own)
    cosine = cosines_of(gram.rows(wanted), norm[wanted], norm)
    weight = np.tile(copies, (len(wanted), 1))
    weight[np.arange(len(wanted)), wanted] -= 1
    others = np.where(weight > 0, cosine, 0.0)
    nearest = np.where(weight > 0, cosine, -np.inf).max(axis=1)
    mean = (others * weight).sum(axis=1) / (copies.sum() - 1)
    itself = (wanted == 0) & (copies[0] == 1)
    return {
        "norm": norm[wanted],
        "cosine_largest": np.where(itself, 1.0, cosine[:, 0]),
        "cosine_mean": mean,
        "cosine_nearest": np.where(np.isfinite(norm[wanted] * mean), nearest, np.nan),
    }
