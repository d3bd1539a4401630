"""The numbers on the page, as JSON-ready data: nothing here knows of HTML."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..comparison import Comparison
from ..errors import InaccurateWarning, InvalidInputError
from ..gram.geometry import cosines_of
from ..io.shown import one_line
from ..plots import colours
from ..plots.gram import colour_limit, shown_matrix, without_itself
from ..plots.selection import (
    class_names,
    options_in_words,
    select_classes,
    select_orbits,
)
from ..plots.spectrum import kept_eigenvalues
from ..problem.averaging import averaged_over
from ..problem.ufm import UFM
from ..solution.orbit_geometry import orbit_geometry, solution_geometry
from ..solution.quick_determinacy import quick_determinacy
from ..solution.solution import Solution
from ..solve.path import regularization_path

MOST_DRAWN = 300
"""Rows of a heat map: more would be smaller than a pixel, and 300² cosines take 0.5 MB."""

MOST_LISTED = 20_000
"""Rows of the table of classes; beyond, one for each of at most so many distinct sizes."""

_CURVE_POINTS = 400
_PATH_POINTS = 25
_EIGENVALUES = 2000
_DIGITS = 5

_COLUMNS = {
    "norm": "norm",
    "cosine_mean": "mean cosine",
    "cosine_nearest": "largest cosine",
    "classifier_norm": "classifier norm",
    "classifier_cosine_mean": "classifier mean cosine",
    "classifier_cosine_nearest": "classifier largest cosine",
    "cosine_to_classifier": "cosine to classifier",
}
"""Columns of the table of classes, and their headings; the last with a classifier."""


def page_data(solution: Solution, comparisons: Mapping[str, Comparison]) -> dict[str, Any]:
    """Return everything the page shows, comparisons under the names that they are shown by."""
    for name, found in comparisons.items():
        _require_same(solution, name, found)
    known = quick_determinacy(solution)
    return {
        "colours": _colours(),
        "summary": _summary(solution),
        "certificate": solution.certificate.record(),
        "determinacy": None if known is None else known.record(),
        "heat_map": _heat_map(solution),
        "curves": _curves(solution),
        "spectrum": _spectrum(solution),
        "path": _path(solution.problem),
        "table": _table(solution, comparisons),
        "comparisons": [_comparison(name, found) for name, found in comparisons.items()],
    }


def _require_same(solution: Solution, name: str, found: Comparison) -> None:
    """Refuse a comparison with the solution of other classes."""
    problem, of = solution.problem, found.per_class
    names = problem.class_labels or tuple(range(problem.classes))
    if of.names != tuple(names) or not np.array_equal(of.sizes, np.asarray(problem.class_sizes)):
        raise InvalidInputError(
            f"comparison {name!r} is with a solution for other classes or class sizes than this one"
        )
    if found.optimum_of != problem.description:
        raise InvalidInputError(
            f"comparison {name!r} is with the optimum of {found.optimum_of}, and this solution is "
            f"that of {problem.description}"
        )


def _colours() -> dict[str, Any]:
    """Return the colours that pictures have, the signed ones as plotly takes them."""
    steps = len(colours.SIGNED) - 1
    return {
        "signed": [[place / steps, colour] for place, colour in enumerate(colours.SIGNED)],
        "undefined": colours.UNDEFINED,
        "guide": colours.GUIDE,
        **colours.ROLES,
        "embeddings": colours.ROLES["network"],
        "largest": colours.ROLES["frequent"],
    }


def _summary(solution: Solution) -> dict[str, Any]:
    problem, sizes = solution.problem, solution.problem.class_sizes
    return {
        "status": solution.status.value,
        "gap": solution.gap,
        "relative_gap": solution.relative_gap,
        "gap_in_words": solution.certificate.gap_in_words,
        "tol": solution.tol,
        "value": solution.value,
        "mean_value": solution.mean_value,
        "mean_unit": problem.mean_unit,
        "lower": solution.lower,
        "upper": solution.upper,
        "classes": sizes.classes,
        "samples": sizes.samples,
        "distinct_sizes": sizes.orbits,
        "largest": int(sizes.distinct[0]),
        "smallest": int(sizes.distinct[-1]),
        "loss": str(problem.loss),
        "averaged_over": averaged_over(problem),
        "loss_options": problem.loss.record(),
        "embeddings": problem.points.samples,
        "anchors": problem.anchors,
        "distinguished_by": problem.kinds_in_words,
        "within": solution.within_words,
        "tightness": solution.tightness_in_words,
        "features": problem.features.value,
        "control": problem.control.name,
        "numbers": list(problem.control.numbers),
        "control_in_words": problem.control.in_words,
        "parameter": problem.control.parameter,
        "parameter_symbol": problem.control.parameter_symbol,
        "term": problem.loss.term,
        "temperature": problem.temperature,
        "constraints": problem.constraints_in_words,
        "rank": solution.rank,
        "solver": solution.solver,
        "solver_reason": solution.solver_reason,
        "level": solution.level,
    }


def _heat_map(solution: Solution) -> dict[str, Any]:
    """Return cosines of the classes drawn, largest first, and what the drawn classes are."""
    problem = solution.problem
    selection = select_classes(problem, MOST_DRAWN)
    cosines = without_itself(shown_matrix(solution, selection, "cosines"), selection)
    if selection.is_complete:
        names = class_names(problem)
    else:
        copies = problem.class_sizes.multiplicities[selection.orbits]
        others = options_in_words(problem, selection.orbits)
        kinds = zip(copies, selection.sizes, others, strict=True)
        names = [f"{n:,} × {size:,}{f' ({words})' if words else ''}" for n, size, words in kinds]
    limit = colour_limit(cosines)
    return {"cosines": rounded(cosines), "names": names, "rule": selection.rule, "limit": limit}


def _curves(solution: Solution) -> dict[str, Any]:
    orbits = select_orbits(solution.problem.class_sizes, _CURVE_POINTS)
    geometry = solution_geometry(solution, orbits)
    sizes = solution.problem.class_sizes
    itself = (orbits == 0) & (sizes.multiplicities[0] == 1)  # a cosine of one would hide the rest
    geometry["cosine_largest"] = np.where(itself, np.nan, geometry["cosine_largest"])
    return {
        "size": sizes.distinct[orbits].tolist(),
        "classes": sizes.multiplicities[orbits].tolist(),
        "options": options_in_words(solution.problem, orbits),
        **{name: rounded(column) for name, column in geometry.items()},
    }


def _spectrum(solution: Solution) -> list[Any]:
    """Return the eigenvalues above the rank tolerance, as `plot_spectrum` has them."""
    if solution.problem.classes > _EIGENVALUES:
        return []
    return rounded(kept_eigenvalues(solution))


def _path(problem: UFM) -> dict[str, Any]:
    """Return norms and mean cosines along the parameter of the control, for the slider."""
    control = problem.control
    if control.is_penalty:
        top = problem.zero_threshold()
        strengths = np.geomspace(top * 0.95, min(top / 1e6, control.parameter / 10), _PATH_POINTS)
    else:
        strengths = control.parameter * np.logspace(-2, 2, _PATH_POINTS)
    # without those that differ from the solution's own by rounding only
    strengths = strengths[~np.isclose(strengths, control.parameter, rtol=1e-6)]
    strengths = np.sort(np.append(strengths, control.parameter))
    with warnings.catch_warnings():  # the page has the gap of every step
        warnings.simplefilter("ignore", InaccurateWarning)
        points = regularization_path(problem, strengths=strengths)
    orbits = select_orbits(problem.class_sizes, _CURVE_POINTS)
    steps = []
    for member in points:
        geometry = orbit_geometry(member.problem, member.orbit_gram, orbits)
        steps.append(
            {
                "parameter": member.problem.control.parameter,
                "value": member.mean_value,
                "gap": member.gap,
                "relative_gap": member.relative_gap,
                "gap_in_words": member.certificate.gap_in_words,
                "norm": rounded(geometry["norm"]),
                "cosine_mean": rounded(geometry["cosine_mean"]),
                "cosine_nearest": rounded(geometry["cosine_nearest"]),
            }
        )
    return {
        "size": problem.class_sizes.distinct[orbits].tolist(),
        "steps": steps,
        "start": int(np.searchsorted(strengths, control.parameter)),
    }


def _table(solution: Solution, comparisons: Mapping[str, Comparison]) -> dict[str, Any]:
    """Return columns and rows of the table of classes."""
    problem, sizes = solution.problem, solution.problem.class_sizes
    if sizes.classes <= MOST_LISTED:
        orbit = sizes.orbit_index()
        columns: dict[str, list[Any]] = {
            "class": list(problem.class_labels or range(sizes.classes)),
            "samples": sizes.distinct[orbit].tolist(),
        }
        orbits = np.arange(sizes.orbits)
    else:
        orbits = select_orbits(sizes, MOST_LISTED)
        orbit = np.arange(len(orbits))
        kind = "kind" if problem.kinds_in_words else "size"
        columns = {
            f"classes of this {kind}": sizes.multiplicities[orbits].tolist(),
            "samples": sizes.distinct[orbits].tolist(),
        }
    for name, numbers in problem.orbit_options.items():
        columns[name.replace("_", " ")] = rounded(numbers[orbits][orbit])
    geometry = solution_geometry(solution, orbits)
    for name, title in _COLUMNS.items():
        if name in geometry:
            columns[title] = rounded(geometry[name][orbit])
    if sizes.classes <= MOST_LISTED:
        for name, found in comparisons.items():
            name = one_line(name)
            columns[f"{name}: norm"] = rounded(found.per_class.norms)
            columns[f"{name}: mean cosine"] = rounded(found.per_class.cosines)
            columns[f"{name}: angle to optimum°"] = rounded(found.per_class.angles)
    names = list(columns)
    columns[names[0]] = [
        value if isinstance(value, int) else one_line(value) for value in columns[names[0]]
    ]
    return {"columns": names, "rows": [list(row) for row in zip(*columns.values(), strict=True)]}


def _comparison(name: str, found: Comparison) -> dict[str, Any]:
    order = np.argsort(-found.per_class.sizes, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, MOST_DRAWN).round().astype(int))
    names = [one_line(found.per_class.names[number]) for number in order]
    cosines = _cosines(found.class_gram, order[places])
    optimal = _cosines(found.optimal_gram, order[places])
    return {
        "name": one_line(name),
        "verdict": found.verdict.sentence,
        "flags": [[flag.name, flag.sentence] for flag in found.flags],
        "optimum_of": f"{found.recipe}: {found.recipe.kind}",
        "samples": found.samples,
        "dim": found.dim,
        "gram_distance": found.gram_distance,
        "sample_gram_distance": found.sample_gram_distance,
        "residual": found.residual,
        "scale": found.scale,
        "nearest_mean_agreement": found.nearest_mean_agreement,
        "loss": None if found.loss is None else asdict(found.loss),
        "decision": None if found.decision is None else asdict(found.decision),
        "split": found.split.parts if found.split is not None and found.split.is_known else None,
        "estimate": None if found.drawn is None else asdict(found.drawn),
        "metrics": found.metrics.columns()
        | ({} if found.classifier is None else found.classifier.columns())
        | ({} if found.logits is None else found.logits.columns()),
        "cosines": rounded(cosines),
        "optimal_cosines": rounded(optimal),
        "limit": max(colour_limit(cosines), colour_limit(optimal)),
        "drawn": [names[place] for place in places],
        "size": found.per_class.sizes[order].tolist(),
        "names": names,
        "norms": rounded(found.per_class.norms[order]),
        "optimal_norms": rounded(found.per_class.optimal_norms[order]),
        "mean_cosines": rounded(found.per_class.cosines[order]),
        "optimal_mean_cosines": rounded(found.per_class.optimal_cosines[order]),
    }


def _cosines(gram: NDArray[np.float64], drawn: NDArray[np.int64]) -> NDArray[np.float64]:
    cosines = cosines_of(gram[np.ix_(drawn, drawn)])
    np.fill_diagonal(cosines, np.nan)  # a class with itself says nothing
    return cosines


def rounded(values: NDArray[np.float64]) -> list[Any]:
    """Return nested lists of numbers to five digits, which no screen shows more of."""
    array = np.asarray(values, dtype=float)
    if array.ndim > 1:
        return [rounded(row) for row in array]
    return [float(f"{x:.{_DIGITS}g}") if math.isfinite(x) else None for x in array.tolist()]
