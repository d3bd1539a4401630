"""The Gram matrix of the class means as a heat map, classes in order of size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..exceptions import InvalidInputError
from ..partition import Matrix
from ..solution import Solution
from .canvas import axes_or_new
from .selection import Selection, cosines_of, select_classes, selected_gram
from .style import SIGNED, UNDEFINED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

KINDS = {"cosines": "cosine between class means", "inner products": "inner product of class means"}

_WRITTEN = 10
_SHARP = 100
_SIZE_TICKS = 6


def plot_gram(
    solution: Solution, ax: Axes | None = None, *, kind: str = "cosines", max_classes: int = 1000
) -> Axes:
    """Draw the Gram matrix of the class means as a heat map, the largest class first.

    The colours are symmetric about zero (orthogonal is white) and reach to the largest entry off
    the diagonal. The diagonal, ones or squared norms, would wash out all others: it is grey. Up to
    ten classes the numbers are written into the cells, the diagonal too.

    Parameters
    ----------
    solution : Solution
        Any solution; only the entries drawn are formed.
    ax : Axes, optional
        Where to draw; by default the axes of a new figure, `ax.figure`.
    kind : {"cosines", "inner products"}, default "cosines"
        ⟨h_c, h_c'⟩/(‖h_c‖‖h_c'‖), grey where a norm is zero, or ⟨h_c, h_c'⟩.
    max_classes : int, default 1000
        Beyond it that many classes are drawn, evenly spaced in the order of size, the largest and
        the smallest among them; the axis says so.

    Returns
    -------
    Axes
        With one image of shape (p, p), p = min(k, max_classes), and its colour bar.

    Raises
    ------
    InvalidInputError
        If `kind`, `max_classes` or `ax` is not what it should be.
    MissingExtraError
        If matplotlib is not installed.
    """
    check_kind(kind)
    ax = axes_or_new(ax)
    selection = select_classes(solution.problem, max_classes)
    matrix = selected_gram(solution.orbit_gram, selection.orbits)
    if kind == "cosines":
        matrix = cosines_of(matrix)
    image = draw_heat_map(ax, matrix, selection)
    ax.figure.colorbar(image, ax=ax, label=KINDS[kind])
    return ax


def check_kind(kind: str) -> None:
    """Raise an `InvalidInputError` unless it is one of the kinds of heat map."""
    if kind not in KINDS:
        raise InvalidInputError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")


def draw_heat_map(
    ax: Axes, matrix: Matrix, selection: Selection, limit: float | None = None
) -> AxesImage:
    """Draw a matrix over the selected classes and label both axes; return the image.

    Parameters
    ----------
    ax : Axes
    matrix : ndarray, shape (p, p)
        NaN where there is no number.
    selection : Selection
        The p classes.
    limit : float, optional
        Where the colours end, on both sides of zero; by default at the largest entry off the
        diagonal.
    """
    import matplotlib

    limit = off_diagonal_limit(matrix) if limit is None else limit
    shown = matrix.copy()
    np.fill_diagonal(shown, np.nan)
    image = ax.imshow(
        shown,
        cmap=matplotlib.colormaps[SIGNED].with_extremes(bad=UNDEFINED),
        vmin=-limit,
        vmax=limit,
        interpolation="nearest" if len(matrix) <= _SHARP else "auto",
        interpolation_stage="data",
    )
    _label_axes(ax, selection)
    if len(matrix) <= _WRITTEN:
        _write_numbers(ax, matrix, limit)
    return image


def off_diagonal_limit(*matrices: Matrix) -> float:
    """Return the largest finite entry off the diagonals, in absolute value; 1 where there is none.

    Entries at rounding level of the diagonal do not count: they would be drawn as if they mattered.
    """
    largest = 0.0
    for matrix in matrices:
        off = np.abs(matrix[~np.eye(len(matrix), dtype=bool)])
        off = off[np.isfinite(off)]
        own = np.diagonal(matrix)
        floor = 1e-12 * float(np.max(own, where=np.isfinite(own), initial=0.0))
        if off.size and off.max() > floor:
            largest = max(largest, float(off.max()))
    return largest or 1.0


def _label_axes(ax: Axes, selection: Selection) -> None:
    count = len(selection.sizes)
    if selection.names is not None:
        ticks, across = np.arange(count), selection.names
        pairs = zip(selection.names, selection.sizes, strict=True)
        down = [f"{name} ({size:,})" for name, size in pairs]
        ax.set_ylabel("class (number of samples)")
        ax.set_xlabel("class")
    else:
        ticks = np.unique(np.rint(np.linspace(0, count - 1, _SIZE_TICKS)).astype(int))
        across = down = [f"{size:,}" for size in selection.sizes[ticks]]
        ax.set_ylabel("class size, largest first")
        ax.set_xlabel("class size, largest first" if selection.is_complete else selection.rule)
    ax.set_yticks(ticks, down)
    turned = max(map(len, across)) * len(across) > 30
    ax.set_xticks(ticks, across, rotation=90 if turned else 0)


def _write_numbers(ax: Axes, matrix: Matrix, limit: float) -> None:
    for (row, column), number in np.ndenumerate(matrix):
        dark = row != column and abs(number) > 0.6 * limit
        text = "–" if np.isnan(number) else f"{number:.2g}".replace("-", "−")
        ax.text(column, row, text, ha="center", va="center", color="w" if dark else "k",
                fontsize=8 if len(matrix) <= 6 else 6.5)  # fmt: skip
