"""The nonconvex landscape: how far from the certified optimum descent ends, by dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import real_number
from ..errors import InvalidInputError
from ..landscape import Landscape
from ..types import Vector
from .canvas import axes_or_new, draw_gaps, number_whole, spans_decades
from .captions import caption
from .colours import CURVES, ENDS, GUIDE
from .legends import write_legend
from .style import Style, in_style, line, mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figure import AnyAxes

REACHED = 1e-8
"""Relative gap up to which a descent counts as having reached the optimum (`Landscape.table`)."""

_SAID = {"spurious": "local minimum above the bound"}


@in_style
def plot_landscape(
    landscape: Landscape | Sequence[Mapping[str, Any]],
    ax: AnyAxes | None = None,
    *,
    rank: int | None = None,
    tol: float | None = None,
    style: Style | None = None,
) -> AnyAxes:
    """Draw the certified relative gap of descent runs against the embedding dimension.

    Every run is a dot; those of one dimension stand side by side in order of their gaps, coloured
    by where they ended. Lines join the medians and the smallest gaps. Once the dimension exceeds
    the number of classes the theory (Behnia and Thrampoulidis 2024) knows no spurious local
    minima: gaps should fall to rounding.

    Parameters
    ----------
    landscape : Landscape, or sequence of mappings
        Of mappings one per run, with keys "dim" and "relative_gap", to a certified lower bound,
        and perhaps "classification"; other keys are left alone.
    ax : Axes, optional
        Where to draw; by default the axes of a new figure.
    rank : int, optional
        Rank of the optimal Gram matrix, a dotted line; by default that of a Landscape's solution.
    tol : float, optional
        A dashed line at this height; by default 1e-8 for a Landscape, up to which its table counts
        the optimum as reached.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If there are no rows, or one lacks a key or has something else than a number in it.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> problem = screlax.UFM([6, 4, 2], screlax.Sphere(1.0))
    >>> landscape = screlax.survey_landscape(problem, dims=[1, 2, 3], starts=3)
    >>> axes = plots.plot_landscape(landscape)
    >>> axes.get_xlabel()
    'embedding dimension d'
    """
    title = ""
    if isinstance(landscape, Landscape):
        title = caption(landscape.problem)
        rank = landscape.solution.rank if rank is None else rank
        tol = REACHED if tol is None else tol
        landscape = [vars(point) for point in landscape.points]
    dims, gaps = _column(landscape, "dim"), _column(landscape, "relative_gap")
    ends = [row.get("classification") for row in landscape]
    ax = axes_or_new(ax, title=title, style=style)
    many = spans_decades(dims, 100.0)
    _draw_runs(ax, dims if many else _side_by_side(dims, gaps), gaps, ends)
    _draw_summaries(ax, dims, np.where(np.isnan(gaps), np.inf, gaps))
    if many:
        ax.set_xscale("log")
    else:
        number_whole(ax.xaxis)
    if rank is not None:
        ax.axvline(rank, color=GUIDE, linestyle=":", label=f"rank of the optimum: {rank:,}")
    if tol is not None:
        ax.axhline(tol, color=GUIDE, linestyle="--", label=f"tolerance {tol:.0e}")
    ax.set(xlabel="embedding dimension d", ylabel="relative gap to the certified bound")
    write_legend(ax)
    return ax


def _draw_runs(ax: Axes, place: Vector, gaps: Vector, ends: Sequence[Any]) -> None:
    """Draw a dot for each run, a colour for each classification."""
    for end in [*ENDS, None]:
        mine = np.array([(known if known in ENDS else None) == end for known in ends])
        if mine.any():
            colour, label = (ENDS[end], _SAID.get(end, end)) if end else (CURVES[5], "one run")
            draw_gaps(ax, place[mine], gaps[mine], label, color=colour, linestyle="", marker="o",
                      markersize=mark(1 / 2))  # fmt: skip


def _side_by_side(dims: Vector, gaps: Vector) -> Vector:
    """Return places that spread the runs of one dimension over half a unit, best first."""
    place = dims.astype(float)
    for dim in np.unique(dims):
        mine = np.flatnonzero(dims == dim)
        spread = (np.arange(len(mine)) + 0.5) / len(mine) - 0.5
        place[mine[np.argsort(gaps[mine], kind="stable")]] += 0.5 * spread
    return place


def _draw_summaries(ax: Axes, dims: Vector, gaps: Vector) -> None:
    """Join the medians, and the smallest gaps, where they are positive numbers."""
    distinct = np.unique(dims)
    for label, of, colour, dashes in (
        ("median", np.median, CURVES[2], "-"),
        ("smallest", np.min, GUIDE, "-."),
    ):
        found = np.array([of(gaps[dims == dim]) for dim in distinct])
        shown = np.where(np.isfinite(found) & (found > 0), found, np.nan)
        ax.plot(
            distinct,
            shown,
            color=colour,
            linestyle=dashes,
            linewidth=line(2 / 3),
            zorder=1,
            label=label,
        )


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
