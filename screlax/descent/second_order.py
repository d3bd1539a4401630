"""Second-order check of embeddings: global, strict saddle, spurious, or not stationary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..checks import finite_number
from ..problem.program import level_size
from ..problem.ufm import UFM
from ..short_repr import short_repr
from ..solve.lifted import Lifted, LiftedPoint
from ..types import Matrix
from .bound import best_bound, gaps_to, relaxation_bound
from .methods import relative_gradient
from .rotations import Rotations
from .setup import objective_at, scale_of_rows
from .spectrum import smallest_eigenvalue
from .validate import (
    check_matrix,
    check_nonconvex_level,
    check_nonzero_rows,
    check_problem,
    check_within,
)

GLOBAL_GAP = 1e-8
"""Certified relative gap up to which embeddings count as globally optimal."""

STATIONARY = 1e-6
"""Relative gradient norm up to which embeddings count as stationary."""

NEGATIVE = 1e-7
"""Share of the largest Hessian eigenvalue below whose negative an eigenvalue is negative."""

ROUNDING = 1e-14
"""Eigenvalues up to this, per anchor mass of an embedding, are rounding: at unit temperature
curvature is a softmax probability."""

_HALVINGS = 40


@short_repr
@dataclass(frozen=True, eq=False)
class SecondOrder:
    """What gradient, Hessian and certificate say about embeddings.

    Attributes
    ----------
    gradient_norm : float
        ‖projected gradient‖ ‖H‖, the first-order change of the objective for a change of the
        embeddings by as much as they are, as a share of value and spread, like gaps (of value and
        the number of anchors where the objective has no infimum); both norms weighted by the
        embeddings of each class at level "classes". A multiplier of the wrong sign counts as
        gradient.
    smallest_eigenvalue : float
        Smallest value of ⟨V, ∇²L V⟩ / Σ r_c ‖v_c‖² over tangent directions V orthogonal to the
        rotations, L the Lagrangian (with one more coordinate for what a ball or budget leaves
        unused); r_c are the embeddings of a class, 1 at level "samples". +inf where there is no
        such direction.
    rotation_dimensions : int
        Dimension of the space {HΩ, Ω skew} that was projected out.
    direction : ndarray, shape (p, dim), or None
        At a strict saddle, a step that decreases the objective: checked at embeddings + direction,
        rescaled to the control where outside.
    classification : str
        "global": certified relative gap at most 1e-8. Otherwise "not stationary": gradient norm
        above 1e-6; "strict saddle": an eigenvalue below −1e-7 of the largest; else "spurious", a
        second-order stationary point that is not proved global. Below the rank of the optimum that
        may be the best there is in this dimension, and the gap says how far it is from more.
    gap, relative_gap : float
        Certified gap, value − lower, and the same by value and spread of the objective.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> problem = screlax.UFM([50, 20, 5], screlax.Ridge(0.1))
    >>> found = screlax.check_second_order(problem, np.zeros((3, 2)))
    >>> abs(found.smallest_eigenvalue - (0.1 - problem.zero_threshold())) < 1e-9  # λ − λ_max
    True
    >>> found.direction.shape  # a step that goes down
    (3, 2)
    """

    gradient_norm: float
    smallest_eigenvalue: float
    rotation_dimensions: int
    direction: Matrix | None
    classification: str
    gap: float
    relative_gap: float


def check_second_order(
    problem: UFM, embeddings: ArrayLike, *, level: str = "classes", lower: float | None = None
) -> SecondOrder:
    """Classify embeddings by gradient, Hessian and certified gap.

    The Hessian is exact, never a difference quotient; its smallest eigenvalue comes from the
    matrix up to 300 unknowns and from Lanczos beyond. At H = 0 with a ridge it is λ − λ_max
    (`UFM.zero_threshold`). Conditions: Nocedal and Wright, Numerical Optimization, theorems 12.5
    and 12.6; claim that is checked: Behnia and Thrampoulidis, ISIT 2024 (arXiv 2402.18884), no
    spurious points with more dimensions than classes.

    Where a ball or budget is active with a multiplier of exactly zero, the directions inside are
    seen to fourth order only, and a degenerate saddle may be called spurious.

    Parameters
    ----------
    problem : UFM
    embeddings : array-like, shape (p, dim)
        p = k at level "classes"; at level "samples" one row for every embedding, views and
        prototypes included, in class order (`problem.points`).
    level : {"classes", "samples"}
        Whether samples of a class may move apart.
    lower : float, optional
        A certified lower bound to reuse, such as `solve_relaxation(problem).lower`.

    Raises
    ------
    InvalidInputError
        If the embeddings do not fit the problem or are outside its control, or `lower` is no lower
        bound.
    SolverFailedError
        If the eigenvalue computation does not converge.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> problem = screlax.UFM([50, 20, 5], screlax.Ridge(0.1))
    >>> screlax.check_second_order(problem, np.zeros((3, 2))).classification
    'strict saddle'
    """
    problem, checked_level = check_problem(problem), check_nonconvex_level(level)
    rows = level_size(problem, checked_level)
    given = check_matrix("embeddings", embeddings, (rows, None), f"one row per {level[:-1]}")
    known = None if lower is None else finite_number(lower, "lower")
    dim = given.shape[1]
    lifted = Lifted(objective_at(problem, checked_level, dim), dim)
    check_nonzero_rows("embeddings", given, problem.embedding_control)
    check_within(problem, given, lifted.objective.cells)
    scale = scale_of_rows(lifted, problem)
    point = lifted.lift(given * scale)
    feasible = lifted.rows(point) / scale
    bound = relaxation_bound(problem) if known is None else known
    bound = best_bound(problem, checked_level, feasible, bound)
    value = lifted.value(point)
    gap, relative = gaps_to(problem, value, bound, feasible)

    model = lifted.local_model(point)
    gradient_norm = relative_gradient(lifted, _stationarity(lifted, model), point, value)
    rotations = Rotations(lifted.rows(point))

    def project(direction: Matrix) -> Matrix:
        tangent = lifted.project(point, direction)
        kept = rotations.remove(lifted.rows(tangent))
        return np.hstack([kept, tangent[:, dim:]])

    lowest = smallest_eigenvalue(lambda step: lifted.hessian(model, step), project, lifted.shape)
    unit = lifted.objective.anchors / float(lifted.mass.sum())
    is_negative = lowest.value < -max(NEGATIVE * lowest.largest, ROUNDING * unit)
    classification = _classify(relative, gradient_norm, is_negative)
    direction = None
    if classification == "strict saddle":
        step = _escape(lifted, model, lowest.vector)
        direction = None if step is None else step / scale
    return SecondOrder(
        gradient_norm=gradient_norm,
        smallest_eigenvalue=lowest.value / problem.temperature,
        rotation_dimensions=rotations.dimensions,
        direction=direction,
        classification=classification,
        gap=gap,
        relative_gap=relative,
    )


def _classify(gap: float, gradient_norm: float, is_negative: bool) -> str:
    if gap <= GLOBAL_GAP:
        return "global"
    if not gradient_norm <= STATIONARY:
        return "not stationary"
    return "strict saddle" if is_negative else "spurious"


def _stationarity(lifted: Lifted, model: LiftedPoint) -> float:
    """Return the gradient norm, with the gain from moving inside where a multiplier allows it."""
    squared = float(np.linalg.norm(lifted.gradient(model)) ** 2)
    if lifted.manifold.has_slack:
        inward = np.maximum(model.radial, 0.0) * lifted.rows(model.point)
        squared += float(np.vdot(inward, inward))
    return float(np.sqrt(squared))


def _escape(lifted: Lifted, model: LiftedPoint, vector: Matrix) -> Matrix | None:
    """Return the best step along ± an eigenvector, or None where none decreases the objective."""
    start, along = lifted.rows(model.point), lifted.rows(vector)
    length = max(float(np.linalg.norm(start)), float(np.sqrt(lifted.mass.sum())))
    best, decrease = None, 0.0
    for halvings in range(_HALVINGS):
        for sign in (1.0, -1.0):
            step = sign * length * 0.5**halvings * along
            moved = lifted.rows(lifted.lift(start + step)) - start
            change = lifted.objective.change(model.objective, moved)
            if change < decrease:
                best, decrease = step, change
    return best
