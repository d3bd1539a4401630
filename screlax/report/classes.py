"""The table of classes: columns by class size, so that 200,000 classes are one number each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..comparison import Comparison
from ..io.shown import one_line
from ..plots.selection import select_orbits
from ..solution.orbit_geometry import solution_geometry
from ..solution.solution import Solution
from .legends import COLUMNS
from .markup import Markup, details, tag
from .numbers import Sheet

MOST_LISTED = 300_000
"""Classes up to which every class has a row; beyond, every size of at most so many has one."""

MOST_SIZES = 20_000

_DIGITS = 5

_GEOMETRY = {
    "norm": "norm",
    "cosine_mean": "mean cosine",
    "cosine_nearest": "largest cosine",
    "classifier_norm": "classifier norm",
    "classifier_cosine_mean": "classifier mean cosine",
    "classifier_cosine_nearest": "classifier largest cosine",
    "cosine_to_classifier": "cosine to classifier",
}
"""Columns and their headings; the last with a classifier."""


def classes_section(
    sheet: Sheet, solution: Solution, comparisons: Mapping[str, Comparison], heading: str
) -> Markup:
    """Return the section with the table, which the script fills page by page."""
    place = sheet.identifier("classes")
    data = class_data(solution, comparisons)
    sheet.data[place] = data
    columns = [(column["title"], column["what"]) for column in data["columns"]]
    legend = tag("dl", *(part for title, what in columns
                         for part in (tag("dt", title), tag("dd", what))))  # fmt: skip
    search = tag("label", "Find a class ", tag("input", type="search", autocomplete="off"))
    head = tag(
        "tr", *(_heading(title, what, number) for number, (title, what) in enumerate(columns))
    )
    table = tag(
        "table",
        tag("caption", f"{heading}, a page at a time", class_="unseen"),
        tag("thead", head),
        tag("tbody"),
    )
    pages = tag("p", tag("button", "Previous", type="button", data_step=-1),
                tag("button", "Next", type="button", data_step=1),
                tag("span", role="status"), class_="pages")  # fmt: skip
    return tag(
        "section",
        tag("h2", heading, id=f"{place}-heading"),
        tag("p", search, class_="search"),
        tag("div", table, class_="scroll classes", role="group", tabindex=0, aria_label=heading),
        pages,
        tag("noscript", tag("p", "The table of classes needs scripts: they are in this file.")),
        details("What the columns are", legend),
        class_="class-table",
        data_of=place,
        aria_labelledby=f"{place}-heading",
    )


def _heading(title: str, what: str, number: int) -> Markup:
    button = tag("button", title, type="button", title=what, data_column=number)
    return tag("th", button, scope="col", aria_sort="none")


def class_data(solution: Solution, comparisons: Mapping[str, Comparison]) -> dict[str, Any]:
    """Return the columns of the table; `orbit` says the place in them of each class.

    Columns that comparisons add have an entry for each class (`by` "class").
    """
    problem, sizes = solution.problem, solution.problem.class_sizes
    whole = sizes.classes <= MOST_LISTED
    orbits = np.arange(sizes.orbits) if whole else select_orbits(sizes, MOST_SIZES)
    columns: list[dict[str, Any]] = []
    if whole:
        labels = problem.class_labels
        names = None if labels is None else [
            label if isinstance(label, int) else one_line(label) for label in labels
        ]  # fmt: skip
        columns.append(_column("class", names, by="class"))
    else:
        kind = "kind" if problem.kinds_in_words else "size"
        copies = sizes.multiplicities[orbits].tolist()
        columns.append(_column(f"classes of this {kind}", copies))
    columns.append(_column("samples", sizes.distinct[orbits].tolist()))
    for name, values in problem.orbit_options.items():
        what = "An option of the loss that tells classes of one size apart."
        columns.append(_column(name.replace("_", " "), rounded(values[orbits]), what))
    if not solution.components:
        geometry = solution_geometry(solution, orbits)
        columns += [_column(title, rounded(geometry[name]))
                    for name, title in _GEOMETRY.items() if name in geometry]  # fmt: skip
    if whole:
        for name, found in comparisons.items():
            columns += _of_comparison(one_line(name), found)
    orbit = sizes.orbit_index().tolist() if whole else None
    return {"rows": sizes.classes if whole else len(orbits), "orbit": orbit, "columns": columns}


def _of_comparison(name: str, found: Comparison) -> list[dict[str, Any]]:
    of = found.per_class
    return [
        _column(f"{name}: {title}", rounded(values), what, by="class")
        for title, values, what in (
            ("norm", of.norms, f"Length of the class mean of {name}."),
            ("mean cosine", of.cosines, f"Mean cosine of that of {name} with the others."),
            ("angle to optimum°", of.angles, "Degrees between that class mean, after the best "
             "rotation, and the optimal embedding."),
        )
    ]  # fmt: skip


def _column(
    title: str, values: list[Any] | None, what: str | None = None, *, by: str = "orbit"
) -> dict[str, Any]:
    """Return a column; values of None are the numbers of the rows."""
    return {"title": title, "what": what or COLUMNS[title], "by": by, "values": values}


def rounded(values: NDArray[np.float64]) -> list[float | None]:
    """Return numbers to five digits, which no screen shows more of; None for what is not finite."""
    return [
        float(f"{x:.{_DIGITS}g}") if np.isfinite(x) else None
        for x in np.asarray(values, dtype=float).tolist()
    ]
