"""A phase diagram: one number of a sweep over two others, such as imbalance and temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import real_number
from ..containers import shown as cut
from ..errors import InvalidInputError
from ..types import Matrix, Vector
from .canvas import axes_or_new, spans_decades
from .colours import ORDERED, UNDEFINED
from .style import Style, in_style, line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figure import AnyAxes

ANGLES = {
    "angle_smallest": "cosine_smallest",
    "angle_extremes": "cosine_extremes",
    "angle_largest": "cosine_largest",
}
"""Angles in degrees, and the columns of a sweep that they are of."""

_SAID = {
    "imbalance": "imbalance factor",
    "temperature": "temperature τ",
    "parameter": "λ or ρ",
    "dim": "embedding dimension d",
    "angle_smallest": "angle of the two smallest classes (°)",
    "angle_extremes": "angle of largest and smallest class (°)",
    "angle_largest": "angle of the two largest classes (°)",
    "relative_gap": "certified relative gap",
    "rank": "rank of the Gram matrix",
}

_MERGED = 0.01
"""Degrees below which two classes are one: a certified cosine is one up to its rounding."""


@in_style
def plot_phase(
    table: Mapping[str, Sequence[Any]],
    ax: AnyAxes | None = None,
    *,
    x: str = "imbalance",
    y: str = "temperature",
    value: str = "angle_smallest",
    limits: tuple[float, float] | None = None,
    style: Style | None = None,
) -> AnyAxes:
    """Draw one number of a sweep as colours over two others, on whatever grid it was solved.

    An axis is logarithmic where its numbers are positive and span a decade. Points that were not
    solved, or have no such number, are grey. Of angles a line surrounds where the classes are one:
    the angle is zero there, which is minority collapse if they are the smallest ones.

    Parameters
    ----------
    table : SweepTable or mapping of columns
        With a row for each point, such as the result of `screlax.sweep`.
    ax : Axes, optional
        Where to draw; by default the axes of a new figure.
    x, y : str, default "imbalance" and "temperature"
        Columns of numbers; there must be at most one row for each pair.
    value : str, default "angle_smallest"
        A column of numbers, or "angle_smallest", "angle_extremes", "angle_largest": the angle in
        degrees of the two smallest classes, of the largest and the smallest, of the two largest.
    limits : pair of float, optional
        Ends of the colours, to compare pictures; by default the smallest and the largest number.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Axes
        With one mesh of colours and its colour bar.

    Raises
    ------
    InvalidInputError
        If there are no rows, a column is missing or not of numbers, or several rows are at one
        place.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> points = screlax.grid("step:4,40", imbalance=[1, 4, 20], sphere=1, temperature=[0.2, 1])
    >>> axes = plots.plot_phase(screlax.sweep(points))
    >>> axes.get_xlabel(), axes.collections[0].get_array().shape
    ('imbalance factor', (2, 3))
    """
    if not isinstance(table, Mapping):
        raise InvalidInputError(
            f"table must be a mapping from column to numbers, as sweep returns, got {cut(table)}"
        )
    across, up, shown = _grid(_column(table, x), _column(table, y), _values(table, value), (x, y))
    ax = axes_or_new(ax, style=style)
    mesh = _draw(ax, across, up, shown, limits)
    ax.set(xlabel=_SAID.get(x, x.replace("_", " ")), ylabel=_SAID.get(y, y.replace("_", " ")))
    ax.figure.colorbar(mesh, ax=ax, label=_SAID.get(value, value.replace("_", " ")))
    if value in ANGLES:
        _surround(ax, across, up, shown < _MERGED)
    return ax


def _column(table: Mapping[str, Sequence[Any]], name: str) -> Vector:
    """Return a column, NaN where it has no number."""
    if name not in table:
        raise InvalidInputError(f"the table has no column {name!r}; it has {', '.join(table)}")
    try:
        return np.array([np.nan if one is None else real_number(one) for one in table[name]])
    except TypeError:
        raise InvalidInputError(f"the column {name!r} is not of numbers") from None


def _values(table: Mapping[str, Sequence[Any]], name: str) -> Vector:
    if name not in ANGLES:
        return _column(table, name)
    cosine = _column(table, ANGLES[name])
    if (np.abs(cosine) > 1 + 1e-9).any():
        raise InvalidInputError(f"the column {ANGLES[name]!r} is not of cosines")
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))  # rounding beyond one


def _grid(
    x: Vector, y: Vector, value: Vector, names: tuple[str, str]
) -> tuple[Vector, Vector, Matrix]:
    """Return the numbers of both axes and the matrix over them, NaN where there is no row."""
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        raise InvalidInputError(f"the table has no row with numbers for {' and '.join(names)}")
    across, column = np.unique(x[known], return_inverse=True)
    up, row = np.unique(y[known], return_inverse=True)
    places, counts = np.unique(np.stack([row, column]), axis=1, return_counts=True)
    if (counts > 1).any():
        twice = places[:, counts > 1][:, 0]
        raise InvalidInputError(
            f"several rows are at {names[0]} = {across[twice[1]]:g}, {names[1]} = "
            f"{up[twice[0]]:g}: choose rows that differ in nothing else, such as those of one loss"
        )
    shown = np.full((len(up), len(across)), np.nan)
    shown[row, column] = value[known]
    return across, up, shown


def _edges(places: Vector) -> Vector:
    """Return the ends of cells around places, half-way between them on the scale of the axis."""
    logarithmic = spans_decades(places)
    at = np.log(places) if logarithmic else places
    if len(at) == 1:
        half = 0.5 * abs(at[0]) or 0.5
        ends = np.array([at[0] - half, at[0] + half])
    else:
        middle = (at[1:] + at[:-1]) / 2
        ends = np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])
    return np.exp(ends) if logarithmic else ends


def _draw(
    ax: Axes, across: Vector, up: Vector, shown: Matrix, limits: tuple[float, float] | None
) -> Any:
    from matplotlib import colormaps

    low, high = (None, None) if limits is None else _pair(limits)
    mesh = ax.pcolormesh(
        _edges(across),
        _edges(up),
        np.ma.masked_invalid(shown),
        cmap=colormaps[ORDERED].with_extremes(bad=UNDEFINED),
        vmin=low,
        vmax=high,
        edgecolors="face",  # no gaps between cells in vector files
        linewidth=line(0.1),
        rasterized=shown.size > _RASTERED,
    )
    ax.set_facecolor(UNDEFINED)
    for name, places in (("x", across), ("y", up)):
        if spans_decades(places):
            getattr(ax, f"set_{name}scale")("log")
    ax.set(xlim=_edges(across)[[0, -1]], ylim=_edges(up)[[0, -1]])
    return mesh


def _pair(limits: Any) -> tuple[float, float]:
    """Return the ends of the colours; refuse what are none before anything is drawn."""
    try:
        low, high = (real_number(one) for one in limits)
    except (TypeError, ValueError):
        low = high = np.nan
    if not low < high or not np.isfinite([low, high]).all():
        raise InvalidInputError(f"limits must be two finite numbers, low < high, got {limits!r}")
    return low, high


_RASTERED = 10_000
"""Cells from which on they are an image in vector files."""


def _surround(ax: Axes, across: Vector, up: Vector, inside: Any) -> None:
    """Draw the border of a region along the edges of its cells."""
    x, y = _edges(across), _edges(up)
    padded = np.pad(inside, 1).astype(int)
    segments = [((x[c], y[r]), (x[c], y[r + 1]))
                for r, c in np.argwhere(np.diff(padded[1:-1], axis=1) != 0)]  # fmt: skip
    segments += [((x[c], y[r]), (x[c + 1], y[r]))
                 for r, c in np.argwhere(np.diff(padded[:, 1:-1], axis=0) != 0)]  # fmt: skip
    if segments:
        from matplotlib.collections import LineCollection

        border = LineCollection(segments, colors="white", linewidths=line(1.0), capstyle="round")
        ax.add_collection(border, autolim=False)
