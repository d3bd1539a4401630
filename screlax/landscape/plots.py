"""Certified gaps by embedding dimension, on axes of matplotlib's."""

from __future__ import annotations

from typing import Any

import numpy as np

from .result import Landscape

_FLOOR = 1e-17
"""Gaps below this, zero included, are drawn here: a logarithm has no zero."""

_COLOURS = {
    "global": "#0072b2",
    "spurious": "#d55e00",
    "strict saddle": "#cc79a7",
    "not stationary": "#999999",
}
_LABELS = {"spurious": "local minimum above the bound"}


def plot_landscape(landscape: Landscape, axes: Any, *, reached: float = 1e-8) -> None:
    """Draw the certified gap of every descent against its embedding dimension.

    Descents of one dimension stand side by side in order of their gaps, coloured by their
    classification; the line joins the smallest gaps, the dotted one marks the rank of the optimum.

    Parameters
    ----------
    landscape : Landscape
        The survey.
    axes : matplotlib.axes.Axes
        Where to draw.
    reached : float, default 1e-8
        The level drawn as "optimum reached".
    """
    table = landscape.table(reached)
    axes.plot(
        table["dim"], np.maximum(table["best_gap"], _FLOOR), color="0.4", linewidth=1, label="best"
    )
    for kind, colour in _COLOURS.items():
        place, gaps = _positions(landscape, kind)
        if len(gaps):
            label = _LABELS.get(kind, kind)
            axes.plot(place, np.maximum(gaps, _FLOOR), ".", color=colour, markersize=4, label=label)
    axes.axhline(reached, color="0.6", linewidth=0.8, linestyle="--", label=f"gap {reached:.0e}")
    axes.axvline(landscape.solution.rank, color="0.6", linewidth=0.8, linestyle=":", label="rank")
    axes.set(xlabel="embedding dimension d", ylabel="certified relative gap", yscale="log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize="small")


def _positions(landscape: Landscape, kind: str) -> tuple[list[float], list[float]]:
    """Return where the descents of one classification stand, and their gaps."""
    place: list[float] = []
    gaps: list[float] = []
    for dim in landscape.dims:
        points = sorted(landscape.at(dim), key=lambda point: point.gap)
        for number, point in enumerate(points):
            if point.classification == kind:
                place.append(dim + 0.5 * ((number + 0.5) / len(points) - 0.5))
                gaps.append(point.gap)
    return place, gaps
