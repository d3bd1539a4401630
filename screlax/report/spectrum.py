"""Eigenvalues of the class Gram matrix as a figure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..plots.colours import role
from ..plots.spectrum import kept_eigenvalues
from ..solution.solution import Solution
from .chart import Chart, series
from .figure import Point, chart_figure, column_table
from .markup import Markup
from .numbers import Sheet, number
from .scales import Scale, fitting_scale

_EIGENVALUES = 2000
"""Classes up to which they are computed."""

_MOST_POINTS = 300


def spectrum_figure(sheet: Sheet, solution: Solution) -> Iterator[Markup]:
    """Yield the eigenvalues as a figure, of up to so many classes; nothing of zero."""
    problem = solution.problem
    if problem.classes > _EIGENVALUES or solution.rank == 0:
        return
    values = kept_eigenvalues(solution)
    places = np.arange(1.0, len(values) + 1)
    kept = np.unique(np.geomspace(1, len(values), _MOST_POINTS).round().astype(int)) - 1
    x = Scale(1 - 0.02 * len(values), 1.02 * len(values) + 0.5, counts=True)
    of = [series("eigenvalue", places[kept], values[kept], role("optimum"), dots=True)]
    y = fitting_scale([values], zero=True, log=True)
    chart = Chart(x, y, "number of the eigenvalue", "eigenvalue", of)
    title = "Spectrum"
    what = (
        f"Eigenvalues of the Gram matrix of class means: rank {solution.rank:,} of "
        f"{problem.classes:,}."
    )
    points: list[Point] = [
        (at, None, f"eigenvalue {int(place):,}: {number(value)}")
        for at, place, value in zip(
            chart.across(places[kept]).tolist(), places[kept], values[kept], strict=True
        )
    ]
    columns = {"number": [int(p) for p in places[kept]], "eigenvalue": values[kept].tolist()}
    yield chart_figure(sheet, title, what, chart, points, column_table(title, columns))
