"""Checking what the nonconvex functions are given, before any work starts."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import check_choice, check_kind
from ..errors import InvalidInputError
from ..gram.cells import Cells, Level
from ..io.arrays import real_array
from ..problem.constraints.norm_control import NormControl
from ..problem.ufm import UFM
from ..types import Matrix

FEASIBLE = 1e-6
"""Relative excess of a squared norm up to which embeddings count as within the control."""

LARGEST = 1e100
"""Largest entry of embeddings."""


def check_problem(problem: UFM) -> UFM:
    """Return the problem, whose embeddings may have any sign, or say what is needed instead."""
    check_kind(problem, UFM, "problem")
    problem.loss.require_embeddings("descent on embeddings")
    if problem.constraints:
        raise InvalidInputError(
            "descent moves embeddings within the control alone, and this problem has "
            f"{len(problem.constraints)} constraints of its own: their optimum is that of "
            "solve_relaxation; descend on problem.without_constraints()"
        )
    if problem.features.are_nonnegative:
        raise InvalidInputError(
            "descent moves embeddings of any sign, and those of this problem are nonnegative: "
            "their optimum is that of solve_relaxation, and descent is for features='real'"
        )
    return problem


def check_nonconvex_level(level: Any) -> Level:
    """Return the level: embeddings of classes or of samples."""
    check_choice(level, "level", (Level.CLASSES.value, Level.SAMPLES.value))
    return Level(level)


def check_matrix(name: str, given: ArrayLike, shape: tuple[int | None, ...], what: str) -> Matrix:
    """Return a finite float64 array of a shape, None for any length of at least one."""
    array = real_array(given, name).astype(float)
    fits = array.ndim == len(shape) and all(
        have == want or (want is None and have > 0)
        for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise InvalidInputError(f"{name} must have shape ({wanted}), {what}; got {array.shape}")
    if not np.isfinite(array).all():
        raise InvalidInputError(f"{name} has entries that are NaN or infinite")
    check_size(name, array)
    return array


def check_size(name: str, embeddings: Matrix) -> None:
    """Refuse embeddings whose inner products would come near the largest double."""
    largest = float(np.abs(embeddings).max())
    if largest > LARGEST:
        raise InvalidInputError(
            f"{name} has an entry of size {largest:.3g}; inner products of entries above "
            f"{LARGEST:.0e} are beyond double precision, rescale them first"
        )


def check_nonzero_rows(name: str, embeddings: Matrix, control: NormControl) -> None:
    """Refuse zero rows where no scale of them satisfies the control: they have no direction."""
    squares = np.einsum("...j,...j->...", embeddings, embeddings).ravel()
    if not np.isfinite(control.scale(squares, Cells.of_samples(np.ones_like(squares)))).all():
        raise InvalidInputError(
            f"{name} has rows that are zero, which cannot be rescaled to the {control.name} of "
            f"{control.rule}"
        )


def check_within(
    problem: UFM, embeddings: Matrix, cells: Cells, tolerance: float = FEASIBLE
) -> None:
    """Raise an `InvalidInputError` unless embeddings satisfy the control, up to rounding."""
    control = problem.embedding_control
    worst = control.violation(np.einsum("ij,ij->i", embeddings, embeddings), cells)
    if worst > tolerance:
        raise InvalidInputError(
            f"the embeddings are outside the control, which asks for {control.rule}: off by a "
            f"relative {worst:.3g}; rescale them first"
        )
