"""A chart as a figure: drawing, caption, legend, what the pointer reads off, numbers in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .chart import Chart, swatch
from .markup import Markup, details, table, tag
from .numbers import Sheet, number

MOST_ROWS = 40
"""Rows of the table beside a chart: a text alternative, not the data."""

Point = tuple[float, float | None, str]
"""Where the pointer reads off, in the drawing, and what; without height the nearest across."""


def chart_figure(
    sheet: Sheet,
    title: str,
    sentence: str,
    chart: Chart,
    points: Sequence[Point] = (),
    numbers: Markup | None = None,
) -> Markup:
    """Return the figure of a chart.

    Parameters
    ----------
    sheet : Sheet
    title : str
        What it shows, in a few words: its name for screen readers.
    sentence : str
        What that means, in a sentence or two.
    chart : Chart
    points : sequence of Point
        What the pointer reads off.
    numbers : Markup, optional
        The same in a table: its alternative in text.
    """
    place = sheet.identifier("chart")
    if points:
        sheet.data[place] = {
            "points": [
                [round(x, 1), None if y is None else round(y, 1), say] for x, y, say in points
            ]
        }
    return framed(title, sentence, chart.svg(title, place), _legend(chart), numbers, place)


def framed(
    title: str,
    sentence: str,
    drawing: Markup,
    legend: Markup | None,
    numbers: Markup | None,
    place: str,
) -> Markup:
    """Return any drawing as a figure."""
    caption = tag("figcaption", tag("strong", title, "."), " ", sentence)
    unfolded = details(f"{title}: the numbers", numbers) if numbers else None
    return tag(
        "figure",
        caption,
        drawing,
        legend,
        tag("p", class_="readout", data_of=place, aria_hidden="true"),
        unfolded,
    )


def _legend(chart: Chart) -> Markup | None:
    """Return the names of the series, where there are several."""
    named = chart.named
    if len(named) < 2:
        return None
    return tag("ul", *(tag("li", swatch(one), one.name) for one in named), class_="legend")


def thinned(length: int, most: int = MOST_ROWS) -> NDArray[np.int64]:
    """Return at most so many places, evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, max(length - 1, 0), min(most, length)).round().astype(np.int64))


def column_table(caption: str, columns: Mapping[str, Sequence[object]]) -> Markup:
    """Return columns as a table, thinned to what is read."""
    length = len(next(iter(columns.values())))
    kept = thinned(length)
    rows = [[_cell(column[place]) for column in columns.values()] for place in kept.tolist()]
    note = "" if len(kept) == length else f" ({len(rows)} of {length:,}, evenly spaced)"
    return table(f"{caption}{note}", list(columns), rows, shows_caption=True)


def _cell(value: object) -> str:
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    return str(value)
