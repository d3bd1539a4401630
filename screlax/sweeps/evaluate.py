"""From a point to what the table says about it; an error becomes a result like any other."""

import time
from typing import Any

import numpy as np

from ..descent import solve_nonconvex
from ..gram.curve import AnyGram
from ..gram.geometry import cosines_of
from ..gram.logits import LogitGram
from ..solution.solution import Solution
from ..solve.solve import solve_relaxation
from ..types import Matrix
from .point import SweepPoint

Result = dict[str, Any]
"""The columns of a row that are not parameters, as JSON has them."""

_STARTS = 10
"""Descents for a point with an embedding dimension, of which the best counts."""

_ENDS = [0, 1, -2, -1]
"""Places of the classes whose geometry is in the table, the largest first."""

FAILED = "failed"
"""The status of a row that has an error instead of a solution."""

TIME_LIMIT = "time limit"
"""The status of a row whose point took longer than it might."""


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


def out_of_time(limit: float) -> Result:
    """Return the result of a point that was not done within so many seconds."""
    error = f"stopped at its time limit of {limit:g} s"
    return {"status": TIME_LIMIT, "error": error, "seconds": float(limit)}


def facts_of(solution: Solution) -> Result:
    """Return what any table of solutions says of one, but for its geometry."""
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
        "within_class_variability": solution.within_class_variability,
        "solver": solution.solver,
    }


def _record(solution: Solution) -> Result:
    geometry: Result = {}  # of class means, which components leave open
    if not solution.components:
        geometry = {"rank": solution.rank, **geometry_of_ends(solution)}
    rounding = solution.certificate.rounding
    return {**facts_of(solution), "rounding": rounding, **geometry, "error": None}


def _descended(point: SweepPoint, solution: Solution) -> Result:
    """Return the columns that differ for the best of several descents in a dimension."""
    problem = solution.problem
    found = solve_nonconvex(
        problem, point.dim or 1, starts=_STARTS, seed=point.seed or 0, lower=solution.lower
    )
    rows = found.embeddings
    ends = rows[np.argsort(problem.class_sizes.orbit_index(), kind="stable")[_ENDS]]
    longest = np.linalg.norm(rows, axis=1).max()
    return {
        "status": found.status.value,
        "value": float(found.values[0]),
        "lower": found.lower,
        "upper": float(found.values[0]),
        "gap": found.gap,
        "relative_gap": found.relative_gap,
        "rank": int(np.linalg.matrix_rank(rows, tol=1e-6 * longest)),
        **_geometry(ends @ ends.T),
        "within_class_variability": 0.0,
        "solver": f"best of {_STARTS} descents",
    }


def geometry_of_ends(solution: Solution) -> Result:
    """Return norms and cosines of the first two and the last two classes, largest first.

    Of class means, and of the rows of the classifier where there is one.
    """
    found = _ends(solution, solution.orbit_gram)
    if isinstance(solution.point_gram, LogitGram):
        rows = _ends(solution, solution.point_gram.classifier)
        found |= {f"classifier_{name}": value for name, value in rows.items()}
    return found


def _ends(solution: Solution, gram: AnyGram) -> Result:
    """Return the geometry of those classes, of class means or of the rows of a classifier."""
    sizes = solution.problem.class_sizes
    places = np.arange(sizes.classes)[_ENDS if sizes.classes > 1 else [0] * 4]
    orbits = np.searchsorted(np.cumsum(sizes.multiplicities), places, side="right")
    products = gram.rows(orbits)[:, orbits]
    np.fill_diagonal(products, gram.own[orbits])
    if sizes.classes == 1:  # which has no cosine to another
        products[~np.eye(len(products), dtype=bool)] = np.nan
    return _geometry(products)


def _geometry(gram: Matrix) -> Result:
    """Return norms and cosines, of the Gram matrix of the first two and last two classes."""
    norms, cosines = np.sqrt(np.diagonal(gram)), cosines_of(gram)
    pairs = {"largest": cosines[0, 1], "extremes": cosines[0, 3], "smallest": cosines[2, 3]}
    return {
        "norm_largest": float(norms[0]),
        "norm_smallest": float(norms[3]),
        **{f"cosine_{of}": float(c) if np.isfinite(c) else None for of, c in pairs.items()},
    }
