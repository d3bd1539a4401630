"""From a certified optimum to what its loss decides."""

from __future__ import annotations

import numpy as np

from ...errors import InvalidInputError
from ...gram.cells import ScatteredGram
from ...gram.curve import AnyGram
from ...problem.ufm import UFM
from .curvature import smallest_curvature
from .dense import dense_curvature
from .optimum import optimum_of
from .result import Determinacy


def find_determinacy(
    problem: UFM, gram: AnyGram, value: float, gap: float, rank: int, tolerance: float
) -> Determinacy:
    """Return the determinacy of a certified optimum.

    Parameters
    ----------
    problem : UFM
    gram : CellGram, SlackVectorGram, …
        The optimum by orbit.
    value : float
        Its objective.
    gap : float
        The certified gap.
    rank : int
        Of the class Gram matrix.
    tolerance : float
        Relative size below which an eigenvalue of it counts as zero.

    Raises
    ------
    InvalidInputError
        If the optimum or its value is zero, features must be nonnegative, there are constraints
        of the problem's own, or classes do not collapse or have prototypes that are points of
        their own.
    ProblemTooLargeError
        If there are too many distinct sizes, or too many classes for a loss that is no sum of rows.
    """
    _check(problem, gram)
    if value == 0:
        raise InvalidInputError("the optimal value is zero, which no excess is relative to")
    optimum = optimum_of(problem, gram, value, gap, rank, tolerance)
    if optimum.form is None:
        found = dense_curvature(problem, optimum.gram, rank)
    else:
        found = smallest_curvature(optimum.form, problem.class_sizes)
    return Determinacy(problem, value, found.value, found.lower, found.direction, optimum)


def _check(problem: UFM, gram: AnyGram) -> None:
    if problem.constraints:
        raise InvalidInputError(
            "determinacy is about optima whose only bound is the control, and constraints that "
            f"hold with equality cost to first order: it is not known for {problem.description}"
        )
    if problem.features.are_nonnegative:
        raise InvalidInputError(
            "with nonnegative features the optimum is at the edge of what is allowed, where angles "
            f"cost to first order: determinacy is known for real features, not for "
            f"{problem.description}"
        )
    if isinstance(gram, ScatteredGram) or problem.points.classes != problem.classes:
        raise InvalidInputError(
            "determinacy is about class means that all embeddings of a class are at, and without "
            f"prototypes of their own, which is not so for {problem.description}"
        )
    if not np.any(gram.own):
        raise InvalidInputError("the optimum is zero, which has no normalised Gram matrix")
