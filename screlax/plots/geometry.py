"""Norms of the class means, and the cosines between them, against class size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_kind
from ..errors import InvalidInputError
from ..gram.geometry import cosines_of
from ..solution.solution import Solution
from ..types import Vector
from .canvas import axes_or_new, keep_flat_curves_flat, say, scale_sizes, short_count
from .captions import caption
from .colours import GUIDE, curve, role
from .legends import write_legend
from .selection import select_orbits
from .style import Style, in_style, mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figure import AnyAxes

REFERENCES = ("largest", "smallest", "nearest")
MOST_SIZES = 500
"""Beyond that many distinct sizes, curves pass through those nearest to geometrically spaced."""

_LOOKS = {
    "largest": role("frequent"),
    "smallest": role("rare"),
    "nearest": role("nearest") | {"zorder": 1.9},
}
"""The nearest class often is one of the other two, and lies below them."""

_MARKED = 60
_TILE = 64


@in_style
def plot_norms(
    solution: Solution,
    ax: AnyAxes | None = None,
    *,
    label: str | None = None,
    style: Style | None = None,
) -> AnyAxes:
    """Draw the norm ‖h_c‖ of the class means against class size.

    One point per distinct size, joined; beyond 500 sizes, those nearest to geometrically spaced
    ones, the largest and the smallest among them. The axis of sizes is logarithmic where they span
    a factor of ten.

    Parameters
    ----------
    solution : Solution
    ax : Axes, optional
        Where to draw, next to what is there; by default the axes of a new figure.
    label : str, optional
        Name of the curve in a legend.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If `ax` is no flat Axes.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> weak = screlax.solve_relaxation([500, 50, 5], screlax.Ridge(0.01))
    >>> strong = screlax.solve_relaxation([500, 50, 5], screlax.Ridge(0.1))
    >>> axes = plots.plot_norms(weak, label="λ = 0.01")
    >>> axes = plots.plot_norms(strong, axes, label="λ = 0.1")
    >>> [line.get_label() for line in axes.lines]
    ['λ = 0.01', 'λ = 0.1']
    """
    check_kind(solution, Solution, "solution")
    ax = axes_or_new(ax, title=caption(solution.problem), style=style)
    orbits = select_orbits(solution.problem.class_sizes, MOST_SIZES)
    norm = np.sqrt(solution.orbit_gram.own[orbits])
    _draw_curve(ax, solution, orbits, norm, label, curve(len(ax.lines)))
    ax.set_ylabel("norm of the class mean ‖h‖")
    _finish(ax, solution)
    return ax


@in_style
def plot_angles(
    solution: Solution,
    ax: AnyAxes | None = None,
    *,
    references: str | int | Sequence[str | int] = REFERENCES,
    style: Style | None = None,
) -> AnyAxes:
    """Draw cosines between class means against class size, a curve for each reference.

    The dotted line is −1/(k−1), the cosine of a balanced problem (simplex equiangular tight
    frame). Sizes are chosen as in `plot_norms`.

    Parameters
    ----------
    solution : Solution
    ax : Axes, optional
        Where to draw; by default the axes of a new figure.
    references : "largest", "smallest", "nearest", a class number, or several of these
        The class with which each class's cosine is taken: (another) class of the largest or of the
        smallest size, the class nearest in angle, or the one with that number, 0 … k−1.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If a reference is none of these, or `ax` is no flat Axes.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> solution = screlax.solve_relaxation([500, 50, 50, 5], screlax.Sphere(1.0))
    >>> axes = plots.plot_angles(solution, references=["largest", "nearest"])
    >>> [line.get_label() for line in axes.lines]
    ['with the largest class (500)', 'with the nearest class', 'balanced: −1/(k−1)']
    """
    check_kind(solution, Solution, "solution")
    ax = axes_or_new(ax, title=caption(solution.problem), style=style)
    if isinstance(references, str | int | np.integer):
        references = [references]
    named = [
        (_LOOKS.get(str(reference)) or curve(place), _reference(solution, reference))
        for place, reference in enumerate(references)
    ]
    orbits = select_orbits(solution.problem.class_sizes, MOST_SIZES)
    for look, (name, orbit) in named:
        cosine = (
            _nearest_cosines(solution, orbits)
            if orbit is None
            else _cosines_with(solution, orbits, orbit)
        )
        _draw_curve(ax, solution, orbits, cosine, name, look)
    balanced = -1 / (solution.problem.classes - 1)
    ax.axhline(balanced, color=GUIDE, linestyle=":", label="balanced: −1/(k−1)", zorder=1)
    ax.set_ylabel("cosine between class means")
    write_legend(ax)
    _finish(ax, solution)
    if not solution.orbit_gram.own.any():
        ax.set_ylim(-1.05, 1.05)
        ax.set_xticks([])
        say(ax, "every class mean is zero:\nthere are no cosines")
    return ax


def _draw_curve(
    ax: Axes,
    solution: Solution,
    orbits: NDArray[np.int64],
    y: Vector,
    label: str | None,
    look: dict[str, Any],
) -> None:
    sizes = solution.problem.class_sizes
    marker = "o" if len(orbits) <= _MARKED else ""
    if sizes.sizes_repeat:  # several norms of one size: no line joins them
        look, marker = look | {"linestyle": ""}, "o" if len(orbits) <= _MARKED else "."
    ax.plot(sizes.distinct[orbits], y, label=label, marker=marker, markersize=mark(2 / 3), **look)


def _finish(ax: Axes, solution: Solution) -> None:
    scale_sizes(ax, solution.problem.class_sizes.distinct)
    if others := solution.problem.kinds_in_words:
        ax.set_xlabel(f"{ax.get_xlabel()}\nthose of one size differ in {others}")
    keep_flat_curves_flat(ax)


def _reference(solution: Solution, reference: str | int) -> tuple[str, int | None]:
    """Return the name of a reference and its orbit, None for the nearest class."""
    sizes = solution.problem.class_sizes
    if isinstance(reference, str):
        if reference == "nearest":
            return "with the nearest class", None
        if reference in REFERENCES:
            orbit = 0 if reference == "largest" else sizes.orbits - 1
            return f"with the {reference} class ({short_count(sizes.distinct[orbit])})", orbit
    elif isinstance(reference, int | np.integer) and 0 <= reference < sizes.classes:
        orbit = int(sizes.orbit_index()[reference])
        return f"with class {reference} ({short_count(sizes.distinct[orbit])})", orbit
    raise InvalidInputError(
        f"references are {', '.join(map(repr, REFERENCES))} or class numbers from 0 to "
        f"{sizes.classes - 1}, got {reference!r}"
    )


def _cosines_with(solution: Solution, orbits: NDArray[np.int64], reference: int) -> Vector:
    """Cosines with another class of the reference's size; NaN for the reference itself."""
    gram = solution.orbit_gram
    norm = np.sqrt(gram.own)
    row = gram.rows(np.array([reference]))[:, orbits]
    cosine: Vector = cosines_of(row, norm[[reference]], norm[orbits])[0]
    if solution.problem.class_sizes.multiplicities[reference] == 1:
        cosine[orbits == reference] = np.nan
    return cosine


def _nearest_cosines(solution: Solution, orbits: NDArray[np.int64]) -> Vector:
    """Largest cosine with any other class, whatever is drawn; NaN where a norm is zero."""
    gram, alone = solution.orbit_gram, solution.problem.class_sizes.multiplicities == 1
    norm = np.sqrt(gram.own)
    found = np.full(len(orbits), np.nan)
    for first in range(0, len(orbits), _TILE):
        tile = orbits[first : first + _TILE]
        cosine = cosines_of(gram.rows(tile), norm[tile], norm)
        cosine[np.arange(len(tile)), tile] = np.where(
            alone[tile], np.nan, cosine[np.arange(len(tile)), tile]
        )
        best = np.max(cosine, axis=1, where=~np.isnan(cosine), initial=-np.inf)
        found[first : first + len(tile)] = np.where(np.isfinite(best), best, np.nan)
    return found
