"""The geometry of a training run over its epochs, from the history of a tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidInputError
from ..spelling import hint
from ..types import Vector
from .canvas import number_whole, panels_or_new, spans_decades
from .colours import curve
from .labels import legend_label
from .legends import write_legend
from .style import Style, in_style, mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figure import AnyFigure

_PANELS = (
    ("class_centred_within_between", "class_centred_trace_ratio", "class_distance_variance"),
    ("gram_distance", "uncentred_simplex_distance", "uncentred_orthogonal_distance"),
    ("class_centred_equinorm", "class_centred_equiangularity", "class_centred_maximal_angle"),
)
"""Collapse within classes; distances from the optimum and from frames; norms and angles."""


@in_style
def plot_history(
    history: Sequence[Mapping[str, Any]],
    figure: AnyFigure | None = None,
    *,
    panels: Sequence[Sequence[str]] = _PANELS,
    style: Style | None = None,
) -> AnyFigure:
    """Draw metrics over epochs, of `GeometryTracker.history`.

    By default three panels: collapse within classes; the distance of the class means from the
    certified optimum, where the tracker has one, from a simplex ETF and from an orthogonal frame;
    norms and angles about the mean of the class means. Axes are logarithmic where all that is
    drawn is positive and some of it spans a decade; gaps are epochs without a number.

    Parameters
    ----------
    history : sequence of mappings
        A row per epoch.
    figure : Figure or SubFigure, optional
        An empty one to draw into; by default a new figure.
    panels : sequence of sequences of str
        Columns drawn together, such as ``[["loss"], ["rank", "effective_rank"]]``. Of the default
        ones those that the history has.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    InvalidInputError
        If there is no row, or a column is not there or not of numbers.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> from screlax import plots
    >>> solution = screlax.solve_relaxation([6, 3, 3], screlax.Sphere(1.0))
    >>> tracker = screlax.GeometryTracker(solution=solution)
    >>> best, labels = solution.prototypes(4), np.repeat([0, 1, 2], [6, 3, 3])
    >>> rng = np.random.default_rng(0)
    >>> for noise in (1.0, 0.3, 0.1):
    ...     tracker.update(best[labels] + noise * rng.standard_normal((12, 4)), labels)
    ...     row = tracker.end_epoch(loss=noise)
    >>> figure = plots.plot_history(tracker.history)
    >>> [line.get_label() for line in figure.axes[1].lines]
    ['gram distance', 'uncentred simplex distance', 'uncentred orthogonal distance']
    """
    rows = list(history) if isinstance(history, Sequence) else []
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise InvalidInputError(
            "plot_history draws rows of numbers, the history of a tracker that has ended an epoch"
        )
    chosen = [list(names) for names in panels]
    if panels is _PANELS:
        chosen = [[name for name in names if any(name in row for row in rows)] for names in panels]
    curves = [[(name, _column(rows, name)) for name in names] for names in chosen if names]
    if not curves:
        raise InvalidInputError("the history has none of the columns that are drawn; name panels")
    epochs = _column(rows, "epoch") if all("epoch" in row for row in rows) else None
    figure, axes = panels_or_new(figure, 1, len(curves), style)
    for ax, some in zip(axes, curves, strict=True):
        _draw(ax, np.arange(1.0, len(rows) + 1) if epochs is None else epochs, some)
    return figure


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> Vector:
    """Return a column, NaN where a row has no such number."""
    if not any(name in row for row in rows):
        raise InvalidInputError(
            f"the history has no column {name!r}{hint(name, rows[-1])}; "
            f"it has {', '.join(rows[-1])}"
        )
    try:
        entries = [row.get(name) for row in rows]
        return np.array([np.nan if entry is None else float(entry) for entry in entries])
    except (TypeError, ValueError):
        raise InvalidInputError(f"the column {name!r} of the history is not of numbers") from None


def _draw(ax: Axes, epochs: Vector, curves: list[tuple[str, Vector]]) -> None:
    for number, (name, values) in enumerate(curves):
        drawn = np.where(np.isfinite(values), values, np.nan)
        label = legend_label(name.replace("_", " "))
        ax.plot(epochs, drawn, label=label, marker="o", markersize=mark(1 / 2), **curve(number))
    every = [values for _, values in curves]
    positive = all((values[np.isfinite(values)] > 0).all() for values in every)
    if positive and any(map(spans_decades, every)):
        ax.set_yscale("log")
    number_whole(ax.xaxis)
    ax.set_xlabel("epoch")
    write_legend(ax)
