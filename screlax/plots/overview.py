"""One figure that says all about a solution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..checks import check_kind
from ..solution.solution import Solution
from .canvas import figure_or_new, say, short_count
from .captions import caption
from .embedding import plot_embedding
from .geometry import plot_angles, plot_norms
from .gram import plot_gram
from .labels import write_title
from .spectrum import MOST_DISTINCT, plot_spectrum
from .style import Style, in_style, inches

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figure import AnyFigure


_TWO_ROWS = 5.0
"""Inches from which on three panels have room beside one another."""


@in_style
def plot_solution(
    solution: Solution,
    figure: AnyFigure | None = None,
    *,
    style: Style | None = None,
) -> AnyFigure:
    """Draw cosines, norms, angles, spectrum and embedding of a solution, under its certificate.

    Parameters
    ----------
    solution : Solution
        Of any size: no panel forms k×k numbers beyond a thousand classes. Beyond 4000 distinct
        sizes there is no spectrum, and its panel says so.
    figure : Figure or SubFigure, optional
        An empty one to draw into; by default a new figure.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> solution = screlax.solve_relaxation([500, 50, 5], screlax.Sphere(1.0), temperature=0.5)
    >>> figure = plots.plot_solution(solution)
    >>> figure.savefig("solution.png")
    """
    check_kind(solution, Solution, "solution")
    figure, (heat, inner, norms, angles, spectrum) = _panels(figure, style)
    plot_gram(solution, heat)
    plot_embedding(solution, inner)
    plot_norms(solution, norms)
    plot_angles(solution, angles)
    if solution.problem.class_sizes.orbits <= MOST_DISTINCT:
        plot_spectrum(solution, spectrum)
    else:
        say(spectrum, f"no spectrum beyond\n{MOST_DISTINCT:,} distinct class sizes")
        spectrum.set_axis_off()
    write_title(figure, solution_title(solution))
    return figure


def _panels(figure: AnyFigure | None, style: Style | None) -> tuple[AnyFigure, list[Axes]]:
    """Return a figure and its five panels: two above three, or in a column below one another."""
    if (inches(style) or _TWO_ROWS) < _TWO_ROWS:
        figure = figure_or_new(figure, 1.0, 2.8, style)
        rows = figure.add_gridspec(5, 1, height_ratios=(1.3, 1.1, 0.8, 0.9, 0.8))
        return figure, [figure.add_subfigure(rows[row]).subplots() for row in range(5)]
    figure = figure_or_new(figure, 13.0, 7.6 if style is None else 9.0, style)
    grid = figure.add_gridspec(2, 1, height_ratios=(1.2, 1.0))
    top, bottom = (figure.add_subfigure(grid[row]) for row in range(2))
    return figure, [*top.subplots(1, 2), *bottom.subplots(1, 3)]


def solution_title(solution: Solution) -> str:
    """Return lines: the problem, what is proved of the solution, and that it does not collapse."""
    sizes = solution.problem.class_sizes
    low, high = int(sizes.distinct[-1]), int(sizes.distinct[0])
    span = short_count(low) + ("" if low == high else f" to {short_count(high)}")
    return (
        f"{short_count(sizes.classes)} classes of {span} samples, {caption(solution.problem)}\n"
        f"{solution.status}: objective {solution.mean_value:.6g} per {solution.problem.mean_unit}, "
        f"certified relative gap {solution.certificate.gap_in_words}"
        + (f"\n{solution.within_words}: class means" if solution.within_words else "")
    )
