"""Class means in two or three dimensions: their leading principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..embedding import Embeddings, recover_embeddings
from ..exceptions import InvalidInputError
from ..partition import Matrix
from ..solution import Solution
from .canvas import axes_or_new, is_spatial, spans_decades
from .selection import Selection, select_classes, selected_gram
from .style import GUIDE, ORDERED

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_embedding(
    solution: Solution, ax: Axes | None = None, *, dim: int | None = None, max_classes: int = 1000
) -> Axes:
    """Draw the optimal embeddings of the classes, projected on their leading principal components.

    With Gram matrix G = U diag(w) Uᵀ the coordinates are √w_1 u_1, √w_2 u_2 (, √w_3 u_3): principal
    component analysis about the origin, every class counted once. These are the first columns of
    `solution.embeddings()`. Axes have one scale and say which share of Σ‖h_c‖² they hold; the rest
    is not in the picture: many classes are nearly orthogonal, and no plane shows that.

    Parameters
    ----------
    solution : Solution
    ax : Axes, optional
        Where to draw; by default the axes of a new figure.
    dim : {2, 3}, optional
        Dimension of the picture; by default that of `ax`, else 2.
    max_classes : int, default 1000
        Beyond it that many classes are drawn, evenly spaced in the order of size; components and
        shares are then those of the classes drawn, and the title says so.

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
    """
    if dim is None:
        dim = 3 if is_spatial(ax) else 2
    if dim not in (2, 3) or isinstance(dim, bool):
        raise InvalidInputError(f"dim must be 2 or 3, got {dim!r}")
    ax = axes_or_new(ax, dim)
    selection = select_classes(solution.problem, max_classes)
    found = _embeddings(solution, selection, dim)
    _draw_points(ax, found.vectors, selection)
    _label_axes(ax, found, dim)
    if not selection.is_complete:
        ax.set_title(selection.rule, fontsize="small")
    return ax


def _embeddings(solution: Solution, selection: Selection, dim: int) -> Embeddings:
    gram = selected_gram(solution.orbit_gram, selection.orbits)
    return recover_embeddings(gram, dim, truncate=True, tolerance=solution.rank_tolerance)


def _draw_points(ax: Any, points: Matrix, selection: Selection) -> None:
    """Draw rays from the origin where there are few classes, points coloured by class size."""
    from matplotlib.colors import LogNorm, Normalize

    sizes = selection.sizes
    scale = LogNorm if spans_decades(sizes) else Normalize
    if selection.names is not None:
        for point, name in zip(points, selection.names, strict=True):
            ax.plot(*np.stack([np.zeros_like(point), point], axis=1), color=GUIDE, linewidth=0.8,
                    zorder=1)  # fmt: skip
            ax.text(*(1.08 * point), name, fontsize="small", ha="center", va="center")
    dots = ax.scatter(
        *points.T,
        c=sizes,
        cmap=ORDERED,
        norm=scale(float(sizes.min()), float(sizes.max())),
        s=36 if selection.names is not None else 8,
    )
    if sizes.min() < sizes.max():
        ax.figure.colorbar(dots, ax=ax, label="class size", shrink=0.8,
                           pad=0.12 if is_spatial(ax) else None)  # fmt: skip
    ax.set_aspect("equal", adjustable="datalim") if not is_spatial(ax) else ax.set_aspect("equal")


def _label_axes(ax: Any, found: Embeddings, dim: int) -> None:
    values = np.maximum(found.eigenvalues[:dim], 0.0)
    total = float(found.eigenvalues.sum())
    for name, value in zip("xyz"[:dim], np.pad(values, (0, dim - len(values))), strict=True):
        share = f" ({value / total:.2g} of Σ‖h‖²)" if total > 0 else ""
        number = "xyz".index(name) + 1
        getattr(ax, f"set_{name}label")(f"principal component {number}{share}")
