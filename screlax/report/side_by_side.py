"""Several losses or recipes side by side: what each optimum is, how far geometries are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..analysis.determinacy import Determinacy
from ..comparison import Comparison
from ..comparison.recipe import Recipe
from ..gram.class_products import class_distance
from ..gram.geometry import gram_distance
from ..plots.colours import curve
from ..plots.selection import select_orbits
from ..solution.orbit_geometry import solution_geometry
from ..solution.solution import Solution
from .chart import Series, series
from .geometry import MOST_POINTS, size_figure
from .markup import Markup, joined, table, tag
from .numbers import Sheet, distance, number, term

_MOST_CLASSES = 3000
"""Classes up to which Gram matrices of different class sizes are compared: k×k numbers."""

_DISTANCE = (
    "‖G/‖G‖ − G*/‖G*‖‖ of the Gram matrices of class means: 0 for the same geometry up to rotation "
    "and scale, at most √2."
)


def side_by_side(
    sheet: Sheet, solutions: Mapping[str, Solution], decided: Sequence[Determinacy | str]
) -> Markup:
    """Return the section that sets several optima beside each other."""
    place = sheet.identifier("recipes")
    return tag(
        "section",
        tag("h2", "Recipes side by side", id=place),
        *_curves(sheet, solutions),
        _optima(sheet, solutions, decided),
        _distances(sheet, solutions),
        aria_labelledby=place,
    )


def ranking(sheet: Sheet, found: Sequence[tuple[str, str, Comparison]]) -> Markup:
    """Return which recipe explains which embeddings best: a row for each comparison."""
    rows = (
        [recipe, name, number(one.gram_distance), _excess(one), one.verdict.case]
        for name, recipe, one in sorted(found, key=lambda item: (item[0], item[2].gram_distance))
    )
    header = [
        "recipe",
        "embeddings",
        term(sheet, "distance", _DISTANCE),
        term(sheet, "relative excess", "How much larger the loss of the recipe is than its "
             "optimum, proved, relative to the optimum."),
        term(sheet, "verdict", "In a word; the sentences are below."),
    ]  # fmt: skip
    return table("Embeddings against every recipe, nearest first", header, rows, shows_caption=True)


def _excess(found: Comparison) -> str:
    if found.decision is None or found.loss is None:
        return "–"
    means = "" if found.loss.level == "samples" else " at class means"
    return f"{number(found.decision.relative_excess, 3)}{means}"


def _optima(
    sheet: Sheet, solutions: Mapping[str, Solution], decided: Sequence[Determinacy | str]
) -> Markup:
    of = {name: str(Recipe.of(one)) for name, one in solutions.items()}
    own_names = any(not name.startswith(of[name]) for name in solutions)
    header = [
        "recipe",
        *(["of"] if own_names else []),
        "status",
        term(sheet, "objective", "Mean of the loss at the optimum; losses differ in what they are "
             "a mean of, so that smaller is not better."),
        term(sheet, "relative gap", "Upper minus lower bound, relative to the objective."),
        term(sheet, "rank", "Dimensions that the embeddings need."),
        term(sheet, "left open at 1e-6", "Distance that an excess of a millionth allows, to second "
             "order; a dash where it is not known."),
    ]  # fmt: skip
    rows = (
        [f"{place}. {name}", *([of[name]] if own_names else []), str(one.status),
         f"{one.mean_value:.6g} per {one.problem.mean_unit}",
         one.certificate.gap_in_words, "–" if one.components else f"{one.rank:,}",
         "–" if isinstance(known, str) else distance(known.distance(1e-6))]
        for place, ((name, one), known) in enumerate(
            zip(solutions.items(), decided, strict=True), start=1)
    )  # fmt: skip
    return table("The optima", header, rows, shows_caption=True)


def _distances(sheet: Sheet, solutions: Mapping[str, Solution]) -> Markup:
    """Return the distances between all geometries, a dash where classes are not the same."""
    found = list(solutions.values())
    rows = (
        [f"{place}. {name}", *(_shown(distance_between(one, other)) for other in found)]
        for place, (name, one) in enumerate(solutions.items(), start=1)
    )
    note = tag(
        "p",
        term(sheet, "Distances", _DISTANCE),
        " are between class means; a dash stands "
        "where two optima are of different classes, or have no geometry of all classes.",
    )
    title = "Distance between the geometries"
    header = ["recipe", *(f"{place}." for place in range(1, len(found) + 1))]
    return joined([table(title, header, rows, shows_caption=True), note])


def _shown(apart: float) -> str:
    return "–" if math.isnan(apart) else f"{apart:.4f}"


def distance_between(one: Solution, other: Solution) -> float:
    """Return ‖G/‖G‖ − G'/‖G'‖‖ of class means; NaN where classes are others, or none decided."""
    first, second = one.problem, other.problem
    same = first.class_labels == second.class_labels and first.classes == second.classes
    if not same or one.components or other.components:
        return math.nan
    if one is other:
        return 0.0
    if first.class_sizes == second.class_sizes:
        copies = first.class_sizes.multiplicities.astype(float)
        if len(copies) > _MOST_CLASSES:
            return math.nan
        return class_distance(one.orbit_gram.dense(), other.orbit_gram.dense(), copies)
    if first.classes > _MOST_CLASSES:
        return math.nan
    grams = one.class_gram, other.class_gram
    return gram_distance(*grams) if all(gram.any() for gram in grams) else math.nan


def _curves(sheet: Sheet, solutions: Mapping[str, Solution]) -> list[Markup]:
    """Return mean cosines and norms of all recipes over each other."""
    drawn = {name: one for name, one in solutions.items() if not one.components}
    cosines: list[Series] = []
    norms: list[Series] = []
    for place, (name, one) in enumerate(drawn.items()):
        orbits = select_orbits(one.problem.class_sizes, MOST_POINTS)
        sizes = one.problem.class_sizes.distinct[orbits].astype(float)
        found = solution_geometry(one, orbits)
        root = float(np.sqrt(np.mean(found["norm"] ** 2)))
        cosines.append(series(name, sizes, found["cosine_mean"], curve(place)))
        norms.append(series(name, sizes, found["norm"] / (root or 1.0), curve(place)))
    if not drawn:
        return []
    return [
        tag("div",
            size_figure(sheet, "Mean cosines of all recipes", "Of a class with all others.",
                        cosines, "cosine"),
            size_figure(sheet, "Norms of all recipes",
                        "Relative to the root mean square over the sizes drawn.", norms,
                        "‖h‖, relative", zero=True),
            class_="figures"),
    ]  # fmt: skip
