"""`solve_nonconvex`: run descent from several starts and prove how far each run got."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_choice, finite_number, positive_number, whole_number
from ..errors import InvalidInputError
from ..optional import require_memory
from ..problem.program import level_size
from ..problem.ufm import UFM
from ..proof.certificate import value_of_gap
from ..solve.lifted import Lifted
from ..types import Matrix
from .bound import best_bound, gaps_to, relaxation_bound
from .methods import descend_gradient, descend_lbfgs, descend_newton
from .recorder import Callback, Recorder
from .result import NonconvexResult
from .setup import objective_at, scale_of_rows
from .validate import (
    check_matrix,
    check_nonconvex_level,
    check_nonzero_rows,
    check_problem,
)

_METHODS: dict[str, Callable[[Lifted, Matrix, Recorder], Matrix]] = {
    "lbfgs": descend_lbfgs,
    "gd": descend_gradient,
    "newton-cg": descend_newton,
}

_INSIDE = 1e-6
"""Share of the norm bound by which a given start on the boundary is moved inside."""


def solve_nonconvex(
    problem: UFM,
    dim: int,
    *,
    starts: int = 1,
    method: str = "lbfgs",
    seed: int = 0,
    level: str = "classes",
    initial: ArrayLike | None = None,
    max_iterations: int = 2000,
    tol: float = 1e-9,
    lower: float | None = None,
    callback: Callback | None = None,
) -> NonconvexResult:
    """Minimise the nonconvex objective over embeddings, and prove how far each run got.

        minimise  loss(HHᵀ) + (λ/2)‖H‖_F²   over H of shape (p, dim), within the control

    The objective of every run is compared with a lower bound from the convex relaxation, which
    holds for embeddings of any dimension: where `dim` is at least the rank of the optimum a gap of
    zero is possible, and below it the gap bounds what more dimensions could gain. No run is called
    optimal on its own word. Source: Behnia and Thrampoulidis, ISIT 2024 (arXiv 2402.18884): no
    spurious local minima for more dimensions than classes.

    Parameters
    ----------
    problem : UFM
    dim : int
        Embedding dimension d ≥ 1.
    starts : int, default 1
        Number of random starts: on a sphere uniform, within a ball or budget uniform with one
        coordinate dropped, for ridge normal with mean squared norm τ.
    method : {"lbfgs", "gd", "newton-cg"}
        L-BFGS with Newton steps at the end; gradient descent with Barzilai–Borwein steps; or
        trust-region Newton with conjugate gradients on exact Hessian products from the start.
    seed : int, default 0
        Start s draws from `numpy.random.default_rng([seed, s])`, whatever the number of starts.
    level : {"classes", "samples"}
        One embedding per class, O(k² dim) an iteration; or every embedding by itself, O(n² dim):
        one per sample, with views V per sample, and every prototype, in class order
        (`numpy.repeat(range(k), problem.points)`), the views of a sample together. Under a loss
        with general targets the best embeddings of a class need not coincide; then only the latter
        reach the optimum.
    initial : array-like, shape (p, dim) or (starts, p, dim), optional
        Start from these instead, p = k or the number of embeddings; with one matrix, `starts` must
        be 1. They are rescaled to satisfy the control; on the boundary of a ball or budget they are
        moved inside by a relative 1e-6 of the bound on ‖h‖², since a norm could not shrink
        otherwise.
    max_iterations : int, default 2000
        Per start, over all phases.
    tol : float, default 1e-9
        Certified relative gap at which a run stops and counts as optimal.
    lower : float, optional
        A certified lower bound to reuse, such as `solve_relaxation(problem).lower`, which is
        computed otherwise. The bound that the best run's own Gram matrix proves is used where it is
        larger.
    callback : callable, optional
        Called as callback(start, iteration, value, gradient_norm), the norm per anchor; returning
        True stops that start.

    Returns
    -------
    NonconvexResult
        Every run, best first.

    Raises
    ------
    InvalidInputError
        If an argument is out of range or does not fit, or `lower` is no lower bound.
    ProblemTooLargeError
        If the level's arrays would not fit in memory.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0), 0.5)
    >>> result = screlax.solve_nonconvex(problem, dim=4, starts=3)
    >>> result.status
    <Status.OPTIMAL: 'optimal'>
    """
    problem, dim = check_problem(problem), whole_number(dim, "dim")
    problem.require_bounded()
    starts, seed = whole_number(starts, "starts"), whole_number(seed, "seed", 0)
    limit = whole_number(max_iterations, "max_iterations")
    tolerance = _check_tolerance(tol)
    checked_level = check_nonconvex_level(level)
    check_choice(method, "method", tuple(_METHODS))
    known = None if lower is None else finite_number(lower, "lower")
    rows = level_size(problem, checked_level)
    given = _check_initial(problem, initial, starts, rows, dim)
    require_memory(8.0 * rows * dim * (starts + 60), f"{starts} starts of {rows:,} embeddings")
    bound = relaxation_bound(problem) if known is None else known
    lifted = Lifted(objective_at(problem, checked_level, dim), dim)
    target = value_of_gap(tolerance, bound, problem.infimum)
    runs = []
    for start in range(starts):
        recorder = Recorder(start, target, limit, problem.anchors, callback)
        runs.append(_run(lifted, problem, given, seed, _METHODS[method], recorder))
    runs.sort(key=lambda run: (run.value, run.start))
    bound = best_bound(problem, checked_level, runs[0].embeddings, bound)
    gaps = np.array([gaps_to(problem, run.value, bound, run.embeddings) for run in runs])
    return NonconvexResult(
        problem=problem,
        level=checked_level.value,
        dim=dim,
        method=method,
        tol=tolerance,
        lower=bound,
        embeddings=runs[0].embeddings,
        values=np.array([run.value for run in runs]),
        gaps=gaps[:, 0],
        relative_gaps=gaps[:, 1],
        all_embeddings=np.stack([run.embeddings for run in runs]),
        histories=tuple(run.recorder.history() for run in runs),
        iterations=np.array([run.recorder.iterations for run in runs], dtype=np.int64),
        seconds=np.array([run.seconds for run in runs]),
        messages=tuple(run.recorder.reason for run in runs),
        order=np.array([run.start for run in runs], dtype=np.int64),
    )


@dataclass(frozen=True, eq=False)
class _Run:
    start: int
    embeddings: Matrix
    value: float
    recorder: Recorder
    seconds: float


def _run(
    lifted: Lifted,
    problem: UFM,
    given: NDArray[np.float64] | None,
    seed: int,
    descend: Callable[[Lifted, Matrix, Recorder], Matrix],
    recorder: Recorder,
) -> _Run:
    """Descend from one start; the value is that of the embeddings as they are returned."""
    begin = time.perf_counter()
    point = descend(lifted, _first_point(lifted, problem, given, recorder.start, seed), recorder)
    scale = scale_of_rows(lifted, problem)
    embeddings = np.asarray(lifted.rows(point) / scale)
    value = lifted.objective.value(embeddings * scale)
    return _Run(recorder.start, embeddings, value, recorder, time.perf_counter() - begin)


def _first_point(
    lifted: Lifted, problem: UFM, given: NDArray[np.float64] | None, start: int, seed: int
) -> Matrix:
    if given is None:
        return lifted.random(np.random.default_rng([seed, start]))
    return lifted.lift(given[start] * scale_of_rows(lifted, problem), inside=_INSIDE)


def _check_tolerance(tol: Any) -> float:
    tolerance = positive_number(tol, "tol")
    if tolerance >= 0.5:
        raise InvalidInputError(f"tol is a relative gap, below 1/2; got {tol!r}")
    return tolerance


def _check_initial(
    problem: UFM, initial: ArrayLike | None, starts: int, rows: int, dim: int
) -> NDArray[np.float64] | None:
    """Return the given starts, shape (starts, p, dim)."""
    if initial is None:
        return None
    if starts == 1 and _depth(initial) == 2:
        array = check_matrix("initial", initial, (rows, dim), "(embeddings, dim)")[None]
    else:
        what = "(starts, embeddings, dim), or (embeddings, dim) for one start"
        array = check_matrix("initial", initial, (starts, rows, dim), what)
    check_nonzero_rows("initial", array, problem.embedding_control)
    return array


def _depth(values: Any) -> int:
    """Return the number of dimensions of an array, or of the first entries of a nested list."""
    if hasattr(values, "ndim"):
        return int(values.ndim)
    return 1 + _depth(values[0]) if isinstance(values, list | tuple) and values else 0
