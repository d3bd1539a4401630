"""Regularisation paths: one problem at many strengths, radii or temperatures, each certified.

The native method solves all points together: the slack vector is interpolated in ρ, or in the log
odds of λ, from thirty-three Chebyshev points, which leaves one or two Newton steps a point, taken
in batches. A method that is named takes them in turn (`in_turn`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebfit, chebvander
from numpy.typing import ArrayLike

from ..checks import MOST_TASKS, check_kind, check_rows, whole_number
from ..equations.slack_vector import SlackVectorEquations, State, equations_for
from ..errors import InvalidInputError
from ..gram.cells import Level
from ..gram.curve import SlackVectorGram
from ..gram.kernels import Array
from ..gram.logits import LogitGram
from ..io.arrays import real_array
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.structured import prove
from ..samples.workers import Workers
from ..solution.solution import Solution
from ..types import Vector
from .base import SolverOptions, reject_options
from .batch_path import batch_columns, problems_of_sizes
from .cascade import Native, SlackVector
from .in_turn import point_named, solved_in_turn
from .slack_vector.newton import newton
from .slack_vector.start import initial_state
from .solve import check_limits, solve_relaxation, warn_of_gap

_REFINEMENTS = (2, 3, 4, 5)
_FEWEST_INTERPOLATED = 17
_MAX_POLISHING = 8
_ABOVE = 1 + 1e-6
"""How far above the smallest λ with an optimum a path ends."""
_BATCH_NUMBERS = 25_000
"""Kernel entries evaluated at once: enough to amortise the interpreter, few enough for a cache."""


def regularization_path(
    problem: UFM,
    strengths: ArrayLike | None = None,
    *,
    temperatures: ArrayLike | None = None,
    batch_sizes: ArrayLike | None = None,
    vary: str | None = None,
    points: int | None = None,
    tol: float | None = None,
    solver: str = "auto",
    warm_start: bool = True,
    **solver_options: Any,
) -> list[Solution]:
    """Solve a problem along a path of its control's parameter, the temperature or the batch size.

    Parameters
    ----------
    problem : UFM
        Its own parameter (or temperature) is replaced along the path.
    strengths : array-like, optional
        Values of λ (ridge) or ρ (ball, sphere, budget), in the order wanted. By default `points`
        values in geometric progression: λ from λ_max down to λ_max/10⁶, or to where the objective
        is bounded (`UFM.bounded_threshold`), ρ from 10τ/10³ to 10τ.
    temperatures : array-like, optional
        Values of τ instead; not together with `strengths`.
    batch_sizes : array-like of int, optional
        Sizes of mini-batches instead: of the problem's sampler, else of shuffled batches.
    vary : str, optional
        Which number of a control with several moves, by its name: of `WeightDecay` and
        `LayerPeeled` "features" or "classifier", the other staying. By default all move in
        proportion, and strengths are their geometric mean (`Control.parameter`).
    points : int, default 100
        Number of points of the default path, of no other.
    tol : float, optional
        Relative gap up to which a point counts as optimal: by default 1e-9, and 1e-6 for conic
        solvers.
    solver : str, default "auto"
        "auto" and "native" solve all points together; any other name that `solve_relaxation` takes
        solves them in turn.
    warm_start : bool, default True
        Whether SCS starts each point from where it ended at the last one, iterates and scale. It
        changes the iterations, not what is proved; other methods have no use for it.
    **solver_options
        Passed through to a conic solver in its own spelling; the other solvers take none.

    Returns
    -------
    list of Solution
        One per point, in order. Points at which the slack is not of rank one (singletons, minority
        collapse) are solved one by one with ``solver="auto"``.

    Raises
    ------
    InvalidInputError
        If several kinds of path are given, or a value is not positive and finite.
    SolverUnavailableError, SolverCapabilityError, SolverFailedError
        As `solve_relaxation`, of a solver that is named.

    Warns
    -----
    InaccurateWarning
        For every point that a named solver leaves with a larger gap.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([50, 20, 5], screlax.Ridge(0.1))
    >>> path = screlax.regularization_path(problem, points=10)
    >>> {str(solution.status) for solution in path}
    {'optimal'}
    >>> path[0].rank, path[-1].rank  # from λ_max, where the optimum is zero
    (0, 2)
    >>> conic = screlax.regularization_path(problem, [0.2, 0.1, 0.05], solver="SCS")
    >>> alone = screlax.solve_relaxation(conic[-1].problem, solver="SCS")
    >>> conic[-1].iterations < alone.iterations  # it started from the optimum at 0.1
    True
    """
    check_kind(problem, UFM, "problem")
    check_limits(solver, tol, None)
    problems = _problems(problem, strengths, temperatures, batch_sizes, vary, points)
    if solver.lower() not in ("auto", "native"):
        found = solved_in_turn(
            problems, solver=solver, tol=tol, warm_start=warm_start, **solver_options
        )
        for solution in found:
            warn_of_gap(solution)
        return found
    tol = Native.default_tol if tol is None else tol
    reject_options(solver, SolverOptions(tol, extra=solver_options))
    start = time.perf_counter()
    with Workers(1):  # BLAS threads cost these small products more than they save
        proofs = _batched_proofs(problems)
    seconds = (time.perf_counter() - start) / len(problems)
    return [
        _solution(member, proved, tol, seconds)
        for member, proved in zip(problems, proofs, strict=True)
    ]


def path_table(solutions: Sequence[Solution], *, determinacy: bool = False) -> dict[str, Vector]:
    """Return a path as columns of equal length, ready for a plot or a CSV file.

    Parameters
    ----------
    solutions : sequence of Solution
        From `regularization_path`; a point is a row.
    determinacy : bool, default False
        Whether to say what the loss leaves open of the geometry (`Solution.determinacy`):
        curvature; distance_at_1e-6, which an excess of a millionth of the value allows,
        excess_at_0.05, the relative excess at which the distance may be 0.05, and
        distance_in_single, which one rounding of the value in float32 allows. NaN where the
        optimum is zero.

    Returns
    -------
    dict of str to ndarray
        parameter, temperature, value, mean_value, trace (tr G), gap, relative_gap, rounding (the
        part of the gap that stands for rounding errors), and the norms of the classes of the
        largest and of the smallest size. In mini-batches also batch_size and from_all_samples, the
        distance ‖G/‖G‖ − G*/‖G*‖‖ of the class means from the optimum of all samples at once.
        Of a control with several numbers each under its name, parameter being their geometric
        mean; with a classifier the norms of its rows of these classes.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0))
    >>> path = screlax.regularization_path(problem, [0.5, 1.0, 2.0])
    >>> table = screlax.path_table(path)
    >>> table["parameter"], table["trace"].round(6)  # n ρ
    (array([0.5, 1. , 2. ]), array([ 37.5,  75. , 150. ]))
    """
    solutions = check_rows(solutions, "solutions", "Solution, a path")
    for number, solution in enumerate(solutions):
        check_kind(solution, Solution, f"solutions[{number}]")
    mass = [s.problem.points.distinct * s.problem.points.multiplicities for s in solutions]
    table = {
        "parameter": np.array([s.problem.control.parameter for s in solutions]),
        "temperature": np.array([s.problem.temperature for s in solutions]),
        "value": np.array([s.value for s in solutions]),
        "mean_value": np.array([s.mean_value for s in solutions]),
        "trace": np.array([m @ s.point_gram.own for m, s in zip(mass, solutions, strict=True)]),
        "gap": np.array([s.gap for s in solutions]),
        "relative_gap": np.array([s.relative_gap for s in solutions]),
        "rounding": np.array([s.certificate.rounding for s in solutions]),
        "norm_largest": np.array([np.sqrt(s.orbit_gram.own[0]) for s in solutions]),
        "norm_smallest": np.array([np.sqrt(s.orbit_gram.own[-1]) for s in solutions]),
    }
    table |= _classifier_columns(solutions) | batch_columns(solutions)
    return table | _determinacy(solutions) if determinacy else table


def _classifier_columns(solutions: Sequence[Solution]) -> dict[str, Vector]:
    """Return the numbers of a control with several, and the norms of classifier rows."""
    if not solutions:
        return {}
    controls = [solution.problem.control for solution in solutions]
    names = [field.name for field in fields(controls[0])]
    numbers = np.array([control.numbers for control in controls]).T
    found = dict(zip(names, numbers, strict=True)) if len(names) > 1 else {}
    grams = [s.point_gram.classifier for s in solutions if isinstance(s.point_gram, LogitGram)]
    if grams:
        found["classifier_norm_largest"] = np.array([np.sqrt(gram.own[0]) for gram in grams])
        found["classifier_norm_smallest"] = np.array([np.sqrt(gram.own[-1]) for gram in grams])
    return found


def _determinacy(solutions: Sequence[Solution]) -> dict[str, Vector]:
    """Return the columns that say what is left open, NaN at zero."""
    names = ("curvature", "distance_at_1e-6", "excess_at_0.05", "distance_in_single")
    found = np.full((len(names), len(solutions)), np.nan)
    for column, solution in enumerate(solutions):
        if solution.point_gram.own.any():
            known = solution.determinacy()
            found[:, column] = (
                known.curvature,
                known.distance(1e-6),
                known.relative_excess(0.05),
                known.single_precision,
            )
    return dict(zip(names, found, strict=True))


def _problems(
    problem: UFM,
    strengths: ArrayLike | None,
    temperatures: ArrayLike | None,
    batch_sizes: ArrayLike | None,
    vary: str | None,
    points: int | None,
) -> list[UFM]:
    if sum(given is not None for given in (strengths, temperatures, batch_sizes)) > 1:
        raise InvalidInputError(
            "give strengths or temperatures (or batch sizes), not both: a path has one parameter"
        )
    kinds = {"strengths": strengths, "temperatures": temperatures, "batch_sizes": batch_sizes}
    given = [name for name, each in kinds.items() if each is not None]
    if given and points is not None:
        raise InvalidInputError(
            f"points={points!r} has no effect beside {given[0]}=: it is of the default path"
        )
    if vary is not None and given not in ([], ["strengths"]):
        raise InvalidInputError(
            f"vary={vary!r} has no effect beside {given[0]}=: it is for values of the control"
        )
    control = problem.control
    if vary is not None:
        control.with_number(vary, 1.0)  # refuses what is none
    if batch_sizes is not None:
        return problems_of_sizes(problem, batch_sizes)
    if temperatures is not None:
        return [
            replace(problem, temperature=t)
            for t in _positive(temperatures, "temperatures").tolist()
        ]
    if strengths is None:
        points = whole_number(100 if points is None else points, "points", 2, MOST_TASKS)
        top = problem.zero_threshold() if problem.control.is_penalty else None
        values = (
            np.geomspace(10 * problem.temperature / 1e3, 10 * problem.temperature, points)
            if top is None
            else np.geomspace(top, max(top / 1e6, _ABOVE * problem.bounded_threshold()), points)
        )
    else:
        values = _positive(strengths, "strengths")
    if vary is None:
        return [replace(problem, control=control.with_parameter(v)) for v in values.tolist()]
    if strengths is None:
        values = np.array([control.number_for(vary, value) for value in values])
    return [replace(problem, control=control.with_number(vary, v)) for v in values.tolist()]


def _positive(values: ArrayLike, what: str) -> Vector:
    array = real_array(values, what).astype(float).reshape(-1)
    wrong = ~(np.isfinite(array) & (array > 0))
    if not array.size or wrong.any():
        shown = array[wrong][0] if array.size else "none"
        raise InvalidInputError(f"{what} must be positive and finite numbers, got {shown}")
    return array


_Proved = tuple[Certificate, SlackVectorGram]


def _batched_proofs(problems: list[UFM]) -> list[_Proved | None]:
    """Return, for each point, a certificate in O(m) and the Gram matrix it is of, or None."""
    located: list[_Proved | None] = [None] * len(problems)
    if SlackVector().why_not(problems[0], Level.ORBITS) is not None:
        return located
    inside = [number for number, member in enumerate(problems) if not member.is_zero_optimal()]
    controls = [problems[number].control_at_unit_temperature for number in inside]
    if not controls:
        return located
    parameters = np.array([control.parameter for control in controls])
    everything = equations_for(problems[inside[0]], parameters)
    starts = _interpolated_starts(everything)
    size = max(1, _BATCH_NUMBERS // (16 * problems[0].points.orbits))
    for first in range(0, len(inside), size):
        batch = slice(first, first + size)
        local = everything.at(parameters[batch])
        # the step tells, not the gap: that is of second order, and nothing where ρ/τ is large
        polished = newton(local, starts.pick(batch), max_steps=_MAX_POLISHING)
        proof = prove(local, polished.state)
        for index, number in enumerate(inside[batch]):
            if polished.converged[index]:
                located[number] = proof.certificate(index), proof.gram(local.copies, index)
    return located


def _interpolated_starts(equations: SlackVectorEquations) -> State:
    """Return starts interpolated between nested Chebyshev points.

    Each refinement of the points starts from the interpolant of the last; the path is analytic in
    its coordinate, so that a few refinements come within a Newton step of every point.
    """
    pole = _pole(equations)
    place = _coordinate(equations, equations.parameters, pole)
    low, high = float(place.min()), float(place.max())
    if len(place) < _FEWEST_INTERPOLATED or high - low < 1e-6:
        return initial_state(equations)
    middle, half = (low + high) / 2, (high - low) / 2
    known: Array | None = None  # Chebyshev coefficients of every column
    for level in _REFINEMENTS:
        points = np.cos(np.linspace(0, np.pi, 2**level + 1))
        local = equations.at(_parameter(equations, middle + half * points, pole))
        start = initial_state(local) if known is None else _at(local, known, points, pole)
        # refinements need no more than the accuracy of their own interpolant
        result = newton(local, start) if known is None else newton(local, start, max_steps=1)
        if not np.isfinite(result.state.log_normalizer).all():
            return initial_state(equations)
        columns = _columns(local, result.state, pole)
        known = np.asarray(chebfit(points, columns, 2**level), dtype=float)
    assert known is not None
    return _at(equations, known, (place - middle) / half, pole)


def _at(equations: SlackVectorEquations, coefficients: Array, points: Vector, pole: float) -> State:
    """Return the interpolated states at points of [−1, 1]."""
    return _state(equations, chebvander(points, len(coefficients) - 1) @ coefficients, pole)


def _coordinate(equations: SlackVectorEquations, parameter: Vector, pole: float) -> Vector:
    """Return the coordinate in which a path is nearly straight: ρ, or the log odds of λ.

    For a balanced profile squared norms are linear in both; plain log λ has a singularity just
    above λ_max.
    """
    is_ridge = equations.control.is_penalty
    return _log_odds(np.log(parameter), pole) if is_ridge else parameter


def _parameter(equations: SlackVectorEquations, coordinate: Vector, pole: float) -> Vector:
    is_ridge = equations.control.is_penalty
    return np.exp(_log_strength(coordinate, pole)) if is_ridge else coordinate


def _log_odds(log_strength: Vector, pole: float) -> Vector:
    """Return log λ − log(pole − λ), from log λ: λ itself underflows where ρ/τ is large."""
    return np.asarray(log_strength - np.log(pole - np.exp(log_strength)))


def _log_strength(log_odds: Vector, pole: float) -> Vector:
    return np.asarray(math.log(pole) - np.logaddexp(0.0, -log_odds))


def _pole(equations: SlackVectorEquations) -> float:
    """Return λ at which a class would vanish among others like it, above every λ of a path."""
    classes, terms = float(equations.copies.sum()), equations.terms
    balanced = 2 * classes / (classes - 1) * float((terms.anchors / terms.embeddings).max())
    largest = float(equations.parameters.max()) if equations.control.is_penalty else 0.0
    return max(balanced, (1 + 1e-6) * largest)


def _columns(equations: SlackVectorEquations, state: State, pole: float) -> Array:
    """Return a state as columns to interpolate, the multiplier of a budget by its log odds."""
    parts = [state.log_slack, state.log_normalizer]
    if equations.is_budget:
        parts.append(_log_odds(state.log_strength, pole)[:, None])
    return np.concatenate(parts, axis=1)


def _state(equations: SlackVectorEquations, columns: Array, pole: float) -> State:
    m = len(equations.copies)
    log_strength = np.log(equations.parameters)
    if equations.is_budget:
        log_strength = _log_strength(columns[:, -1], pole)
    return State(columns[:, :m], columns[:, m : 2 * m], log_strength)


def _solution(problem: UFM, proved: _Proved | None, tol: float, seconds: float) -> Solution:
    if proved is None or not proved[0].proves(tol):
        with point_named(problem):
            return solve_relaxation(problem, tol=tol)
    certificate, gram = proved
    return Solution(
        problem=problem,
        point_gram=gram.scaled(problem.temperature),
        orbit_dual=None,
        certificate=certificate,
        tol=tol,
        solver="native",
        solver_reason="path",
        level=Level.ORBITS.value,
        level_reason="path",
        iterations=None,
        seconds={"total": seconds},
        solver_message="slack-vector Newton",
    )
