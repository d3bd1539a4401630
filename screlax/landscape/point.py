"""One point of a landscape survey: where one descent ended, and what was proved about it."""

from dataclasses import dataclass

import numpy as np

from ..descent import check_second_order, solve_nonconvex
from ..problem.ufm import UFM
from ..short_repr import short_repr
from ..types import Matrix

_TOLERANCE = 1e-15
"""Gap at which a descent stops. A gap of ε determines a Gram matrix only to about √ε, so that the
distance between two optima says something only where descents end at rounding level."""


CLASSIFICATIONS = ("global", "strict saddle", "spurious", "not stationary")
"""What `check_second_order` may say."""


@short_repr
@dataclass(frozen=True, eq=False)
class LandscapePoint:
    """Where descent from one random start ended.

    Attributes
    ----------
    dim : int
        Embedding dimension d.
    start : int
        Number of the start, from 0.
    value : float
        Objective, summed over anchors.
    gap, relative_gap : float
        Certified gap to the optimum over all dimensions, value − lower, with the lower bound of the
        relaxation's solution or of these embeddings, whichever is larger; and the same by value and
        spread of the objective.
    iterations : int
        Iterations of the descent.
    classification : str
        "global", "strict saddle", "spurious" or "not stationary", by `check_second_order`.
    gradient_norm : float
        Relative norm of the projected gradient.
    smallest_eigenvalue : float
        Of the Hessian on the tangent space, less rotations, per embedding.
    embeddings : ndarray, shape (p, dim)
        One per class, or every embedding by itself in class order (`problem.points`).
    """

    dim: int
    start: int
    value: float
    gap: float
    relative_gap: float
    iterations: int
    classification: str
    gradient_norm: float
    smallest_eigenvalue: float
    embeddings: Matrix

    @property
    def gram(self) -> Matrix:
        """Gram matrix of the embeddings, shape (p, p)."""
        return np.asarray(self.embeddings @ self.embeddings.T)


def descend(
    problem: UFM, dim: int, start: int, *, seed: int, level: str, lower: float
) -> LandscapePoint:
    """Run one descent and classify its end.

    The random start depends on (seed, dim, start) alone. Whoever calls holds BLAS to one thread:
    the number of threads changes the order of sums, and with it the last bits of the result.
    """
    result = solve_nonconvex(
        problem,
        dim,
        seed=start_seed(seed, dim, start),
        level=level,
        lower=lower,
        tol=_TOLERANCE,
    )
    order = check_second_order(problem, result.embeddings, level=level, lower=lower)
    return LandscapePoint(
        dim=dim,
        start=start,
        value=result.value,
        gap=result.gap,
        relative_gap=result.relative_gap,
        iterations=int(result.iterations[0]),
        classification=order.classification,
        gradient_norm=order.gradient_norm,
        smallest_eigenvalue=order.smallest_eigenvalue,
        embeddings=result.embeddings,
    )


def start_seed(seed: int, dim: int, start: int) -> int:
    """Return the seed of one start, independent of all others (`numpy.random.SeedSequence`)."""
    sequence = np.random.SeedSequence(seed, spawn_key=(dim, start))
    # as a double holds it: the starts are those that surveys have always had
    return int(float(sequence.generate_state(1, np.uint64)[0]))
