"""Eigenvalues of the Gram matrix of the class means, and its rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..checks import check_kind
from ..errors import ProblemTooLargeError
from ..solution.solution import Solution
from ..types import Vector
from .canvas import axes_or_new, number_whole, spans_decades
from .captions import caption
from .colours import GUIDE, ROLES
from .legends import write_legend
from .style import Style, in_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figure import AnyAxes

MOST_DISTINCT = 4000
"""Distinct sizes up to which eigenvalues are computed: an m×m eigenvalue problem of seconds."""

_MARKED = 60
_MOST_POINTS = 2000


@in_style
def plot_spectrum(
    solution: Solution, ax: AnyAxes | None = None, *, style: Style | None = None
) -> AnyAxes:
    """Draw the eigenvalues of the class Gram matrix above its rank tolerance, largest first.

    Eigenvalues at or below `solution.rank_tolerance` times the largest are zero as far as the
    certificate tells; their number is in the legend. Beyond 2000 classes the eigenvalues drawn are
    those at geometrically spaced positions, the first and the last above the tolerance among them.
    Each axis is logarithmic where it spans a factor of ten (positions: a hundred).

    Parameters
    ----------
    solution : Solution
    ax : Axes, optional
        Where to draw; by default the axes of a new figure.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Axes

    Raises
    ------
    ProblemTooLargeError
        If there are more than 4000 distinct class sizes.
    InvalidInputError
        If `ax` is no flat Axes.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> solution = screlax.solve_relaxation([500, 50, 50, 5], screlax.Sphere(1.0))
    >>> axes = plots.plot_spectrum(solution)
    >>> axes.lines[0].get_label()
    'rank 3 of 4 (1 zero)'
    """
    check_kind(solution, Solution, "solution")
    ax = axes_or_new(ax, title=caption(solution.problem), style=style)
    orbits = solution.problem.class_sizes.orbits
    if orbits > MOST_DISTINCT:
        raise ProblemTooLargeError(
            f"the spectrum of {orbits:,} distinct class sizes would take minutes and much memory; "
            f"it is drawn up to {MOST_DISTINCT:,}; solution.rank does not need it"
        )
    values, classes = kept_eigenvalues(solution), solution.problem.classes
    kept = len(values)
    position = np.arange(1, kept + 1)
    if kept > _MOST_POINTS:
        position = np.unique(np.rint(np.geomspace(1, kept, _MOST_POINTS)).astype(int))
    label = f"rank {kept:,} of {classes:,}"
    if kept < classes:
        label += f" ({classes - kept:,} zero)"
    few = len(position) <= _MARKED
    ax.plot(position, values[position - 1], color=ROLES["optimum"], linestyle="" if few else "-",
            marker="o" if few else "", label=label)  # fmt: skip
    ax.axvline(kept, color=GUIDE, linestyle=":", zorder=1)
    _scale(ax, values, classes)
    ax.set(xlabel="number of the eigenvalue", ylabel="eigenvalue of the class Gram matrix")
    write_legend(ax)
    return ax


def kept_eigenvalues(solution: Solution) -> Vector:
    """Return the eigenvalues of the class Gram matrix above its rank tolerance, largest first."""
    values = solution.eigenvalues
    return values[values > solution.rank_tolerance * max(float(values[0]), 0.0)]


def _scale(ax: Axes, kept: np.ndarray, classes: int) -> None:
    if classes >= 100:
        ax.set_xscale("log")
        ax.set_xlim(0.9, 1.1 * classes)
    else:
        number_whole(ax.xaxis)
        ax.set_xlim(0.5, classes + 0.5)
    if spans_decades(kept):
        ax.set_yscale("log")
    else:
        ax.set_ylim(0, 1.1 * float(kept[0]) if len(kept) else 1.0)
