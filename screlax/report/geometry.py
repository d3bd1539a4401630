"""Pictures of an optimum: cosines, norms, spectrum, and of a classifier too where there is one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..gram.logits import LogitGram
from ..plots.colours import role
from ..plots.gram import matrix_shown, shown_matrix, without_itself
from ..plots.selection import (
    Selection,
    class_names,
    options_in_words,
    select_classes,
    select_orbits,
)
from ..solution.orbit_geometry import solution_geometry
from ..solution.solution import Solution
from ..types import Vector
from .chart import Chart, Series, series
from .figure import Point, chart_figure, column_table
from .heat_map import HeatMap
from .markup import Markup, tag
from .numbers import Sheet, number
from .scales import fitting_scale, sizes_scale
from .spectrum import spectrum_figure

MOST_DRAWN = 200
"""Rows of a heat map: its numbers go along for the pointer, 50 kB of them."""

MOST_POINTS = 300
"""Points of a curve: more would be nearer than a pixel."""

_SAME = 1e-6
"""Relative range of norms that are one."""

BY_SIZE = "samples of the class"

CURVES = {
    "cosine_mean": ("mean over the others", role("mean") | {"linestyle": ":"}),
    "cosine_nearest": ("nearest other class", role("nearest")),
    "cosine_largest": ("largest class", role("frequent")),
}
"""Cosines of a class with which others, and how the curve looks: each has its line style."""


def geometry_figures(sheet: Sheet, solution: Solution) -> Iterator[Markup]:
    """Yield the figures of an optimum, and a sentence in the place of one that shows nothing."""
    selection = select_classes(solution.problem, MOST_DRAWN)
    names = drawn_names(solution, selection)
    axis = selection.rule or "classes, largest first"
    cosines = without_itself(shown_matrix(solution, selection, "cosines"), selection)
    what = "Blue where the class means point apart, red where together; orthogonal is white."
    yield HeatMap.of(cosines, names, axis).figure(sheet, "Cosines between class means", what)
    yield from _classifier(sheet, solution, selection, names, axis)
    yield from curves(sheet, solution)
    yield from spectrum_figure(sheet, solution)


def drawn_names(solution: Solution, selection: Selection) -> list[str]:
    """Return the names of the classes drawn, in full."""
    problem = solution.problem
    if selection.is_complete:
        sizes = selection.sizes.tolist()
        return [f"{name} ({size:,})" if len(sizes) > 20 else name
                for name, size in zip(class_names(problem), sizes, strict=True)]  # fmt: skip
    copies = problem.class_sizes.multiplicities[selection.orbits]
    others = options_in_words(problem, selection.orbits)
    kinds = zip(copies.tolist(), selection.sizes.tolist(), others, strict=True)
    return [f"{n:,} × {size:,}{f' ({words})' if words else ''}" for n, size, words in kinds]


def _classifier(
    sheet: Sheet, solution: Solution, selection: Selection, names: list[str], axis: str
) -> Iterator[Markup]:
    """Yield logits and the angles of the rows of a classifier."""
    gram = solution.point_gram
    if not isinstance(gram, LogitGram):
        return
    orbits = selection.orbits
    copies = solution.problem.class_sizes.multiplicities
    rows = without_itself(matrix_shown(gram.classifier, copies, selection, "cosines"), selection)
    yield HeatMap.of(rows, names, axis).figure(
        sheet, "Cosines between rows of the classifier", "In the order of the class means."
    )
    logits = gram.logits.lifted(orbits) + gram.bias[orbits]
    yield HeatMap.of(logits, names, axis, "logit").figure(
        sheet,
        "Logits",
        "Rows by the class of the sample, columns by the class that is scored, bias included.",
    )


def curves(sheet: Sheet, solution: Solution) -> Iterator[Markup]:
    """Yield cosines and norms against class size."""
    problem = solution.problem
    orbits = select_orbits(problem.class_sizes, MOST_POINTS)
    found = shown_geometry(solution, orbits)
    sizes = problem.class_sizes.distinct[orbits].astype(float)
    kinds = options_in_words(problem, orbits)
    if len(orbits) == 1:
        yield _of_one_size(found)
        return
    norms = [series("class means", sizes, found["norm"], role("optimum"))]
    if "classifier_norm" in found:
        lengths = found["classifier_norm"]
        norms.append(series("rows of the classifier", sizes, lengths, role("dual")))
    of = [series(name, sizes, found[key], look) for key, (name, look) in CURVES.items()]
    what = "Of a class's embedding with those of others, by the number of its samples."
    yield size_figure(sheet, "Cosines against class size", what, of, "cosine", kinds)
    if len(norms) == 1 and is_constant(found["norm"]):
        said = f"Every class mean has norm {number(float(found['norm'][0]), 4)}"
        why = " as the control asks" if problem.control.fixes_norms else ""
        yield tag("p", f"{said}{why}: there is no curve of norms to draw.", class_="instead")
    else:
        what = "Length of the class's embedding, by the number of its samples."
        yield size_figure(sheet, "Norms against class size", what, norms, "‖h‖", kinds, zero=True)


def _of_one_size(found: dict[str, Vector]) -> Markup:
    """Return in a sentence what needs no curve: classes of one size are alike."""
    cosine, norm = (number(float(found[name][0])) for name in ("cosine_mean", "norm"))
    said = (
        f"All classes are alike: every class mean has norm {norm}, and cosine {cosine} with others"
    )
    rows = ""
    if "classifier_norm" in found:
        rows = (
            f"; every row of the classifier has norm {number(float(found['classifier_norm'][0]))}"
        )
    return tag("p", f"{said}{rows}.", class_="instead")


def shown_geometry(solution: Solution, orbits: NDArray[np.int64]) -> dict[str, Vector]:
    """Return norms and cosines by size; none of a single largest class with itself."""
    found = solution_geometry(solution, orbits)
    itself = (orbits == 0) & (solution.problem.class_sizes.multiplicities[0] == 1)
    found["cosine_largest"] = np.where(itself, np.nan, found["cosine_largest"])
    return found


def is_constant(values: Vector) -> bool:
    """Whether numbers are one up to rounding."""
    return bool(np.ptp(values) <= _SAME * np.abs(values).max(initial=0.0))


def size_figure(
    sheet: Sheet,
    title: str,
    sentence: str,
    of: list[Series],
    y_label: str,
    kinds: list[str] | None = None,
    *,
    zero: bool = False,
) -> Markup:
    """Return curves against class size as a figure; `kinds` tell classes of one size apart."""
    x = sizes_scale(np.concatenate([one.x for one in of]))
    y = fitting_scale([one.y for one in of], zero=zero)
    chart = Chart(x, y, BY_SIZE, y_label, of)
    if any(not np.array_equal(one.x, of[0].x) for one in of):
        columns: dict[str, list[object]] = {
            "curve": [one.name for one in of for _ in one.x],
            BY_SIZE: [int(x) for one in of for x in one.x],
            y_label: [value for one in of for value in one.y.tolist()],
        }
        return chart_figure(sheet, title, sentence, chart, (), column_table(title, columns))
    columns = {BY_SIZE: [int(x) for x in of[0].x]}
    if kinds is not None and any(kinds):
        columns["kind"] = list(kinds)
    columns |= {one.name: one.y.tolist() for one in of}
    points = _points_by_size(chart, kinds or [""] * len(of[0].x))
    return chart_figure(sheet, title, sentence, chart, points, column_table(title, columns))


def _points_by_size(chart: Chart, kinds: list[str]) -> list[Point]:
    """Return what the pointer reads off at each class size."""
    of = chart.series
    across = chart.across(of[0].x)
    points: list[Point] = []
    for place, x in enumerate(across.tolist()):
        kind = f" ({kinds[place]})" if kinds[place] else ""
        values = ", ".join(f"{one.name} {number(float(one.y[place]), 4)}" for one in of)
        points.append((x, None, f"{int(of[0].x[place]):,} samples{kind}: {values}"))
    return points
