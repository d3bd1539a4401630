"""Optimal class means turned onto given ones, as near as their geometry allows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, optimize

from ..errors import InvalidInputError
from ..io.arrays import real_array
from ..types import Matrix


def checked_onto(onto: ArrayLike, classes: int, dim: int | None) -> Matrix:
    """Return the class means to turn onto in double precision, or refuse them."""
    means = real_array(onto, "onto").astype(np.float64)
    if means.ndim != 2 or len(means) != classes or dim not in (None, means.shape[1]):
        wanted = "dim" if dim is None else dim
        raise InvalidInputError(
            f"onto must be class means of shape ({classes}, {wanted}), got {means.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(means).all(axis=1))
    if len(bad):
        raise InvalidInputError(
            f"the mean of class {bad[0]} in onto is not finite; zero stands for a class without "
            "samples, which then draws nothing"
        )
    if not means.any():
        raise InvalidInputError("all class means in onto are zero: there is nothing to turn onto")
    return means


def turned_onto(points: Matrix, means: Matrix, orbit: NDArray[np.int64]) -> Matrix:
    """Return the points, rotated and exchanged within orbits, with the most of Σ_c ⟨x_c, μ_c⟩.

    The best orthogonal R for given places is U Vᵀ of Xᵀ M = U diag(s) Vᵀ (Schönemann 1966), the
    best places for a given R an assignment in each orbit; in turn, until nothing is gained. Where X
    has the symmetry of its Gram matrix an exchange is itself a rotation, and the first is the best
    of all. Points in fewer dimensions than the rank have lost it.
    """
    place = np.arange(len(points))
    value, best = -np.inf, points
    while True:
        left, stretch, right = linalg.svd(points[place].T @ means)
        if not stretch.sum() > value * (1 + 1e-12):
            return best
        value, best = float(stretch.sum()), np.asarray(points[place] @ (left @ right))
        gains = means @ (points @ (left @ right)).T
        for each in np.unique(orbit):
            members = np.flatnonzero(orbit == each)
            mine, theirs = optimize.linear_sum_assignment(
                gains[np.ix_(members, members)], maximize=True
            )
            place[members[mine]] = members[theirs]


def refuse_nonnegative(problem: Any) -> None:
    """Refuse features that a rotation takes out of their orthant."""
    if problem.features.are_nonnegative:
        raise InvalidInputError(
            "features of this problem are nonnegative, which no rotation keeps; leave onto out"
        )
