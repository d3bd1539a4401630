"""A design: the geometry as it was, as it is designed, and as it was wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..checks import check_kind
from ..prescription.result import Design
from .canvas import panels_or_new
from .gram import colour_bar, colour_limit, draw_heat_map, matrix_shown, without_itself
from .labels import write_title
from .selection import select_classes
from .style import Style, in_style

if TYPE_CHECKING:
    from .figure import AnyFigure


@in_style
def plot_design(
    design: Design,
    figure: AnyFigure | None = None,
    *,
    max_classes: int = 1000,
    style: Style | None = None,
) -> AnyFigure:
    """Draw the cosines of the class means before, as designed and as wanted, in the same colours.

    Parameters
    ----------
    design : Design
    figure : Figure or SubFigure, optional
        An empty one to draw into; by default a new figure.
    max_classes : int, default 1000
        Beyond it there is one row for each distinct size, as in `plot_gram`.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    InvalidInputError
        If `figure` or `max_classes` is not what it should be.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> found = screlax.design([500, 50, 5], screlax.Sphere(1.0), 0.1, knobs=("prototypes",))
    >>> [axes.get_title() for axes in plots.plot_design(found).axes[:3]]
    ['as given, 0.1114', 'designed, 0', 'simplex ETF']
    """
    check_kind(design, Design, "design")
    selection = select_classes(design.problem, max_classes)
    copies = design.problem.class_sizes.multiplicities
    grams = [design.before.orbit_gram, design.solution.orbit_gram, design.target.gram]
    shown = [matrix_shown(gram, copies, selection, "cosines") for gram in grams]
    limit = max(colour_limit(without_itself(matrix, selection)) for matrix in shown)
    figure, axes = panels_or_new(figure, 1, 3, style, height=0.95)
    write_title(figure, str(design.problem.loss), "small")
    before, after = (0.0 if d < 1e-9 else d for d in (design.distance_before, design.distance))
    titles = (f"as given, {before:.4g}", f"designed, {after:.4g}", design.target.name)
    images = []
    for ax, matrix, title in zip(axes, shown, titles, strict=True):
        images.append(draw_heat_map(ax, matrix, selection, limit))
        ax.set_title(title)
    colour_bar(figure, images, axes, "cosines")
    return figure
