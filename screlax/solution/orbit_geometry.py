"""Norms and cosines of the class means, by distinct class size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..gram.curve import AnyGram
from ..gram.geometry import cosines_of
from ..gram.logits import LogitGram
from ..problem.ufm import UFM
from ..types import Vector

if TYPE_CHECKING:
    from .solution import Solution


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


def solution_geometry(
    solution: Solution, orbits: NDArray[np.int64] | None = None
) -> dict[str, Vector]:
    """Return `orbit_geometry` of a solution, of its classifier too where it has one.

    Parameters
    ----------
    solution : Solution
    orbits : ndarray of int, optional
        As for `orbit_geometry`.

    Returns
    -------
    dict
        As `orbit_geometry`; with a classifier also classifier_norm, classifier_cosine_largest,
        classifier_cosine_mean and classifier_cosine_nearest, of its rows, and
        cosine_to_classifier, of a class mean with the row of its class.
    """
    problem = solution.problem
    found = orbit_geometry(problem, solution.orbit_gram, orbits)
    gram = solution.point_gram
    if not isinstance(gram, LogitGram):
        return found
    rows = orbit_geometry(problem, gram.classifier, orbits)
    found |= {f"classifier_{name}": column for name, column in rows.items()}
    product = found["norm"] * rows["norm"]
    own = gram.unit_logits.own * np.sqrt(math.prod(gram.squares))
    own = own if orbits is None else own[orbits]
    cosine = np.full_like(product, np.nan)
    np.divide(own, product, out=cosine, where=product > 0)
    return found | {"cosine_to_classifier": cosine}
