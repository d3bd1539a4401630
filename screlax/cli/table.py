"""A solution as text and as JSON: geometry by class or by class size, certificate, timings."""

from typing import Any

import numpy as np

from ..errors import ScrelaxError
from ..io.shown import shortened
from ..io.tables import text_lines
from ..plots.selection import orbits_at
from ..problem.averaging import averaged_over
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..solution.components import components_in_words
from ..solution.constraint_multipliers import ConstraintMultiplier
from ..solution.orbit_geometry import solution_geometry
from ..solution.solution import Solution

SMALL = 20
"""Up to this many classes every class has its row; beyond, rows are quantiles of class size."""

MOST_LISTED = 2000
"""Up to this many distinct sizes JSON lists all of them; beyond, the quantiles of class size."""

_FEW = 100
"""Distinct sizes up to which what a loss decides is found in some hundredths of a second."""

_LONGEST = 120
"""Characters of a constraint in words."""

_QUANTILES = (1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.0)


def problem_line(solution: Solution) -> str:
    """Return one line that says what was solved."""
    problem, sizes = solution.problem, solution.problem.class_sizes
    kind = "" if problem.batches is None else f" ({averaged_over(problem)})"
    return (
        f"problem      k={sizes.classes:,} classes, n={sizes.samples:,} samples, "
        f"{_points_in_words(problem)}m={sizes.orbits:,} {_kinds_in_words(problem)} "
        f"({sizes.distinct[-1]:,} to {sizes.distinct[0]:,}), "
        f"loss {problem.loss}{kind}, {problem.features} features, "
        f"{problem.control.in_words}, "
        f"temperature {problem.temperature:g}"
        f"{', ' * bool(problem.constraints)}{problem.constraints_in_words}"
    )


def _points_in_words(problem: UFM) -> str:
    """Say how many embeddings and anchors there are, where that is not the number of samples."""
    samples, words = problem.samples, ""
    if problem.points.samples != samples:
        words += f"{problem.points.samples:,} embeddings, "
    if problem.anchors not in (samples, problem.points.samples):
        words += f"{problem.anchors:,.10g} anchors, "
    return words


def _kinds_in_words(problem: UFM) -> str:
    """Say what an orbit is."""
    others = problem.kinds_in_words
    return f"kinds of size and {others}" if others else "distinct sizes"


def certificate_lines(certificate: Certificate, status: str, tol: float, problem: UFM) -> list[str]:
    """Return the certificate in words."""
    reason = certificate.shortfall(tol)
    verified = certificate.is_verified
    digits, proved = (17, ", in exact arithmetic") if verified else (12, "")
    return [
        f"status       {status} (certified relative gap {certificate.gap_in_words}, "
        f"tolerance {tol:.3g}, certified at level {certificate.level})",
        *([f"reason       {reason}"] if reason else []),
        f"value        {certificate.upper:.12g} summed over {problem.loss.term}s, "
        f"{certificate.upper / problem.mean_count:.10g} per {problem.mean_unit}",
        f"bounds       {certificate.lower:.{digits}g} ≤ optimum ≤ {certificate.upper:.{digits}g}"
        f"{proved}",
        f"as found     smallest eigenvalue of the Gram matrix "
        f"{certificate.primal_min_eigenvalue:.2e}, of the dual slack per sample "
        f"{certificate.slack_min_eigenvalue:.2e}",
    ]


def _constraints(solution: Solution) -> list[str]:
    """Say how well constraints hold, and what is proved where some are functions."""
    problem = solution.problem
    if not problem.constraints:
        return []
    known = ""
    if not problem.has_linear_constraints:
        known = "; no bound knows of those that are functions: the lower one is that without them"
    shown = [f"constraint   {shortened(one, _LONGEST)}" for one in _binding(solution)]
    hidden = len(shown) - SMALL
    return [
        f"constraints  hold up to {solution.constraint_excess:.1e}{known}",
        *shown[:SMALL],
        *([f"constraint   … and {hidden:,} more (--json has all)"] if hidden > 0 else []),
    ]


def _binding(solution: Solution) -> list[ConstraintMultiplier]:
    """Return the constraints that cost something, the dearest first; all where they are few."""
    found = solution.constraint_multipliers
    few = len(found) <= SMALL
    dear = sorted(found, key=lambda one: -abs(one.by_bound))
    return list(found) if few else [one for one in dear if one.by_bound]


def _left_open(solution: Solution) -> list[str]:
    reason = solution.left_open
    return [f"geometry     not determined by the value: {reason}"] if reason else []


def _precision(solution: Solution) -> list[str]:
    """Say what one rounding leaves open, where finding that takes no longer than a solve."""
    if solution.problem.points.orbits > _FEW:
        return []
    try:
        known = solution.determinacy()
    except ScrelaxError:
        return []
    return [f"precision    {known.warning}"] if known.warning else []


def solution_table(solution: Solution) -> str:
    """Return the whole report as text."""
    seconds = ", ".join(f"{phase} {value:.3g} s" for phase, value in solution.seconds.items())
    iterations = "" if solution.iterations is None else f", {solution.iterations} iterations"
    certificate = solution.certificate
    lines = [
        problem_line(solution),
        f"solver       {solution.solver} ({solution.solver_reason}){iterations}",
        *(f"its word     {run}" for run in solution.solver_statistics),
        f"level        {solution.level} ({solution.level_reason})",
        *certificate_lines(certificate, solution.status.value, solution.tol, solution.problem),
        *_constraints(solution),
        *([f"classes      {within}"] if (within := solution.within_words) else []),
        *_rank(solution),
        *_left_open(solution),
        *_precision(solution),
        *([f"embeddings   {words}"] if (words := solution.tightness_in_words) else []),
        f"time         {seconds}",
        "",
        *(_component_lines(solution) if solution.components else _geometry_lines(solution)),
    ]
    return "\n".join(lines)


def _rank(solution: Solution) -> list[str]:
    if solution.components:
        return []
    tolerance = solution.rank_tolerance
    return [f"rank         {solution.rank} (eigenvalues above {tolerance:.0e} of the largest)"]


def _component_lines(solution: Solution) -> list[str]:
    return components_in_words(solution.components, solution.problem.samples)


def solution_record(solution: Solution) -> dict[str, Any]:
    """Return the whole report as JSON-ready data, the geometry by distinct class size."""
    problem, sizes = solution.problem, solution.problem.class_sizes
    apart = bool(solution.components)
    return {
        "status": solution.status.value,
        "value": solution.value,
        "mean_value": solution.mean_value,
        "mean_unit": solution.problem.mean_unit,
        "tol": solution.tol,
        "certificate": solution.certificate.record(),
        "solver": solution.solver,
        "solver_reason": solution.solver_reason,
        "solver_message": solution.solver_message,
        "level": solution.level,
        "level_reason": solution.level_reason,
        "iterations": solution.iterations,
        "seconds": dict(solution.seconds),
        "solver_statistics": [run.record() for run in solution.solver_statistics],
        **({} if apart else {"rank": solution.rank}),
        "collapses": solution.collapses,
        "is_tight": solution.is_tight,
        "within_class_variability": solution.within_class_variability,
        **(_constraints_record(solution) if problem.constraints else {}),
        "problem": {
            "classes": sizes.classes,
            "samples": sizes.samples,
            "embeddings": problem.points.samples,
            "anchors": problem.anchors,
            "distinct_sizes": sizes.orbits,
            "loss": str(problem.loss),
            "loss_options": problem.loss.record(),
            "features": problem.features.value,
            "control": problem.control.name,
            "numbers": list(problem.control.numbers),
            "parameter": problem.control.parameter,
            "temperature": problem.temperature,
            **({"constraints": list(map(str, problem.constraints))} if problem.constraints else {}),
        },
        **(
            {"components": [component.record() for component in solution.components]}
            if apart
            else {"geometry": geometry_record(solution)}
        ),
    }


def _constraints_record(solution: Solution) -> dict[str, Any]:
    multipliers = [one.record() for one in solution.constraint_multipliers]
    return {
        "constraint_excess": solution.constraint_excess,
        "constraint_multipliers": multipliers,
    }


def geometry_record(solution: Solution) -> dict[str, Any]:
    """Return the geometry as JSON-ready data: of all sizes, or of quantiles beyond `MOST_LISTED`.

    A quantile is the share of classes that are no larger; columns are those of `solution_geometry`.
    """
    sizes = solution.problem.class_sizes
    complete = sizes.orbits <= MOST_LISTED
    orbits = np.arange(sizes.orbits) if complete else orbits_at(sizes, 1 - np.array(_QUANTILES))
    geometry = solution_geometry(solution, orbits)
    options = solution.problem.orbit_options
    return {
        "all_sizes": complete,
        **({} if complete else {"quantile": list(_QUANTILES)}),
        "size": sizes.distinct[orbits].tolist(),
        "classes": sizes.multiplicities[orbits].tolist(),
        **{name: numbers[orbits].tolist() for name, numbers in options.items()},
        **{name: column.tolist() for name, column in geometry.items()},
    }


def _geometry_lines(solution: Solution) -> list[str]:
    problem, sizes = solution.problem, solution.problem.class_sizes
    if sizes.classes <= SMALL:
        orbits = sizes.orbit_index()
        names = [shortened(label, 14) for label in problem.class_labels or range(sizes.classes)]
        title = "class"
    else:
        orbits = orbits_at(sizes, 1 - np.array(_QUANTILES))
        special = {1.0: "largest", 0.5: "median", 0.0: "smallest"}
        names = [special.get(quantile, f"{quantile:.0%}") for quantile in _QUANTILES]
        title = "class size"
    geometry = solution_geometry(solution, orbits)
    options = {name.replace("_", " "): numbers for name, numbers in problem.orbit_options.items()}
    header = [title, "size", *options, "‖h‖", "cos to largest", "cos mean", "cos nearest"]
    sizes_shown = (f"{size:,}" for size in sizes.distinct[orbits])
    distinguished = ([f"{number:.5g}" for number in of[orbits]] for of in options.values())
    norms = (f"{norm:.5g}" for norm in geometry["norm"])
    cosines = (
        [f"{c:.5f}" for c in geometry[f"cosine_{n}"]] for n in ("largest", "mean", "nearest")
    )
    columns = [names, sizes_shown, *distinguished, norms, *cosines]
    if problem.loss.has_classifier:
        header += ["‖w‖", "w cos mean", "w cos nearest", "cos h, w"]
        columns.append(f"{norm:.5g}" for norm in geometry["classifier_norm"])
        for name in ("classifier_cosine_mean", "classifier_cosine_nearest", "cosine_to_classifier"):
            columns.append(f"{c:.5f}" for c in geometry[name])
    return text_lines(header, zip(*columns, strict=True))
