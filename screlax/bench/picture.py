"""Certified suboptimality against time, one panel per set of problems."""

import io
import math
from collections.abc import Sequence

from ..plots.canvas import new_figure
from ..plots.colours import CURVES
from .table import Row, suboptimality

_MARKS = "osD^vP*Xh"
_SMALLEST = 1e-17
"""Smaller ones are drawn there: rounding has no size."""


def draw(rows: Sequence[Row]) -> bytes:
    """Return a PNG: every run is a point, runs of one method on one problem are joined."""
    excess = suboptimality(rows)
    ran = [row for row in rows if math.isfinite(excess[row])]
    groups = list(dict.fromkeys(row.group for row in ran)) or [""]
    methods = list(dict.fromkeys(row.method for row in ran))
    figure = new_figure(4.2 * len(groups), 4.4)
    panels = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
    for axes, group in zip(panels, groups, strict=True):
        for number, method in enumerate(methods):
            style = {
                "color": CURVES[number % len(CURVES)],
                "marker": _MARKS[number % len(_MARKS)],
            }
            mine = [row for row in ran if (row.group, row.method) == (group, method)]
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
