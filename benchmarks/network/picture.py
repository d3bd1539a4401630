"""The figure of trained networks: distance to the optimum of all samples, and of their own loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .cells import CROSSED, PROFILES
from .measures import Measurement
from .report import NEAR
from .results import ContrastiveResult
from .samplers import SAMPLERS

matplotlib.use("Agg")
from matplotlib import pyplot

# Okabe and Ito's colours, which the colour-blind can tell apart; views and whether ReLU
STYLES = {
    (1, False): ("#000000", "o", "one view"),
    (2, False): ("#0072b2", "^", "two views, augmented"),
    (1, True): ("#e69f00", "s", "one view, ReLU"),
    (2, True): ("#cc79a7", "v", "two views, ReLU"),
}
LOWEST = 1e-5
"""Distances below are drawn here: single precision leaves no meaning in them."""


def draw(results: Sequence[ContrastiveResult]) -> Figure:
    """Draw class means of all networks at `CROSSED`: a column for each profile and sampler."""
    figure, axes = pyplot.subplots(
        1, 2, figsize=(10.5, 4.4), sharex=True, sharey=True, layout="constrained"
    )
    chosen = [result for result in results if result.cell.temperature == CROSSED]
    sides: list[tuple[str, Callable[[Measurement], float]]] = [
        ("to the optimum of all samples at once", lambda measured: measured.full_means),
        ("to the certified optimum of its own loss", lambda measured: measured.means),
    ]
    for axis, (title, distance) in zip(axes, sides, strict=True):
        _draw_side(axis, chosen, distance)
        axis.set_title(title)
    axes[0].set_ylabel("distance of the class means")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(STYLES), frameon=False)
    return figure


def _draw_side(
    axis: Axes, results: Sequence[ContrastiveResult], distance: Callable[[Measurement], float]
) -> None:
    columns = [(profile, sampler) for profile in PROFILES for sampler in SAMPLERS]
    shift = np.linspace(-0.27, 0.27, len(STYLES))
    for (kind, (colour, marker, label)), beside in zip(STYLES.items(), shift, strict=True):
        here = [one for one in results if (one.cell.views, one.cell.relu) == kind]
        axis.plot(
            [columns.index((one.cell.profile, one.cell.sampler)) + beside for one in here],
            [max(distance(one.measured), LOWEST) for one in here],
            linestyle="none",
            marker=marker,
            markersize=5,
            markerfacecolor="none",
            color=colour,
            label=label,
        )
    axis.axhline(NEAR, color="#777777", linewidth=1, linestyle=(0, (4, 2)))
    for edge in range(len(SAMPLERS), len(columns), len(SAMPLERS)):
        axis.axvline(edge - 0.5, color="#cccccc", linewidth=1)
    axis.set(yscale="log", xlim=(-0.6, len(columns) - 0.4))
    axis.set_xticks(
        range(len(columns)),
        [f"{profile}, {sampler}" for profile, sampler in columns],
        rotation=60,
        ha="right",
        fontsize=8,
    )
    axis.grid(axis="y", color="#eeeeee", linewidth=0.6)
