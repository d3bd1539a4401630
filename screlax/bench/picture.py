"""Certified suboptimality against time, one panel per set of problems."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from ..plots.canvas import require_matplotlib
from .table import Row, suboptimality

_COLOURS = (
    "#000000",
    "#0072b2",
    "#56b4e9",
    "#d55e00",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#7f7f7f",
    "#882255",
)
_MARKS = "osD^vP*Xh"
_SMALLEST = 1e-17
"""Smaller ones are drawn there: rounding has no size."""


def draw(rows: Sequence[Row]) -> bytes:
    """Return a PNG: every run is a point, runs of one method on one problem are joined.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    excess = suboptimality(rows)
    ran = [row for row in rows if math.isfinite(excess[row])]
    groups = list(dict.fromkeys(row.group for row in ran)) or [""]
    methods = list(dict.fromkeys(row.method for row in ran))
    figure = Figure(figsize=(4.2 * len(groups), 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
    for axes, group in zip(panels, groups, strict=True):
        for number, method in enumerate(methods):
            style = {
                "color": _COLOURS[number % len(_COLOURS)],
                "marker": _MARKS[number % len(_MARKS)],
            }
            mine = [row for row in ran if row.group == group and row.method == method]
            for problem in dict.fromkeys(row.problem for row in mine):
                points = sorted(
                    (row.seconds, max(excess[row], _SMALLEST))
                    for row in mine
                    if row.problem == problem
                )
                axes.plot(*zip(*points, strict=True), linewidth=0.8, markersize=5, **style)
            axes.plot([], [], linestyle="none", label=method, **style)
        axes.set(xscale="log", yscale="log", title=group, xlabel="seconds")
    panels[0].set_ylabel("certified relative suboptimality")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(methods) or 1)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=110)
    return sink.getvalue()
