"""What a loss leaves open: the distance that a small excess allows, along paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.determinacy import DECIDED
from ..checks import positive_number
from ..errors import InvalidInputError
from ..solution.solution import Solution
from .canvas import axes_or_new, scale_horizontally
from .colours import GUIDE, curve
from .labels import legend_label
from .legends import write_legend
from .path import path_parameter
from .style import Style, in_style, mark

if TYPE_CHECKING:
    from .figure import AnyAxes


@in_style
def plot_determinacy(
    solutions: Sequence[Solution] | Mapping[str, Sequence[Solution]],
    ax: AnyAxes | None = None,
    *,
    excess: float = 1e-6,
    style: Style | None = None,
) -> AnyAxes:
    """Draw how far from the optimum the geometry may be at a small excess of the loss.

    The distance ‖G/‖G‖ − G*/‖G*‖‖ of normalised Gram matrices that the excess allows, to second
    order (`Solution.determinacy`), along one path or several. Below the dashed line the loss
    decides the geometry; a cross on the upper edge is where it allows every distance.

    Parameters
    ----------
    solutions : sequence of Solution, or mapping of str to such sequences
        A path as for `plot_path`, or several by name, over the same parameter.
    ax : Axes, optional
        Where to draw; by default the axes of a new figure.
    excess : float, default 1e-6
        Of the loss, relative to its optimum.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        If there are no solutions, they are no path, paths are over different parameters, or the
        excess is no positive number.
    ScrelaxError
        If the determinacy of a solution cannot be found.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0))
    >>> path = screlax.regularization_path(problem, temperatures=[1.0, 0.5, 0.2])
    >>> axes = plots.plot_determinacy({"50, 20, 5": path})
    >>> axes.get_xlabel(), axes.get_yscale()
    ('temperature τ', 'log')
    """
    excess = positive_number(excess, "excess")
    paths = solutions if isinstance(solutions, Mapping) else {"": solutions}
    found = {name: path_parameter(path) for name, path in paths.items()}
    if len({parameter for parameter, _ in found.values()}) != 1:
        raise InvalidInputError("plot_determinacy draws paths over one parameter, at least one")
    ax, unbounded = axes_or_new(ax, style=style), False
    for number, (name, path) in enumerate(paths.items()):
        parameter, place = found[name]
        distance = np.array([solution.determinacy().distance(excess) for solution in path])
        order = np.argsort(place, kind="stable")
        look = curve(number) | {"marker": "o", "markersize": mark(1 / 2)}
        shown = np.where(np.isfinite(distance), distance, np.nan)[order]
        ax.plot(place[order], shown, label=legend_label(name) if name else "_", **look)
        undecided = place[~np.isfinite(distance)]
        ax.plot(undecided, np.full(len(undecided), 0.97), "x", color=look["color"],
                markersize=mark(), transform=ax.get_xaxis_transform())  # fmt: skip
        unbounded = unbounded or len(undecided) > 0
    if unbounded:
        ax.plot([], [], "x", color=GUIDE, markersize=mark(), label="any distance")
    ax.axhline(DECIDED, color=GUIDE, linestyle="--", label=f"decided below {DECIDED:g}", zorder=1)
    ax.set_yscale("log")
    scale_horizontally(ax, np.concatenate([place for _, place in found.values()]))
    ax.set_xlabel(parameter)
    ax.set_ylabel(f"distance that an excess of {excess:g} allows")
    write_legend(ax)
    return ax
