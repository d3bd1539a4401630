"""Class means in two or three dimensions: their leading principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.embedding import Embeddings, recover_embeddings
from ..checks import check_choice, check_kind
from ..solution.solution import Solution
from ..types import Matrix
from .canvas import axes_or_new, is_spatial, one_two_five, short_count, spans_decades
from .captions import caption
from .colours import GUIDE, ORDERED
from .labels import draw_literally, drawable
from .selection import Selection, select_classes, selected_gram
from .style import Style, in_style, line, mark

if TYPE_CHECKING:
    from .figure import AnyAxes

_WIDE = 25.0
"""Width of axes, of the size of their labels, from which on there is room around spatial ones."""


@in_style
def plot_embedding(
    solution: Solution,
    ax: AnyAxes | None = None,
    *,
    dim: int | None = None,
    max_classes: int = 1000,
    style: Style | None = None,
) -> AnyAxes:
    """Draw the optimal embeddings of the classes, projected on their leading principal components.

    With Gram matrix G = U diag(w) Uᵀ the coordinates are √w_1 u_1, √w_2 u_2 (, √w_3 u_3): principal
    component analysis about the origin, every class counted once. These are the first columns of
    `solution.embeddings()`. Axes have one scale and say which share of Σ‖h_c‖² they hold; the rest
    is not in the picture: many classes are nearly orthogonal, and no plane shows that. Where
    eigenvalues coincide (classes of one size) the components within them are arbitrary. A name
    that would cover that of a larger class is left out.

    Parameters
    ----------
    solution : Solution
    ax : Axes, optional
        Where to draw; by default the axes of a new figure.
    dim : {2, 3}, optional
        Dimension of the picture; by default that of `ax`, else 2.
    max_classes : int, default 1000
        Beyond it one class of each distinct size is drawn (up to `max_classes` of them, nearest to
        geometrically spaced); components and shares are then those of the classes drawn, and the
        title says so.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Axes
        Three-dimensional for ``dim=3``.

    Raises
    ------
    InvalidInputError
        If `dim` is neither 2 nor 3, or not that of `ax`.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> solution = screlax.solve_relaxation([500, 50, 50, 5], screlax.Sphere(1.0))
    >>> plots.plot_embedding(solution, dim=3).name
    '3d'
    """
    check_kind(solution, Solution, "solution")
    if dim is None:
        dim = 3 if is_spatial(ax) else 2
    check_choice(dim, "dim", (2, 3))
    ax = axes_or_new(ax, dim, caption(solution.problem), style, square=True)
    selection = select_classes(solution.problem, max_classes)
    gram = selected_gram(solution.orbit_gram, selection.orbits)
    found = recover_embeddings(gram, dim, truncate=True, tolerance=solution.rank_tolerance)
    _draw_points(ax, found.vectors, selection)
    _label_axes(ax, found, dim)
    if not selection.is_complete:
        ax.set_title(selection.rule, fontsize="small")
    return ax


def _draw_points(ax: Any, points: Matrix, selection: Selection) -> None:
    """Draw rays from the origin where there are few classes, points coloured by class size."""
    from matplotlib.colors import LogNorm, Normalize

    sizes = selection.sizes
    scale = LogNorm if spans_decades(sizes) else Normalize
    if selection.names is not None:
        names = selection.names if selection.is_complete else list(map(short_count, sizes))
        _draw_rays(ax, points, names)
    dots = ax.scatter(
        *points.T,
        c=sizes,
        cmap=ORDERED,
        norm=scale(float(sizes.min()), float(sizes.max())),
        s=mark(1.0 if selection.names is not None else 0.47) ** 2,
    )
    _one_scale(ax, points)
    if sizes.min() < sizes.max():
        _size_bar(ax, dots, narrow=spans_decades(sizes) and not spans_decades(sizes, 100.0))


def _draw_rays(ax: Any, points: Matrix, names: list[str]) -> None:
    """Draw each class mean from the origin, and its name beside it where there is room."""
    from .fitting import place_names

    for point in points:
        ray = np.stack([np.zeros_like(point), point], axis=1)
        ax.plot(*ray, color=GUIDE, linewidth=line(0.5), zorder=1)
    texts = [
        ax.annotate(drawable(name), (0.0, 0.0), (0.0, 0.0), textcoords="offset points",
                    fontsize="small", annotation_clip=False)
        for name in names
    ]  # fmt: skip
    draw_literally(texts)
    place_names(ax, texts, points, gap=mark())


def _one_scale(ax: Any, points: Matrix) -> None:
    """Give all axes the same scale and length, with room for names."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    half = 0.65 * float(np.ptp(points, axis=0).max()) or 1.0
    for name, centre in zip("xyz", middle, strict=False):
        getattr(ax, f"set_{name}lim")(centre - half, centre + half)
        getattr(ax, f"{name}axis").get_major_locator().set_params(nbins=5)
    if is_spatial(ax):
        ax.set_box_aspect((1, 1, 1), zoom=0.85 if _is_wide(ax) else 0.75)
    else:
        ax.set_aspect("equal", adjustable="box")


def _is_wide(ax: Any) -> bool:
    """Whether axes are wide for the size of their text, so that labels take little of them."""
    return bool(ax.bbox.width / ax.figure.dpi * 72 > _WIDE * ax.xaxis.label.get_fontsize())


def _size_bar(ax: Any, dots: Any, narrow: bool) -> None:
    """Add the colour bar of class sizes; a narrow logarithmic one has ticks at 1, 2 and 5."""
    from matplotlib.ticker import NullFormatter

    bar = ax.figure.colorbar(
        dots,
        ax=ax,
        label="class size",
        shrink=0.8,
        pad=0.15 if is_spatial(ax) else 0.03,
        ticks=one_two_five() if narrow else None,
        format=lambda size, _: short_count(size),
    )
    bar.minorformatter = NullFormatter()


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %" if share >= 1e-4 else "0 %"


def _label_axes(ax: Any, found: Embeddings, dim: int) -> None:
    values = np.maximum(found.eigenvalues[:dim], 0.0)
    total = float(found.eigenvalues.sum())
    labels = {}
    for number, value in enumerate(np.pad(values, (0, dim - len(values))), 1):
        share = _percent(value / total) if total > 0 else "0 %"
        long = f"principal component {number} ({share} of Σ‖h‖²)"
        short = f"component {number} ({share})"
        labels["_xyz"[number] + "label"] = long if dim == 2 and _is_wide(ax) else short
    ax.set(**labels)
