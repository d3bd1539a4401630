"""A solution in a notebook: what was solved, what is proved, and a few classes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..io.notebook import Fact, card
from ..io.shown import shortened
from ..problem.averaging import averaged_over
from .orbit_geometry import solution_geometry

if TYPE_CHECKING:
    from .solution import Solution

_MOST_ROWS = 7
"""Class sizes shown, from the largest to the smallest."""


def solution_card(solution: Solution) -> str:
    """Return the HTML of a solution."""
    if solution.components:
        return card("Solution", _facts(solution), note="every component has its own geometry")
    header, rows = _classes(solution)
    orbits = solution.problem.class_sizes.orbits
    left_out = f"{len(rows)} of {orbits:,} class sizes" if len(rows) < orbits else ""
    return card("Solution", _facts(solution), header, rows, note=left_out)


def _facts(solution: Solution) -> Iterator[Fact]:
    problem, proved = solution.problem, solution.certificate
    sizes = problem.class_sizes
    yield "status", f"{solution.status} (certified relative gap {proved.gap_in_words})"
    yield (
        "problem",
        f"{sizes.classes:,} classes, {sizes.samples:,} samples, {problem.description}, "
        f"{problem.control.in_words}, "
        f"temperature {problem.temperature:g}",
    )
    if problem.constraints_in_words:
        yield "and", problem.constraints_in_words
    yield "loss", f"of {averaged_over(problem)}; features {_sign(solution)}"
    yield (
        "value",
        f"{proved.upper:.10g} summed over {problem.loss.term}s, {solution.mean_value:.8g} per "
        f"{problem.mean_unit}",
    )
    exact = ", in exact arithmetic" if proved.is_verified else ""
    yield "bounds", f"{proved.lower:.10g} ≤ optimum ≤ {proved.upper:.10g}{exact}"
    for name, said in (
        ("classes", solution.within_words),
        ("left open", solution.left_open),
        ("embeddings", solution.tightness_in_words),
    ):
        if said:
            yield name, said
    apart = f"{len(solution.components)} components, " if solution.components else ""
    rank = "" if solution.components else f"rank {solution.rank}, "
    yield "found", f"{apart}{rank}by {solution.solver} at level {solution.level}"


def _sign(solution: Solution) -> str:
    return "nonnegative" if solution.problem.features.are_nonnegative else "of any sign"


def _classes(solution: Solution) -> tuple[list[str], list[list[str]]]:
    """Return one row for each class size shown, with the first of its classes."""
    problem, sizes = solution.problem, solution.problem.class_sizes
    places = np.linspace(0, sizes.orbits - 1, min(_MOST_ROWS, sizes.orbits))
    orbits = places.round().astype(np.int64)
    geometry = solution_geometry(solution, orbits)
    rows_too = [f"classifier_{name}" for name in ("norm", "cosine_nearest")]
    rows = []
    for number, orbit in enumerate(orbits):
        count, size = int(sizes.multiplicities[orbit]), int(sizes.distinct[orbit])
        first = [] if problem.class_labels is None else [_first_label(solution, int(orbit))]
        cosines = [f"{geometry[f'cosine_{to}'][number]:.4f}" for to in ("largest", "nearest")]
        norm = f"{geometry['norm'][number]:.4g}"
        classifier = [f"{geometry[name][number]:.4g}" for name in rows_too if name in geometry]
        rows.append([*first, f"{size:,}", f"{count:,}", norm, *cosines, *classifier])
    named = [] if problem.class_labels is None else ["class"]
    more = ["‖w‖", "w cos nearest"] if problem.loss.has_classifier else []
    return [*named, "size", "classes", "‖h‖", "cos to largest", "cos nearest", *more], rows


def _first_label(solution: Solution, orbit: int) -> str:
    of_class = solution.problem.class_sizes.orbit_index()
    labels = solution.problem.class_labels or ()
    first = int(np.argmax(of_class == orbit))
    more = int((of_class == orbit).sum()) > 1
    return shortened(labels[first], 24) + (" …" if more else "")
