"""How fast a method converges: objective or gap per iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import finite_number
from ..errors import InvalidInputError
from ..types import Vector
from .canvas import axes_or_new, draw_gaps, spans_decades
from .colours import GUIDE, curve
from .labels import legend_label
from .legends import write_legend
from .style import Style, in_style

if TYPE_CHECKING:
    from .figure import AnyAxes

Histories = ArrayLike | Mapping[str, ArrayLike] | Sequence[ArrayLike]


@in_style
def plot_convergence(
    histories: Histories,
    ax: AnyAxes | None = None,
    *,
    lower: float | None = None,
    tol: float | None = None,
    xlabel: str = "iteration",
    ylabel: str | None = None,
    style: Style | None = None,
) -> AnyAxes:
    """Draw the objective of one or several runs against the iteration.

    Parameters
    ----------
    histories : array-like, or a mapping of names to them, or a sequence of them
        Names are shown as they are written, without formulas.
        A run is an array of one number per iteration, shape (t,), or a table whose first two
        columns are iteration (or seconds) and value, shape (t, ≥ 2).
    ax : Axes, optional
        Where to draw; by default the axes of a new figure.
    lower : float, optional
        A lower bound, such as `solution.lower`: the relative gap (value − lower)/|value| is drawn
        instead, on a logarithmic axis; a triangle on the lower edge where it is below 1e-20.
    tol : float, optional
        A dashed line at this height.
    xlabel, ylabel : str
        Names of the axes; by default "iteration", and "objective" or "relative gap".
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Axes
        One line per run, in order, that of the tolerance last.

    Raises
    ------
    InvalidInputError
        If a run is not an array of numbers of such a shape, or there is none.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0), 0.5)
    >>> result = screlax.solve_nonconvex(problem, dim=4, starts=2)
    >>> runs = dict(zip(["best", "worst"], result.histories))
    >>> axes = plots.plot_convergence(runs, lower=result.lower / problem.anchors)
    >>> axes.get_ylabel()
    'relative gap to the lower bound'
    """
    tables = [(name, *_table(name, run)) for name, run in _named_runs(histories)]
    for name, bound in (("lower", lower), ("tol", tol)):
        if bound is not None:
            finite_number(bound, name)
    ax = axes_or_new(ax, style=style)
    for number, (name, place, value) in enumerate(tables):
        name = legend_label(name)
        if lower is None:
            ax.plot(place, value, label=name, **curve(number))
        else:
            draw_gaps(ax, place, _relative_gap(value, lower), name, **curve(number))
    if tol is not None:
        ax.axhline(tol, color=GUIDE, linestyle="--", label=f"tolerance {tol:.0e}", zorder=1)
    if lower is None and all(spans_decades(value) for _, _, value in tables):
        ax.set_yscale("log")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel or ("objective" if lower is None else "relative gap to the lower bound"))
    if len(ax.get_legend_handles_labels()[1]) > 1:
        write_legend(ax)
    return ax


def _named_runs(histories: Any) -> list[tuple[str, Any]]:
    if isinstance(histories, Mapping):
        runs = [(str(name), run) for name, run in histories.items()]
    elif isinstance(histories, list | tuple) and histories and np.ndim(histories[0]) > 0:
        runs = [(f"run {number}", run) for number, run in enumerate(histories, 1)]
    else:
        runs = [("run", histories)]
    if not runs:
        raise InvalidInputError("there are no runs to draw")
    return runs


def _table(name: str, run: Any) -> tuple[Vector, Vector]:
    """Return where and how high the points of a run are."""
    try:
        array = np.asarray(run, dtype=float)
    except (TypeError, ValueError):
        raise InvalidInputError(f"the history {name!r} is not an array of numbers") from None
    if array.ndim == 1 and array.size:
        return np.arange(len(array), dtype=float), array
    if array.ndim == 2 and len(array) and array.shape[1] >= 2:
        return array[:, 0], array[:, 1]
    raise InvalidInputError(
        f"the history {name!r} must have shape (iterations,), or (iterations, 2 or more) with "
        f"iteration and value as its first columns; it has shape {array.shape}"
    )


def _relative_gap(value: Vector, lower: float) -> Vector:
    """Return (value − lower)/|value|; NaN for values that are not finite, and for 0 above 0."""
    scale = np.abs(value)
    known = np.isfinite(value) & (scale > 0)
    gap = np.where(value == lower, 0.0, np.nan)
    return np.divide(value - lower, scale, out=gap, where=known)
