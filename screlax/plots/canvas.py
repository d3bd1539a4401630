"""Axes to draw on, without pyplot: no figure is registered anywhere, nothing is shown or leaked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInputError
from .labels import write_title
from .style import Style, inches, require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.ticker import LogLocator

    from .figure import AnyAxes, AnyFigure, NotebookFigure

DECADE = 10.0
"""An axis is logarithmic where its values are positive and span at least this factor."""

LOWEST_GAP = 1e-20
"""Relative gaps below it are drawn as nothing but that: rounding is at 1e-16."""

_PANEL, _NARROWEST_PANEL = 4.5, 1.8
"""Inches of a panel on a screen, and the least of one in a paper."""

_PAGE = 8.8
"""Inches that the page of a paper is high."""

_FLAT = 1e-6
"""Relative range below which a curve is flat, and its axis must not magnify rounding."""


def new_figure(width: float, height: float, style: Style | None = None) -> NotebookFigure:
    """Return a figure of that size in inches, unknown to pyplot; a style scales it to its width."""
    require_matplotlib()
    from .figure import NotebookFigure

    wanted = inches(style)
    size = (width, height) if wanted is None else (wanted, height * wanted / width)
    return NotebookFigure(figsize=size, layout="constrained")


def axes_or_new(
    ax: AnyAxes | None,
    dim: int = 2,
    title: str = "",
    style: Style | None = None,
    *,
    square: bool = False,
) -> AnyAxes:
    """Return the axes given, refused unless of that dimension, or those of a new figure.

    A figure of its own has a title that says what it is of; axes given have one already, or none.
    Where its axes are square they are packed closely.
    """
    require_matplotlib()
    from matplotlib.axes import Axes

    if ax is None:
        from .figure import add_axes

        wide = (inches(style) or 0.0) > _PANEL
        figure = new_figure(5.2, 4.2 if square or not wide else 2.9, style)
        if square and style is not None:
            figure.set_layout_engine("compressed")
        write_title(figure, title, "small")
        return cast("AnyAxes", add_axes(figure, spatial=dim == 3))
    if not isinstance(ax, Axes):
        raise InvalidInputError(f"ax must be a matplotlib Axes or None, got {type(ax).__name__}")
    if (dim == 3) != is_spatial(ax):
        wanted, found = ("3-D", "flat") if dim == 3 else ("flat", "3-D")
        raise InvalidInputError(
            f"this picture needs {wanted} axes and ax is {found}; "
            "add_subplot(projection='3d') makes 3-D axes, add_subplot() flat ones"
        )
    return ax


def figure_or_new(
    figure: AnyFigure | None,
    width: float,
    height: float,
    style: Style | None = None,
) -> AnyFigure:
    """Return the empty figure given, checked, or a new one of that size in inches."""
    require_matplotlib()
    from matplotlib.figure import FigureBase

    if figure is None:
        return cast("AnyFigure", new_figure(width, height, style))
    if not isinstance(figure, FigureBase):
        raise InvalidInputError(
            f"figure must be a matplotlib Figure, SubFigure or None, got {type(figure).__name__}"
        )
    return figure


def panels_or_new(
    figure: AnyFigure | None,
    rows: int,
    columns: int,
    style: Style | None,
    *,
    height: float = 0.8,
    sharey: bool = False,
) -> tuple[AnyFigure, list[Axes]]:
    """Return a figure and its panels, `height` of their width high.

    On a screen as many in a row as are asked for, of 4.5 inches; in a style as many as have room,
    at least 1.8 inches each.
    """
    wanted, count = inches(style), rows * columns
    if wanted is not None:
        columns = max(1, min(columns, int(wanted / _NARROWEST_PANEL)))
        rows = -(-count // columns)
    across = _PANEL * columns if wanted is None else wanted
    high = min(across / columns * height * rows, _PAGE)
    figure = figure_or_new(figure, across, high, style)
    grid = figure.add_gridspec(rows, columns)
    panels: list[Axes] = []
    for place in range(count):
        left = panels[place - place % columns] if sharey and place % columns else None
        panels.append(figure.add_subplot(grid[divmod(place, columns)], sharey=left))
        if left is not None:
            panels[place].tick_params(labelleft=False)
    return figure, panels


def is_spatial(ax: Any) -> bool:
    """Whether axes have three dimensions."""
    return hasattr(ax, "get_zlim")


def spans_decades(values: ArrayLike, factor: float = DECADE) -> bool:
    """Whether all finite values are positive and the largest is `factor` times the smallest."""
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    return bool(numbers.size and numbers.min() > 0 and numbers.max() >= factor * numbers.min())


def scale_horizontally(ax: Axes, values: ArrayLike) -> None:
    """Make the horizontal axis logarithmic where the values on it span a decade.

    Up to two decades 1, 2 and 5 are named, so that there are always numbers to read.
    """
    if not spans_decades(values):
        return
    from matplotlib.ticker import NullFormatter

    ax.set_xscale("log")
    ax.xaxis.set_minor_formatter(NullFormatter())
    if not spans_decades(values, 100.0):
        ax.xaxis.set_major_locator(one_two_five())
        ax.xaxis.set_major_formatter("{x:g}")


def one_two_five() -> LogLocator:
    """Return a locator of logarithmic ticks that are less than a decade apart."""
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1.0, 2.0, 5.0))


def scale_sizes(ax: Axes, sizes: ArrayLike) -> None:
    """Label the horizontal axis with class sizes, logarithmic where they span a decade."""
    scale_horizontally(ax, sizes)
    ax.set_xlabel("class size (number of samples)")


def number_whole(axis: Axis) -> None:
    """Put ticks on whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def short_count(count: float) -> str:
    """Return a number of samples or classes as short as an axis needs it."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= max(size, 1e5):
            return f"{count / size:.3g} {letter}"
    return f"{int(count):,}"


def keep_flat_curves_flat(ax: Axes) -> None:
    """Widen the vertical axis where its range is rounding, and never show offsets."""
    low, high = ax.dataLim.intervaly
    size = max(abs(low), abs(high))
    if np.isfinite(size) and high - low <= _FLAT * max(size, _FLAT):
        margin = 0.1 * size
        ax.set_ylim((low - margin, high + margin) if size else (-0.05, 1.0))
    if ax.get_yscale() == "linear":
        ax.ticklabel_format(axis="y", useOffset=False)


def draw_gaps(ax: Axes, x: ArrayLike, gaps: ArrayLike, label: str, **style: Any) -> None:
    """Draw gaps on a logarithmic axis; below `LOWEST_GAP` there are triangles on the lower edge.

    Zero and less has no place on the axis, and a gap that is not finite (nothing was proved) is a
    cross on the upper edge: neither is left out.
    """
    place, gap = np.asarray(x, dtype=float), np.asarray(gaps, dtype=float)
    positive = np.isfinite(gap) & (gap >= LOWEST_GAP)
    ax.set_yscale("log")
    ax.plot(place, np.where(positive, gap, np.nan), label=label, **style)
    colour = style.get("color", "k")
    edge = ax.get_xaxis_transform()
    for chosen, height, marker, meaning in (
        (np.isfinite(gap) & ~positive, 0.03, "v", f"below {LOWEST_GAP:.0e}"),
        (~np.isfinite(gap), 0.97, "x", "no bound"),
    ):
        if chosen.any():
            ax.plot(place[chosen], np.full(int(chosen.sum()), height), marker, color=colour,
                    markersize=style.get("markersize"), transform=edge,
                    label=f"{label}: {meaning}")  # fmt: skip
    if not positive.any():
        ax.set_ylim(LOWEST_GAP, 1.0)


def say(ax: Axes, message: str) -> None:
    """Write a message into the middle of axes that have nothing to draw."""
    ax.text(0.5, 0.5, message, transform=ax.transAxes, ha="center", va="center", wrap=True)
