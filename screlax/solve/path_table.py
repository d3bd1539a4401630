"""Paths as columns of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from ..checks import check_kind, check_rows
from ..gram.class_products import class_distance
from ..gram.logits import LogitGram
from ..solution.solution import Solution
from ..types import Vector
from .path_problems import size_of
from .solve import silent_solution


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
    table |= _classifier_columns(solutions) | _batch_columns(solutions)
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


def _batch_columns(solutions: Sequence[Solution]) -> dict[str, Vector]:
    """Return batch_size and from_all_samples, ‖G/‖G‖ − G*/‖G*‖‖ from the optimum of all samples.

    Nothing where no solution is one of batches; NaN where one of them is not.
    """
    if all(size_of(solution.problem) is None for solution in solutions):
        return {}
    sizes = [size_of(solution.problem) for solution in solutions]
    whole: dict[tuple[float, float], Solution] = {}
    distances = np.full(len(solutions), np.nan)
    for number, solution in enumerate(solutions):
        problem = solution.problem
        key = problem.control.parameter, problem.temperature
        if key not in whole:
            whole[key] = silent_solution(replace(problem, loss=problem.loss.of_all_samples))
        copies = problem.class_sizes.multiplicities.astype(float)
        here, there = solution.orbit_gram.dense(), whole[key].orbit_gram.dense()
        distances[number] = class_distance(here, there, copies)
    return {
        "batch_size": np.array([np.nan if size is None else float(size) for size in sizes]),
        "from_all_samples": distances,
    }
