"""The geometry of several losses side by side, over the imbalance or for one set of class sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidInputError
from ..sweeps.loss_comparison import LossComparison
from ..types import Vector
from .canvas import keep_flat_curves_flat, panels_or_new, scale_horizontally
from .colours import CURVES, GUIDE, curve
from .labels import draw_literally, drawable, legend_label, write_title
from .style import Style, in_style, line, mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figure import AnyFigure

_PANELS = {
    "norm_ratio": "norm, smallest class over largest",
    "cosine_extremes": "cosine, largest with smallest class",
    "cosine_smallest": "cosine, two smallest classes",
    "etf_distance": "Gram distance from the simplex ETF",
}
"""What is drawn: columns of the comparison, and the ratio of two."""

_CLASSIFIER: dict[str, Any] = {
    "linestyle": ":",
    "marker": "s",
    "markerfacecolor": "none",
}
"""How the rows of a classifier are drawn beside the features of the same colour."""


@in_style
def plot_losses(
    comparison: LossComparison,
    figure: AnyFigure | None = None,
    *,
    style: Style | None = None,
) -> AnyFigure:
    """Draw the optimal geometry of several losses, of `screlax.compare_losses`.

    Four panels: the norm of the smallest class over that of the largest; the cosine between the
    largest and the smallest class; that between the two smallest, which is one where minorities
    collapse; the distance of the Gram matrix from that of a balanced problem. Over several
    imbalance factors every loss is a curve, else a bar; the rows of a classifier are dotted, or
    have a bar of their own. Under several controls the legend says which. A loss that was refused
    is named in the legend, with nothing drawn; a certificate short of its tolerance is a hollow
    mark.

    Parameters
    ----------
    comparison : LossComparison
    figure : Figure or SubFigure, optional
        An empty one to draw into; by default a new figure.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    InvalidInputError
        If it is no comparison of losses.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> found = screlax.compare_losses(
    ...     "step:10,500", screlax.Sphere(1.0), 0.5, ["supcon", "class-averaged"], imbalance=[1, 10]
    ... )
    >>> figure = plots.plot_losses(found)
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['supcon', 'class-averaged']
    """
    if not isinstance(comparison, LossComparison):
        raise InvalidInputError(
            f"plot_losses draws what compare_losses returns, got {type(comparison).__name__}"
        )
    over = {row["imbalance"] for row in comparison.rows}
    draw = _draw_curves if len(over) > 1 else _draw_bars
    figure, axes = panels_or_new(figure, 2, 2, style, sharey=draw is _draw_bars)
    for ax, (column, title) in zip(axes, _PANELS.items(), strict=True):
        draw(ax, comparison, column)
        ax.set_title(title, fontsize="medium")
        if column.startswith("cosine"):
            _mark_balanced(ax, comparison, vertical=draw is _draw_bars)
    if draw is _draw_curves:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="small")
    write_title(figure, comparison_title(comparison))
    return figure


def comparison_title(comparison: LossComparison) -> str:
    """Return one line that says what was solved, for all losses."""
    row = next((row for row in comparison.rows if row["classes"]), comparison.rows[0])
    classes = f"{row['classes']:,} classes, " if row["classes"] else ""
    return f"Optima by loss: {classes}{comparison.in_common}"


def _values(rows: tuple[dict[str, Any], ...], column: str) -> Vector:
    """Return a column as numbers, NaN for none."""
    if column.endswith("norm_ratio"):
        of = column.removesuffix("norm_ratio")
        small, large = _values(rows, f"{of}norm_smallest"), _values(rows, f"{of}norm_largest")
        return np.divide(small, large, out=np.full_like(small, np.nan), where=large > 0)
    return np.array([np.nan if row[column] is None else row[column] for row in rows])


def _name(name: str, rows: tuple[dict[str, Any], ...]) -> str:
    """Return what a legend calls a loss."""
    refused = [row for row in rows if row["status"] in ("refused", "failed")]
    if not refused:
        return name
    everywhere = len(refused) == len(rows)
    return f"{name} ({refused[0]['status']}{'' if everywhere else ' in part'})"


def _has_classifier(rows: tuple[dict[str, Any], ...]) -> bool:
    return any(row["classifier_norm_largest"] is not None for row in rows)


def _draw_curves(ax: Axes, comparison: LossComparison, column: str) -> None:
    for number, (name, rows) in enumerate(comparison.series.items()):
        over, values = _values(rows, "imbalance"), _values(rows, column)
        order = np.argsort(over, kind="stable")
        style = curve(number)
        label = legend_label(_name(name, rows))
        (line,) = ax.plot(
            over[order], values[order], label=label, marker="o", markersize=mark(2 / 3), **style
        )
        if any(row["status"] == "inaccurate" for row in rows):
            line.set_markerfacecolor("none")
        if _has_classifier(rows):
            values = _values(rows, f"classifier_{column}")[order]
            label = legend_label(f"{name}, rows of the classifier")
            ax.plot(
                over[order],
                values,
                label=label,
                color=line.get_color(),
                markersize=mark(2 / 3),
                **_CLASSIFIER,
            )
    scale_horizontally(ax, _values(comparison.rows, "imbalance"))
    ax.set_xlabel("imbalance factor")
    keep_flat_curves_flat(ax)


def _draw_bars(ax: Axes, comparison: LossComparison, column: str) -> None:
    names, values = [], []
    for name, rows in comparison.series.items():
        names.append(drawable(_name(name, rows)))
        values.append(_values(rows, column)[0])
        if _has_classifier(rows):
            names.append(drawable(f"{name}, classifier"))
            values.append(_values(rows, f"classifier_{column}")[0])
    shown = np.nan_to_num(values)
    colours = [CURVES[number % len(CURVES)] for number in range(len(names))]
    ax.barh(np.arange(len(names)), shown, color=colours)
    ax.axvline(0.0, color=GUIDE, linewidth=line(0.5))
    ax.set_yticks(np.arange(len(names)), names, fontsize="small")
    ax.set_ylim(len(names) - 0.5, -0.5)
    draw_literally(ax.get_yticklabels())


def _mark_balanced(ax: Axes, comparison: LossComparison, *, vertical: bool) -> None:
    """Draw the cosine of a balanced problem, −1/(k−1), as a dotted line."""
    classes = next((row["classes"] for row in comparison.rows if row["classes"]), None)
    if classes is None:
        return
    place = -1 / (classes - 1)
    (ax.axvline if vertical else ax.axhline)(place, color=GUIDE, linestyle=":", zorder=1)
