"""A solution as text and as JSON: geometry by class or by class size, certificate, timings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ..certificate import Certificate
from ..partition import CellGram, Vector
from ..problem import UFM
from ..solution import Solution

SMALL = 20
"""Up to this many classes every class has its row; beyond, rows are quantiles of class size."""

_QUANTILES = (1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.0)


def problem_line(solution: Solution) -> str:
    """Return one line that says what was solved."""
    problem, sizes = solution.problem, solution.problem.class_sizes
    control = problem.control
    return (
        f"problem      k={sizes.classes:,} classes, n={sizes.samples:,} samples, "
        f"m={sizes.orbits:,} distinct sizes ({sizes.distinct[-1]:,} to {sizes.distinct[0]:,}), "
        f"{control.name} {control.parameter:g}, temperature {problem.temperature:g}"
    )


def certificate_lines(certificate: Certificate, status: str, tol: float, anchors: int) -> list[str]:
    """Return the certificate in words."""
    return [
        f"status       {status} (certified relative gap {certificate.relative_gap:.2e}, "
        f"tolerance {tol:.0e}, certified at level {certificate.level})",
        f"value        {certificate.upper:.12g} summed over anchors, "
        f"{certificate.upper / anchors:.10g} per anchor",
        f"bounds       {certificate.lower:.12g} ≤ optimum ≤ {certificate.upper:.12g}",
        f"as found     smallest eigenvalue of the Gram matrix "
        f"{certificate.primal_min_eigenvalue:.2e}, of the dual slack per sample "
        f"{certificate.slack_min_eigenvalue:.2e}",
    ]


def solution_table(solution: Solution) -> str:
    """Return the whole report as text."""
    seconds = ", ".join(f"{phase} {value:.3g} s" for phase, value in solution.seconds.items())
    iterations = "" if solution.iterations is None else f", {solution.iterations} iterations"
    certificate = solution.certificate
    lines = [
        problem_line(solution),
        f"solver       {solution.solver} ({solution.solver_reason}){iterations}",
        f"level        {solution.level} ({solution.level_reason})",
        *certificate_lines(
            certificate, solution.status.value, solution.tol, solution.problem.anchors
        ),
        f"rank         {solution.rank} (eigenvalues above {solution.rank_tolerance:.0e} "
        "of the largest)",
        f"time         {seconds}",
        "",
        *_geometry_lines(solution),
    ]
    return "\n".join(lines)


def solution_record(solution: Solution) -> dict[str, Any]:
    """Return the whole report as JSON-ready data, the geometry by distinct class size."""
    problem, sizes = solution.problem, solution.problem.class_sizes
    geometry = orbit_geometry(problem, solution.orbit_gram)
    return {
        "status": solution.status.value,
        "value": solution.value,
        "mean_value": solution.mean_value,
        "tol": solution.tol,
        "certificate": asdict(solution.certificate),
        "solver": solution.solver,
        "solver_reason": solution.solver_reason,
        "solver_message": solution.solver_message,
        "level": solution.level,
        "level_reason": solution.level_reason,
        "iterations": solution.iterations,
        "seconds": dict(solution.seconds),
        "rank": solution.rank,
        "problem": {
            "classes": sizes.classes,
            "samples": sizes.samples,
            "distinct_sizes": sizes.orbits,
            "control": problem.control.name,
            "parameter": problem.control.parameter,
            "temperature": problem.temperature,
        },
        "geometry": {
            "size": sizes.distinct.tolist(),
            "classes": sizes.multiplicities.tolist(),
            **{name: _json_numbers(column) for name, column in geometry.items()},
        },
    }


def orbit_geometry(problem: UFM, gram: CellGram) -> dict[str, Vector]:
    """Return norms and cosines of the class means, one entry per distinct size.

    Returns
    -------
    dict
        norm; cosine_largest, to (another) class of the largest size; cosine_mean and
        cosine_nearest, over all other classes. NaN where a norm is zero.
    """
    copies = problem.class_sizes.multiplicities.astype(float)
    norm = np.sqrt(gram.own)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = gram.pair / np.outer(norm, norm)
    alone = copies == 1
    weight = np.tile(copies, (len(copies), 1)) - np.eye(len(copies))
    others = np.where(weight > 0, cosine, 0.0)
    nearest = np.where(weight > 0, cosine, -np.inf).max(axis=1)
    mean = (others * weight).sum(axis=1) / (copies.sum() - 1)
    largest = cosine[:, 0].copy()
    if alone[0]:
        largest[0] = 1.0
    return {
        "norm": norm,
        "cosine_largest": largest,
        "cosine_mean": mean,
        "cosine_nearest": np.where(np.isfinite(norm * mean), nearest, np.nan),
    }


def _geometry_lines(solution: Solution) -> list[str]:
    problem, sizes = solution.problem, solution.problem.class_sizes
    geometry = orbit_geometry(problem, solution.orbit_gram)
    heading = f"{'size':>10} {'‖h‖':>9} {'cos to largest':>15} {'cos mean':>9} {'cos nearest':>12}"
    if sizes.classes <= SMALL:
        orbit = sizes.orbit_index()
        labels = problem.class_labels or tuple(range(sizes.classes))
        rows = [
            f"{str(labels[c])[:14]:>14} {_row(sizes.distinct, geometry, int(orbit[c]))}"
            for c in range(sizes.classes)
        ]
        return [f"{'class':>14} {heading}", *rows]
    share = np.cumsum(sizes.multiplicities) / sizes.classes
    rows = []
    for quantile in _QUANTILES:
        orbit_at = min(int(np.searchsorted(share, 1 - quantile)), sizes.orbits - 1)
        name = {1.0: "largest", 0.5: "median", 0.0: "smallest"}.get(quantile, f"{quantile:.0%}")
        rows.append(f"{name:>14} {_row(sizes.distinct, geometry, orbit_at)}")
    return [f"{'class size':>14} {heading}", *rows]


def _row(sizes: np.ndarray, geometry: dict[str, Vector], orbit: int) -> str:
    return (
        f"{sizes[orbit]:>10,} {geometry['norm'][orbit]:>9.5g} "
        f"{geometry['cosine_largest'][orbit]:>15.5f} {geometry['cosine_mean'][orbit]:>9.5f} "
        f"{geometry['cosine_nearest'][orbit]:>12.5f}"
    )


def _json_numbers(values: Vector) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
