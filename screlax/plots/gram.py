"""The Gram matrix of the class means as a heat map, classes in order of size."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_choice, check_kind
from ..gram.curve import AnyGram
from ..gram.geometry import cosines_of
from ..solution.solution import Solution
from ..types import Matrix
from .canvas import axes_or_new, short_count
from .captions import caption
from .colours import SIGNED, UNDEFINED
from .labels import draw_ticks_literally, drawable
from .selection import NAMED, Selection, select_classes, selected_gram
from .style import Style, in_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.image import AxesImage

    from .figure import AnyAxes

KINDS = {"cosines": "cosine between class means", "inner products": "inner product of class means"}

_WRITTEN = 10
_SHARP = 100
_SIZE_TICKS = 6

_NARROW = 3.0
"""Inches of axes below which class sizes would take the room of the picture."""

_LEFT = 0.6
"""Share of axes that is left for the picture beside labels and colour bar, about."""


@in_style
def plot_gram(
    solution: Solution,
    ax: AnyAxes | None = None,
    *,
    kind: str = "cosines",
    max_classes: int = 1000,
    style: Style | None = None,
) -> AnyAxes:
    """Draw the Gram matrix of the class means as a heat map, the largest class first.

    The colours are symmetric about zero (orthogonal is white) and reach to the largest entry off
    the diagonal, in absolute value; where that is more than twice the 99th percentile, only to the
    percentile, and the ends of the colour bar are pointed. The diagonal, ones or squared norms,
    would wash out all others: it is grey. Up to ten classes the numbers are written into the
    cells, the diagonal too.

    Parameters
    ----------
    solution : Solution
        Any solution; only the entries drawn are formed.
    ax : Axes, optional
        Where to draw; by default the axes of a new figure, `ax.figure`.
    kind : {"cosines", "inner products"}, default "cosines"
        ⟨h_c, h_c'⟩/(‖h_c‖‖h_c'‖), grey where a norm is zero, or ⟨h_c, h_c'⟩.
    max_classes : int, default 1000
        Beyond it there is one row for each distinct size (up to `max_classes` of them, nearest to
        geometrically spaced), and the axis says so. The diagonal then belongs to two different
        classes of that size, and is grey where there is only one.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Axes
        With one image of shape (p, p), p = k or the number of sizes drawn, and its colour bar.

    Raises
    ------
    InvalidInputError
        If `kind`, `max_classes` or `ax` is not what it should be.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> solution = screlax.solve_relaxation([500, 50, 50, 5], screlax.Ridge(0.01))
    >>> axes = plots.plot_gram(solution, kind="inner products")
    >>> axes.images[0].get_array().shape
    (4, 4)
    """
    check_kind(solution, Solution, "solution")
    check_choice(kind, "kind", tuple(KINDS))
    ax = axes_or_new(ax, title=caption(solution.problem), style=style, square=True)
    selection = select_classes(solution.problem, max_classes)
    matrix = shown_matrix(solution, selection, kind)
    image = draw_heat_map(ax, matrix, selection)
    colour_bar(ax.figure, [image], [ax], kind)
    return ax


def shown_matrix(solution: Solution, selection: Selection, kind: str) -> Matrix:
    """Return what the cells stand for; the diagonal of a row per size is between two classes."""
    copies = solution.problem.class_sizes.multiplicities
    return matrix_shown(solution.orbit_gram, copies, selection, kind)


def matrix_shown(
    gram: AnyGram, copies: NDArray[np.int64], selection: Selection, kind: str
) -> Matrix:
    """Return what cells stand for of any Gram matrix by orbit, of so many classes each."""
    orbits = selection.orbits
    matrix = selected_gram(gram, orbits)
    own = np.diagonal(matrix).copy()
    if kind == "cosines":
        matrix = cosines_of(matrix)
    if not selection.is_complete:
        several = copies[orbits] > 1
        between = own - gram.spread[orbits]
        scale = own if kind == "cosines" else np.ones_like(own)
        known = several & (scale > 0)
        between = np.divide(between, scale, out=np.full_like(own, np.nan), where=known)
        np.fill_diagonal(matrix, between)
    return matrix


def without_itself(matrix: Matrix, selection: Selection) -> Matrix:
    """Return what is coloured: not the diagonal, where that is a class with itself."""
    shown = matrix.copy()
    if selection.is_complete:
        np.fill_diagonal(shown, np.nan)
    return shown


def draw_heat_map(
    ax: Axes, matrix: Matrix, selection: Selection, limit: float | None = None
) -> AxesImage:
    """Draw a matrix over the selected classes, NaN for no number, and label both axes.

    The colours end at `limit` on both sides of zero, by default at `colour_limit`.
    """
    from matplotlib.colors import LinearSegmentedColormap

    shown = without_itself(matrix, selection)
    limit = colour_limit(shown) if limit is None else limit
    image = ax.imshow(
        shown,
        cmap=LinearSegmentedColormap.from_list("signed", SIGNED, N=257).with_extremes(
            bad=UNDEFINED
        ),
        vmin=-limit,
        vmax=limit,
        interpolation="nearest" if len(matrix) <= _SHARP else "auto",
        interpolation_stage="data",
    )
    _label_axes(ax, selection)
    if len(matrix) <= _WRITTEN:
        _write_numbers(ax, matrix, np.isfinite(shown), limit)
    return image


def colour_limit(shown: Matrix) -> float:
    """Return where colours end: the largest entry, or the 99th percentile if under half of it.

    Of absolute values, without those that are not finite; 1 where nothing is left to show.
    """
    size = np.abs(shown[np.isfinite(shown)])
    if not size.size or size.max() == 0:
        return 1.0
    largest = float(size.max())
    usual = float(np.quantile(size, 0.99))
    return largest if len(shown) <= NAMED or not 0 < usual < largest / 2 else usual


def colour_bar(
    figure: Figure | SubFigure, images: Sequence[AxesImage], axes: Sequence[Axes], kind: str
) -> None:
    """Add one colour bar for images of the same colours, pointed where entries lie beyond it."""
    limit = images[0].norm.vmax or 0.0
    shown: list[Any] = [np.ma.masked_invalid(np.ma.asarray(image.get_array())) for image in images]
    beyond = any(bool((np.abs(entries.compressed()) > limit).any()) for entries in shown)
    figure.colorbar(images[0], ax=list(axes), label=KINDS[kind],
                    extend="both" if beyond else "neither")  # fmt: skip


def _label_axes(ax: Axes, selection: Selection) -> None:
    """Name the classes on both axes, or their sizes, as many as have room."""
    from .fitting import name_places

    count, named = len(selection.sizes), selection.names is not None
    across, down = (
        {place: drawable(name) for place, name in names.items()}
        for names in _names(selection, narrow=_width(ax) < _NARROW)
    )
    places = np.arange(count)
    choices = (
        [places[::step] for step in range(1, count + 1)]
        if named
        else [_evenly(count, ticks) for ticks in range(_SIZE_TICKS, 0, -1)]
    )
    for axis, names in ((ax.xaxis, across), (ax.yaxis, down)):
        name_places(axis, choices, names)
        draw_ticks_literally(axis.get_major_ticks(len(choices[0])), names.values())
    turned = _must_turn(ax, [across[int(place)] for place in choices[0]])
    ax.tick_params(axis="x", labelrotation=90 if turned else 0)
    if not named:
        ax.set_ylabel("class size, largest first")
    elif selection.is_complete:
        ax.set_ylabel("class" if across == down else "class (number of samples)")
    else:
        ax.set_ylabel("number of classes × size")
    ax.set_xlabel(selection.rule or ("class" if named else "class size, largest first"))


def _names(selection: Selection, *, narrow: bool) -> tuple[dict[int, str], dict[int, str]]:
    """Return what the places of the horizontal and of the vertical axis are called."""
    sizes = list(map(short_count, selection.sizes))
    if selection.names is None:
        return dict(enumerate(sizes)), dict(enumerate(sizes))
    names = selection.names
    if not selection.is_complete:
        kinds = [f", {words}" if words else "" for words in selection.kinds]
        down = [f"{one} {size}{kind}" for one, size, kind in zip(names, sizes, kinds, strict=True)]
        return dict(enumerate(sizes)), dict(enumerate(down))
    if narrow:
        same = dict(enumerate(names))
        return same, same
    down = [f"{name} ({size})" for name, size in zip(names, sizes, strict=True)]
    return dict(enumerate(names)), dict(enumerate(down))


def _evenly(count: int, ticks: int) -> NDArray[np.int64]:
    """Return so many places of that many, the first and the last among them."""
    return np.unique(np.rint(np.linspace(0, count - 1, ticks)).astype(np.int64))


def _width(ax: Axes) -> float:
    """Return how wide axes are in inches, before anything is laid out."""
    return float(ax.bbox.width / ax.figure.dpi)


def _must_turn(ax: Axes, names: Collection[str]) -> bool:
    """Whether names side by side are wider than what is left beside labels and colour bar."""
    from .fitting import width_side_by_side

    label = ax.xaxis.get_major_ticks()[0].label1
    return width_side_by_side(names, label) > _LEFT * 72 * _width(ax)


def _write_numbers(ax: Axes, matrix: Matrix, coloured: NDArray[np.bool_], limit: float) -> None:
    """Write the numbers into the cells, with two digits of the limit; white on dark cells."""
    from .fitting import fit_into_cells

    decimals = max(0, 1 - math.floor(math.log10(0.999 * limit)))
    texts = [
        ax.text(column, row, _number(number, decimals), ha="center", va="center", fontsize="small",
                color="w" if coloured[row, column] and abs(number) > 0.6 * limit else "k")
        for (row, column), number in np.ndenumerate(matrix)
    ]  # fmt: skip
    fit_into_cells(ax, texts)


def _number(number: float, decimals: int) -> str:
    """Return a number for a narrow cell: −.25 for −0.25, 0 for what rounds to it, 1 for 1.00."""
    if np.isnan(number):
        return "–"
    text = f"{abs(number):.{decimals}f}"
    if float(text) == int(float(text)):
        text = f"{float(text):.0f}"
    sign = "−" if number < 0 and float(text) else ""
    return sign + text.removeprefix("0" if text.startswith("0.") else "")
