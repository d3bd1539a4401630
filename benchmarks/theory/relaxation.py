"""Claims about the relaxation: it is tight, and the same at all levels."""

from __future__ import annotations

import itertools
import warnings

import numpy as np

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere

from .finding import Effort, Finding


def tightness(effort: Effort) -> Finding:
    """Compare the loss of embeddings, written for embeddings, with the bound of the relaxation."""
    worst, where = 0.0, ""
    for name, problem in effort.problems.items():
        solution = screlax.solve_relaxation(problem)
        embeddings = solution.embeddings(solution.rank).vectors
        value = _objective_of_samples(problem, embeddings)
        deviation = max(abs(value / solution.lower - 1), _infeasibility(problem, embeddings))
        worst, where = max((worst, where), (deviation, name))
    return Finding(
        "tight: embeddings of dimension rank G* attain the certified lower bound",
        f"{len(effort.problems)} problems; the SC loss of all n embeddings",
        f"{worst:.1e} of the value ({where})",
        worst <= 1e-12,
    )


def _objective_of_samples(problem: UFM, class_embeddings: np.ndarray) -> float:
    labels = np.repeat(range(problem.classes), np.asarray(problem.class_sizes))
    embeddings = class_embeddings[labels]
    value = screlax.supcon_loss(
        embeddings, labels, temperature=problem.temperature, reduction="sum"
    )
    if isinstance(problem.control, Ridge):
        value += problem.control.strength / 2 * np.sum(embeddings**2)
    return float(value)


def _infeasibility(problem: UFM, class_embeddings: np.ndarray) -> float:
    squares = np.sum(class_embeddings**2, axis=1)
    bound = problem.control.parameter
    if isinstance(problem.control, Ball):
        return max(0.0, float(squares.max()) / bound - 1)
    if isinstance(problem.control, Sphere):
        return float(np.abs(squares / bound - 1).max())
    if isinstance(problem.control, Budget):
        mean = float(np.average(squares, weights=np.asarray(problem.class_sizes)))
        return max(0.0, mean / bound - 1)
    return 0.0


def reductions(effort: Effort) -> Finding:
    """Solve the same problems at three levels with three solvers."""
    sizes = [[4] * 3, [6, 6, 2, 2], [9, 5, 3, 2], [6, 4, 2, 1]]
    controls = (Ridge(0.1), Ball(1.0), Sphere(1.0), Budget(1.0))
    problems = list(itertools.product(sizes, controls))[:: 1 if effort.whole else 5]
    exact, conic, disagreements, solved = 0.0, 0.0, 0, 0
    for counts, control in problems:
        problem = UFM(counts, control, 0.8)
        reference = screlax.solve_relaxation(problem)
        for solver, level in itertools.product(
            ("native", "CLARABEL", "SCS"), ("samples", "classes", "orbits")
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", screlax.InaccurateWarning)
                other = screlax.solve_relaxation(problem, solver=solver, level=level)
            solved += 1
            deviation = abs(other.upper / reference.upper - 1)
            if solver == "native":
                exact = max(exact, deviation)
            else:
                conic = max(conic, deviation)
            rounding = 1e-13 * reference.upper
            disagreements += not (
                other.lower <= reference.upper + rounding
                and reference.lower <= other.upper + rounding
            )
    return Finding(
        "samples, classes and orbits are the same program",
        f"{solved} solves: {len(problems)} problems × 3 levels × native, Clarabel, SCS",
        f"values differ by {exact:.1e} (native), {conic:.1e} (conic); "
        f"{disagreements} pairs of certified intervals do not overlap",
        disagreements == 0 and exact <= 1e-9,
    )
