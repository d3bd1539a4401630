"""How far embeddings provably are from the global optimum, in every dimension."""

import numpy as np

from ..errors import InvalidInputError, SolverFailedError
from ..gram.cells import CellGram, Level
from ..problem.levels import samples_to_classes
from ..problem.ufm import UFM
from ..proof.certificate import relative_gap, value_and_spread
from ..proof.prove import prove_gram
from ..solve.lifted import Lifted
from ..solve.solve import silent_solution
from ..types import Matrix
from .setup import objective_at, scale_of_rows
from .validate import check_within

_ROUNDING = 1e-12
"""Relative size up to which a value below a lower bound is rounding."""


def relaxation_bound(problem: UFM) -> float:
    """Return the certified lower bound of the relaxation; it holds whatever its gap is."""
    return silent_solution(problem).lower


def gram_bound(problem: UFM, level: Level, embeddings: Matrix) -> float:
    """Return the lower bound that the embeddings' own Gram matrix proves.

    Samples are first averaged over their class (means of inner products and of squared norms).
    """
    if level is Level.SAMPLES:
        label = samples_to_classes(problem.points).cell_of_point
        first = np.flatnonzero(np.diff(label, prepend=-1))
        size = np.asarray(problem.points, dtype=float)
        means = np.add.reduceat(embeddings, first) / size[:, None]
        squares = np.einsum("ij,ij->i", embeddings, embeddings)
        gram = means @ means.T
        np.fill_diagonal(gram, np.add.reduceat(squares, first) / size)
    else:
        gram = embeddings @ embeddings.T
    gram /= problem.temperature
    proof = prove_gram(problem, Level.CLASSES, CellGram.from_matrix(gram))
    return proof.certificate.lower


def best_bound(problem: UFM, level: Level, embeddings: Matrix, lower: float) -> float:
    """Return the larger of a known lower bound and that of the embeddings' own Gram matrix."""
    own = gram_bound(problem, level, embeddings)
    return max(lower, own) if np.isfinite(own) else lower


def certified(
    problem: UFM, level: Level, embeddings: Matrix, lower: float
) -> tuple[float, float, float]:
    """Return value, certified gap and relative gap of embeddings from elsewhere, if feasible."""
    dim = embeddings.shape[1]
    lifted = Lifted(objective_at(problem, level, dim), dim)
    check_within(problem, embeddings, lifted.objective.cells, _ROUNDING)
    value = lifted.objective.value(embeddings * scale_of_rows(lifted, problem))
    bound = best_bound(problem, level, embeddings, lower)
    return value, *gaps_to(problem, value, bound, embeddings)


def gaps_to(problem: UFM, value: float, lower: float, embeddings: Matrix) -> tuple[float, float]:
    """Return value − lower and the same by value and spread of the objective.

    Zero where rounding of the value makes it negative. Where the value is so near zero that
    rounding is larger, nothing is known of it: the gap is that rounding, and relatively one.
    """
    if not np.isfinite(value):
        raise SolverFailedError(
            f"the objective is {value} at the embeddings: their inner products over the "
            "temperature are beyond double precision; start from smaller embeddings"
        )
    largest = float(np.einsum("ij,ij->i", embeddings, embeddings).max()) / problem.temperature
    noise = 16 * float(np.finfo(float).eps) * problem.anchors * largest
    difference, size = value - lower, value_and_spread(value, problem.infimum)
    if difference < -(_ROUNDING * size + noise):
        raise InvalidInputError(
            f"lower={lower!r} is no lower bound of this problem: embeddings of value {value!r} "
            "exist; leave it out, or take it from solve_relaxation of the same problem"
        )
    if difference < -_ROUNDING * size:
        return noise, 1.0
    gap = max(difference, 0.0)
    return gap, relative_gap(gap, value, problem.infimum)
