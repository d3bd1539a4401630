"""From a point to what the table says about it; an error becomes a result like any other."""

import time
from typing import Any

import numpy as np

from ..descent import solve_nonconvex
from ..solution.solution import Solution
from ..solve.solve import solve_relaxation
from ..types import Vector
from .point import SweepPoint

Result = dict[str, Any]
"""The columns of a row that are not parameters, as JSON has them."""

_STARTS = 10
"""Descents for a point with an embedding dimension, of which the best counts."""

FAILED = "failed"
"""The status of a row that has an error instead of a solution."""


def evaluate(point: SweepPoint) -> Result:
    """Solve a point, certify it, and return its part of the table."""
    start = time.perf_counter()
    try:
        problem = point.problem()
        solution = solve_relaxation(problem, solver=point.solver, tol=point.tol)
        result = _record(solution)
        if point.dim is not None:
            result |= _descended(point, solution)
    except Exception as error:  # noqa: BLE001  (whatever it is, it is this point's alone)
        result = failure(f"{type(error).__name__}: {error}")
    return {**result, "seconds": time.perf_counter() - start}


def failure(error: str) -> Result:
    """Return the result of a point that has none."""
    return {"status": FAILED, "error": error, "seconds": None}


def _record(solution: Solution) -> Result:
    sizes = solution.problem.class_sizes
    return {
        "status": solution.status.value,
        "classes": sizes.classes,
        "samples": sizes.samples,
        "value": solution.value,
        "lower": solution.lower,
        "upper": solution.upper,
        "gap": solution.gap,
        "relative_gap": solution.relative_gap,
        "rounding": solution.certificate.rounding,
        "rank": solution.rank,
        **_geometry(solution),
        "solver": solution.solver,
        "error": None,
    }


def _descended(point: SweepPoint, solution: Solution) -> Result:
    """Return the columns that differ for the best of several descents in a dimension."""
    problem = solution.problem
    found = solve_nonconvex(
        problem, point.dim or 1, starts=_STARTS, seed=point.seed or 0, lower=solution.lower
    )
    order = np.argsort(-np.asarray(problem.class_sizes), kind="stable")
    gram = (found.embeddings @ found.embeddings.T)[np.ix_(order, order)]
    norms = np.sqrt(np.diag(gram))
    return {
        "status": found.status.value,
        "value": float(found.values[0]),
        "lower": found.lower,
        "upper": float(found.values[0]),
        "gap": found.gap,
        "relative_gap": found.relative_gap,
        "rank": int(np.linalg.matrix_rank(found.embeddings, tol=1e-6 * norms.max())),
        **_ends(norms[[0, 1, -2, -1]], gram[0, 1], gram[0, -1], gram[-2, -1]),
        "solver": f"best of {_STARTS} descents",
    }


def _geometry(solution: Solution) -> Result:
    """Return the norms and cosines of the first two and last two classes, by size."""
    sizes, gram = solution.problem.class_sizes, solution.orbit_gram
    ends = np.cumsum(sizes.multiplicities)
    positions = [0, 1, sizes.classes - 2, sizes.classes - 1]
    first, second, third, last = np.searchsorted(ends, positions, side="right").tolist()
    norms = np.sqrt(gram.own)
    rows = dict(zip((first, third), gram.rows(np.array([first, third])), strict=False))
    return _ends(
        norms[[first, second, third, last]],
        rows[first][second],
        rows[first][last],
        rows[third][last],
    )


def _ends(norms: Vector, largest: float, extremes: float, smallest: float) -> Result:
    """Return norms and cosines of the first two and last two classes, of norms of shape (4,).

    The inner products are of the first two, of the first and the last, and of the last two.
    """

    def cosine(product: float, one: int, other: int) -> float | None:
        length = float(norms[one] * norms[other])
        return float(product) / length if length > 0 else None

    return {
        "norm_largest": float(norms[0]),
        "norm_smallest": float(norms[3]),
        "cosine_largest": cosine(largest, 0, 1),
        "cosine_extremes": cosine(extremes, 0, 3),
        "cosine_smallest": cosine(smallest, 2, 3),
    }
