"""Certified gaps by embedding dimension, on axes of matplotlib's."""

from __future__ import annotations

from typing import Any

import numpy as np

from .result import Landscape

_FLOOR = 1e-17
"""Gaps below this, zero and rounding included, are drawn here: a logarithm has no zero."""


def plot_landscape(landscape: Landscape, axes: Any, *, reached: float = 1e-8) -> None:
    """Draw the certified gap of every descent against its embedding dimension.

    Points share a dimension side by side in order of their gap; the line joins the smallest gaps,
    the vertical one marks the rank of the optimum.

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
    for dim in landscape.dims:
        gaps = np.sort([point.gap for point in landscape.at(dim)])
        place = dim + np.linspace(-0.25, 0.25, len(gaps)) if len(gaps) > 1 else np.array([dim])
        axes.plot(place, np.maximum(gaps, _FLOOR), ".", color="#0072b2", markersize=4, zorder=3)
    axes.plot(table["dim"], np.maximum(table["best_gap"], _FLOOR), color="#e69f00", label="best")
    axes.axhline(reached, color="0.6", linewidth=0.8, linestyle="--", label=f"gap {reached:.0e}")
    axes.axvline(landscape.solution.rank, color="0.6", linewidth=0.8, linestyle=":", label="rank")
    axes.set(xlabel="embedding dimension d", ylabel="certified relative gap", yscale="log")
    axes.locator_params(axis="x", integer=True)
    axes.legend(fontsize="small")
