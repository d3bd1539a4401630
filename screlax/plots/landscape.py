"""The nonconvex landscape: how far from the certified optimum descent ends, by dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import real_number
from ..errors import InvalidInputError
from ..gram.levels import Vector
from .canvas import axes_or_new, draw_gaps, number_whole, spans_decades
from .style import GUIDE, OKABE_ITO

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_landscape(
    rows: Sequence[Mapping[str, Any]],
    ax: Axes | None = None,
    *,
    rank: int | None = None,
    tol: float | None = None,
) -> Axes:
    """Draw the relative gap of descent runs against the embedding dimension.

    Every run is a dot and the median of each dimension is joined by a line. From the dimension of
    the optimum's rank on, the theory (Behnia and Thrampoulidis 2024) knows no spurious local
    minima once the dimension exceeds the number of classes: gaps should fall to rounding.

    Parameters
    ----------
    rows : sequence of mappings
        One per run, with keys "dim" and "gap", the relative gap to a certified lower bound;
        other keys are left alone.
    ax : Axes, optional
        Where to draw; by default the axes of a new figure.
    rank : int, optional
        Rank of the optimal Gram matrix, `solution.rank`: a dotted line.
    tol : float, optional
        A dashed line at this height.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If there are no rows, or one lacks a key or has something else than a number in it.
    MissingExtraError
        If matplotlib is not installed.
    """
    dims, gaps = _column(rows, "dim"), _column(rows, "gap")
    ax = axes_or_new(ax)
    draw_gaps(ax, dims, gaps, "one run", color=OKABE_ITO[5], linestyle="", marker="o", markersize=4)
    known = np.where(np.isnan(gaps), np.inf, gaps)
    distinct = np.unique(dims)
    median = np.array([np.median(known[dims == dim]) for dim in distinct])
    shown = np.where(np.isfinite(median) & (median > 0), median, np.nan)
    ax.plot(distinct, shown, color=OKABE_ITO[0], label="median")
    if spans_decades(dims, 100.0):
        ax.set_xscale("log")
    else:
        number_whole(ax.xaxis)
    if rank is not None:
        ax.axvline(rank, color=GUIDE, linestyle=":", label=f"rank of the optimum: {rank:,}")
    if tol is not None:
        ax.axhline(tol, color=GUIDE, linestyle="--", label=f"tolerance {tol:.0e}")
    ax.set_xlabel("embedding dimension d")
    ax.set_ylabel("relative gap to the certified bound")
    ax.legend(fontsize="small")
    return ax


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> Vector:
    try:
        numbers = [real_number(row[name]) for row in rows]
    except (KeyError, TypeError):
        raise InvalidInputError(
            f"every row of a landscape needs a number under the key {name!r}"
        ) from None
    if not numbers:
        raise InvalidInputError("there are no rows to draw")
    return np.array(numbers)
