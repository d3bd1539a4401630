"""Optima of other problems that may explain embeddings better, solved on the spot.

Of nonnegative features where no entry is negative; at another temperature, where the optimum given
is far; and in as few dimensions as the embeddings have, where the optimum has more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import optimize

from ..equations.orthogonal import orthogonal_classes
from ..errors import ScrelaxError
from ..gram.cells import Level
from ..gram.geometry import gram_distance
from ..problem.features import Features
from ..problem.levels import lift_from_orbits
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..solve.factored import CellObjective, factored_start
from ..solve.lifted import Lifted
from ..solve.solve import silent_solution
from ..solve.trust_region import minimize
from ..types import Matrix
from .decision import DECIDED
from .flags import Flag

_MOST_SEARCHED = 100
"""Classes up to which an optimum without a formula, or of few dimensions, is solved on the spot."""

_PRODUCTS = 2000
"""Hessian products of a descent in few dimensions; wherever it ends, its value is a bound."""

_MOST_BY_FORMULA = 2000
"""Classes up to which other temperatures are tried, by the slack vector: some milliseconds each."""

_TEMPERATURES = np.geomspace(1 / 16, 16, 9)
"""Temperatures tried, times the problem's."""

_REFINED = 8
"""Temperatures tried between the best one's neighbours."""

_NEARER = 0.5
"""A temperature explains embeddings better where it has at most this share of the distance."""


def nonnegative_optimum(solution: Solution) -> Solution | str:
    """Return the optimum of the same problem behind a ReLU, or why it was not solved for."""
    problem = replace(solution.problem, features=Features.NONNEGATIVE)
    if orthogonal_classes(problem) is None and problem.classes > _MOST_SEARCHED:
        return (
            f"the optimum of nonnegative features has no formula for loss {problem.loss}, and was "
            f"not solved for {problem.classes:,} classes"
        )
    try:
        found = silent_solution(problem)
    except ScrelaxError as error:
        return f"the optimum of nonnegative features could not be solved for: {error}"
    return found if found.class_gram.any() else "the optimum of nonnegative features is zero"


def flag_of_dimension(solution: Solution, dim: int) -> Iterator[Flag]:
    """Yield what it costs that embeddings have fewer dimensions than the optimum."""
    rank = solution.rank
    if dim >= rank or solution.problem.features.are_nonnegative:
        return
    cost, how = _cost_of(solution, dim)
    size = abs(solution.value)
    share = cost / size if size > 0 else math.inf
    yield Flag(
        "dimension",
        f"The embeddings have dimension {dim} and the optimum has rank {rank}: others of that "
        f"dimension, found {how}, are proved to be within {cost:.3g} of it "
        f"({share:.2g} of its value), and more dimensions gain no more than that over them.",
        {"dimension": dim, "rank": rank, "cost": cost, "relative_cost": share},
    )


def _cost_of(solution: Solution, dim: int) -> tuple[float, str]:
    """Return how far embeddings of a dimension are at most above the certified lower bound."""
    lost = solution.embeddings(dim, truncate=True).value_lost
    assert lost is not None
    best, how = lost + solution.gap, "by leaving out directions of the optimum"
    problem = solution.problem
    is_fast = problem.batches is None and problem.points.classes <= _MOST_SEARCHED
    if not (is_fast and solution.collapses):
        return best, how
    program = build_program(problem, Level.CLASSES)
    gram = solution.point_gram.dense().scaled(1 / problem.temperature)
    lifted = Lifted(CellObjective(program, dim), dim)
    start = factored_start(lifted, lift_from_orbits(problem.points, Level.CLASSES, gram))
    size = float(np.linalg.norm(start)) or 1.0
    found = minimize(
        lifted,
        start,
        gradient_tolerance=1e-8 * program.loss.anchor_count / size,
        max_products=_PRODUCTS,
    )
    by_descent = max(lifted.value(found.point) - solution.lower, 0.0)
    return (by_descent, "by descent from there") if by_descent < best else (best, how)


def flag_of_temperature(solution: Solution, class_gram: Matrix, distance: float) -> Iterator[Flag]:
    """Yield the temperature whose optimum is much nearer, where there is one.

    Tried where the optimum is farther than `DECIDED` and temperatures cost milliseconds: where the
    slack-vector equations hold. `fit_control` finds ρ/τ of any other problem.
    """
    problem = solution.problem
    if distance <= DECIDED or not problem.has_slack_vector or problem.classes > _MOST_BY_FORMULA:
        return

    def at(temperature: float) -> float:
        return _distance_at(problem, temperature, class_gram)

    coarse = problem.temperature * _TEMPERATURES
    distances = [at(float(temperature)) for temperature in coarse]
    best = int(np.argmin(distances))
    near = coarse[[max(best - 1, 0), min(best + 1, len(coarse) - 1)]]
    found = optimize.minimize_scalar(
        lambda logarithm: at(math.exp(logarithm)),
        bounds=tuple(np.log(near)),
        method="bounded",
        options={"maxiter": _REFINED, "xatol": 1e-3},
    )
    refined = found.fun < distances[best]
    there = float(found.fun) if refined else distances[best]
    temperature = math.exp(found.x) if refined else float(coarse[best])
    if there > _NEARER * distance:
        return
    yield Flag(
        "temperature",
        f"The optimum at temperature {temperature:.3g} is much nearer, at {there:.3g} against "
        f"{distance:.3g} at {problem.temperature:g}: were they trained with that temperature, or "
        "not to the end?",
        {"temperature": temperature, "distance": there, "distance_here": distance},
    )


def _distance_at(problem: UFM, temperature: float, class_gram: Matrix) -> float:
    """Return the distance from the optimum at another temperature, √2 where there is none."""
    try:
        optimum = silent_solution(replace(problem, temperature=temperature)).class_gram
    except ScrelaxError:
        return math.sqrt(2)
    return gram_distance(class_gram, optimum) if optimum.any() else math.sqrt(2)
