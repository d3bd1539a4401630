"""A regularisation path: value, norms, rank and certified gap along λ, ρ or τ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..checks import check_choice
from ..containers import shown
from ..errors import InvalidInputError
from ..problem.constraints.base import Control
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..solve.path_problems import size_of
from ..solve.path_table import path_table
from ..types import Vector
from .canvas import (
    axes_or_new,
    draw_gaps,
    keep_flat_curves_flat,
    number_whole,
    panels_or_new,
    scale_horizontally,
    short_count,
)
from .captions import model_in_words
from .colours import GUIDE, ROLES, role
from .labels import write_title
from .legends import write_legend
from .selection import orbits_at
from .style import Style, in_style, mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figure import AnyAxes, AnyFigure

_SHARES = {"largest": 0.0, "median": 0.5, "smallest": 1.0}

_ROLES = {"largest": "frequent", "median": "median", "smallest": "rare"}


@in_style
def plot_path(
    solutions: Sequence[Solution],
    ax: AnyAxes | None = None,
    *,
    quantity: str = "value",
    style: Style | None = None,
) -> AnyAxes:
    """Draw one quantity along a path of `regularization_path`.

    Parameters
    ----------
    solutions : sequence of Solution
        Solutions of one profile under one kind of control, at several λ or ρ, or at several τ.
    ax : Axes, optional
        Where to draw; by default the axes of a new figure.
    quantity : {"value", "norms", "rank", "gap", "determinacy"}, default "value"
        The objective per anchor; ‖h‖ of the largest, the median and the smallest class; the rank of
        the Gram matrix; the certified relative gap with the tolerance as a dashed line, a triangle
        on the lower edge where it is below 1e-20, a cross on the upper one where nothing is proved;
        the excess relative to the value at which the geometry may be 0.05 away, beside a rounding
        of float32 (`Solution.determinacy`).
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If there are no solutions, or they are no path, or there is no such quantity.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> problem = screlax.UFM([50, 20, 5], screlax.Ridge(0.1))
    >>> path = screlax.regularization_path(problem, points=10)
    >>> axes = plots.plot_path(path, quantity="norms")
    >>> axes.get_xlabel(), axes.get_xscale()
    ('ridge λ', 'log')
    """
    check_choice(quantity, "quantity", tuple(_DRAW))
    name, place = path_parameter(solutions)
    ax = axes_or_new(ax, title=_caption(solutions), style=style)
    order = np.argsort(place, kind="stable")
    _DRAW[quantity](ax, place[order], [solutions[index] for index in order])
    scale_horizontally(ax, place)
    ax.set_xlabel(name)
    return ax


@in_style
def plot_path_overview(
    solutions: Sequence[Solution],
    figure: AnyFigure | None = None,
    *,
    style: Style | None = None,
) -> AnyFigure:
    """Draw all four quantities of `plot_path` along a path.

    Parameters
    ----------
    solutions : sequence of Solution
        As for `plot_path`.
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
        If there are no solutions, or they are no path.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> problem = screlax.UFM([50, 20, 5], screlax.Ridge(0.1))
    >>> path = screlax.regularization_path(problem, points=10)
    >>> figure = plots.plot_path_overview(path)
    >>> len(figure.axes)
    4
    """
    path_parameter(solutions)
    figure, panels = panels_or_new(figure, 2, 2, style, height=0.7)
    for ax, quantity in zip(panels, _OVERVIEW, strict=True):
        plot_path(solutions, ax, quantity=quantity)
    write_title(figure, _caption(solutions))
    return figure


def _caption(solutions: Sequence[Solution]) -> str:
    """Return what is the same all along a path."""
    problem = solutions[0].problem
    words = [*model_in_words(problem), problem.control.name, f"{problem.classes:,} classes"]
    return ", ".join(words)


def _alike(problem: UFM, other: UFM) -> bool:
    """Whether losses are the same but for the size of batches."""
    size = size_of(other)
    return problem.loss == other.loss or (
        size_of(problem) is not None
        and size is not None
        and problem.loss.with_options(size=size) == other.loss
    )


def path_parameter(solutions: Sequence[Solution]) -> tuple[str, Vector]:
    """Return what varies along a path, in words, and its values; refuse what is no path."""
    given = solutions
    solutions = list(given) if isinstance(given, Iterable) else []
    if not solutions or not all(isinstance(solution, Solution) for solution in solutions):
        raise InvalidInputError(f"a path is a non-empty sequence of solutions, got {shown(given)}")
    first = solutions[0].problem
    for solution in solutions:
        problem = solution.problem
        same = type(problem.control) is type(first.control)
        if not same or problem.class_sizes != first.class_sizes or not _alike(problem, first):
            raise InvalidInputError(
                "the solutions are no path: they differ in their class sizes, kind of control or "
                "loss"
            )
    strength = np.array([solution.problem.control.parameter for solution in solutions])
    temperature = np.array([solution.problem.temperature for solution in solutions])
    size = np.array([size_of(solution.problem) or 0 for solution in solutions])
    if np.ptp(size):
        if np.ptp(temperature) or np.ptp(strength):
            raise InvalidInputError("the solutions are no path: batch size and another vary")
        return "batch size B", size.astype(float)
    if np.ptp(temperature) == 0:
        return _strength(first.control, [solution.problem.control for solution in solutions])
    if np.ptp(strength) == 0:
        return "temperature τ", temperature
    raise InvalidInputError("the solutions are no path: both control and temperature vary")


def _strength(control: Control, controls: Sequence[Control]) -> tuple[str, Vector]:
    """Return the number that varies, its letter after the name of the control.

    Of several numbers the only one that does, else what solutions depend on.
    """
    numbers = np.array([one.numbers for one in controls])
    moving = np.flatnonzero(np.ptp(numbers, axis=0))
    if len(moving) == 1 and control.symbols:
        place = int(moving[0])
        return f"{control.name} {control.symbols[place]}", numbers[:, place]
    return f"{control.name} {control.parameter_symbol}", np.array([c.parameter for c in controls])


def _draw_value(ax: Axes, place: Vector, solutions: list[Solution]) -> None:
    value = [solution.mean_value for solution in solutions]
    ax.plot(place, value, color=ROLES["optimum"])
    ax.set_ylabel(f"objective per {solutions[0].problem.mean_unit}")
    keep_flat_curves_flat(ax)


def _draw_norms(ax: Axes, place: Vector, solutions: list[Solution]) -> None:
    sizes = solutions[0].problem.class_sizes
    orbits = orbits_at(sizes, list(_SHARES.values())).tolist()
    for number, (name, orbit) in enumerate(zip(_SHARES, orbits, strict=True)):
        if orbit in orbits[:number]:
            continue
        norm = np.sqrt([solution.orbit_gram.own[orbit] for solution in solutions])
        size = short_count(sizes.distinct[orbit])
        label = f"{name} class ({size})" if sizes.orbits > 1 else "every class"
        ax.plot(place, norm, label=label, **role(_ROLES[name]))
    ax.set_ylabel("norm of the class mean ‖h‖")
    write_legend(ax)
    keep_flat_curves_flat(ax)


def _draw_rank(ax: Axes, place: Vector, solutions: list[Solution]) -> None:
    classes = solutions[0].problem.classes
    ax.plot(place, [solution.rank for solution in solutions], color=ROLES["optimum"])
    ax.axhline(classes - 1, color=GUIDE, linestyle=":", label=f"k − 1 = {classes - 1:,}", zorder=1)
    ax.set_ylim(-0.05 * classes, 1.1 * classes)
    number_whole(ax.yaxis)
    ax.set_ylabel("rank of the Gram matrix")
    write_legend(ax)


def _draw_gap(ax: Axes, place: Vector, solutions: list[Solution]) -> None:
    gaps = [solution.relative_gap for solution in solutions]
    draw_gaps(ax, place, gaps, "certified gap", color=ROLES["optimum"])
    tol = max(solution.tol for solution in solutions)
    ax.axhline(tol, color=GUIDE, linestyle="--", label=f"tolerance {tol:.0e}", zorder=1)
    ax.set_ylabel("certified relative gap")
    write_legend(ax)


def _draw_determinacy(ax: Axes, place: Vector, solutions: list[Solution]) -> None:
    excess = path_table(solutions, determinacy=True)["excess_at_0.05"]
    ax.plot(place, excess, color=ROLES["optimum"], marker="o", markersize=mark(1 / 2))
    ax.axhline(2.0**-24, color=GUIDE, linestyle="--", label="one rounding of float32", zorder=1)
    ax.set_yscale("log")
    ax.set_ylabel("relative excess that a distance of 0.05 costs")
    write_legend(ax)


_OVERVIEW = ("value", "norms", "rank", "gap")
"""What is drawn together; determinacy is not known for every loss."""

_DRAW: dict[str, Callable[[Axes, Vector, list[Solution]], None]] = {
    "value": _draw_value,
    "norms": _draw_norms,
    "rank": _draw_rank,
    "gap": _draw_gap,
    "determinacy": _draw_determinacy,
}
