"""The geometry of given embeddings next to the certified optimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_choice, whole_number
from ..errors import InvalidInputError
from ..gram.geometry import cosines_of
from ..io.arrays import real_array
from ..problem.class_sizes import ClassSizes
from ..types import Matrix, Vector
from .canvas import keep_flat_curves_flat, panels_or_new, scale_sizes
from .colours import ORDERED, ROLES
from .gram import KINDS, colour_bar, colour_limit, draw_heat_map
from .labels import write_title
from .legends import write_legend
from .selection import NAMED, Selection, shown_labels
from .style import Style, in_style, line, mark

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from .figure import AnyFigure

_MOST_DOTS = 3000


@in_style
def plot_comparison(
    embedding_gram: ArrayLike,
    optimal_gram: ArrayLike,
    class_sizes: ArrayLike | ClassSizes,
    figure: AnyFigure | None = None,
    *,
    class_labels: Sequence[Hashable] | None = None,
    kind: str = "cosines",
    max_classes: int = 1000,
    title: str = "",
    style: Style | None = None,
) -> AnyFigure:
    """Draw the class Gram matrix of embeddings next to the optimum, with norms and cosines.

    Four panels: both heat maps with the same colours, classes in order of size; the norms of both
    against class size; the cosine of every pair of classes, embeddings against optimum (equal on
    the diagonal line). Beyond 3000 pairs their density is drawn instead, on a logarithmic scale.

    Parameters
    ----------
    embedding_gram : array-like, shape (k, k)
        Inner products of the class means of the embeddings, in the same units as the optimum.
    optimal_gram : array-like, shape (k, k)
        That of the optimum: `solution.class_gram`.
    class_sizes : array-like of int, shape (k,), or ClassSizes
        Number of samples of each class, in the order of the matrices.
    figure : Figure or SubFigure, optional
        An empty one to draw into; by default a new figure.
    class_labels : sequence of hashable, shape (k,), optional
        Names of the classes, shown up to twenty classes.
    kind : {"cosines", "inner products"}, default "cosines"
        What the heat maps show.
    max_classes : int, default 1000
        Beyond it that many classes, evenly spaced in the order of size, are compared, and the axes
        say so: classes of one size need not be alike in trained embeddings.
    title : str, optional
        What the optimum is of, written above the panels.
    style : "one-column", "two-column" or float, optional
        Width in a paper, or in inches; text and lines to match, as `screlax.plots` says.

    Returns
    -------
    Figure or SubFigure

    Raises
    ------
    InvalidInputError
        If a matrix is not a finite k×k one with a nonnegative diagonal, or an option is wrong.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from screlax import plots
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
    >>> trained = solution.class_gram + 0.1  # class means of a network, say
    >>> figure = plots.plot_comparison(trained, solution.class_gram, [50, 20, 5])
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['embeddings', 'certified optimum']
    """
    check_choice(kind, "kind", tuple(KINDS))
    checked, labels = ClassSizes.with_labels(class_sizes, class_labels)
    sizes = np.asarray(checked)
    grams = [
        _checked_gram(gram, len(sizes), name)
        for gram, name in ((embedding_gram, "embedding_gram"), (optimal_gram, "optimal_gram"))
    ]
    chosen, selection = _select(sizes, labels, max_classes)
    grams = [gram[np.ix_(chosen, chosen)] for gram in grams]
    figure, axes = panels_or_new(figure, 2, 2, style)
    write_title(figure, title)
    _draw_heat_maps(figure, axes[:2], grams, selection, kind)
    _draw_norms(axes[2], grams, selection.sizes)
    _draw_cosines(figure, axes[3], *map(cosines_of, grams))
    return figure


def _select(
    sizes: NDArray[np.int64], labels: Sequence[Hashable] | None, most: int
) -> tuple[NDArray[np.int64], Selection]:
    """Return the numbers of the classes compared, largest first, and what is drawn of them."""
    most = whole_number(most, "the number of classes to draw", 2)
    order = np.argsort(-sizes, kind="stable")
    if len(sizes) > most:
        order = order[np.rint(np.linspace(0, len(sizes) - 1, most)).astype(int)]
    rule = "" if len(order) == len(sizes) else f"{most:,} of {len(sizes):,} classes, evenly spaced"
    names = None
    if len(sizes) <= min(most, NAMED):
        given: Any = range(len(sizes)) if labels is None else labels
        names = shown_labels(given[number] for number in order)
    orbits = np.unique(-sizes, return_inverse=True)[1][order]
    return order, Selection(orbits, sizes[order], rule, names)


def _checked_gram(gram: ArrayLike, classes: int, name: str) -> Matrix:
    matrix = real_array(gram, name).astype(float)
    if matrix.shape != (classes, classes):
        raise InvalidInputError(
            f"{name} must have a row and a column for each of the {classes} classes, "
            f"got shape {matrix.shape}"
        )
    if not np.isfinite(matrix).all() or (np.diagonal(matrix) < 0).any():
        raise InvalidInputError(
            f"{name} is no Gram matrix: an entry is not finite or a squared norm is negative"
        )
    return matrix


def _draw_heat_maps(
    figure: Figure | SubFigure, axes: Any, grams: list[Matrix], selection: Selection, kind: str
) -> None:
    shown = [cosines_of(gram) for gram in grams] if kind == "cosines" else grams
    itself = np.eye(len(selection.sizes), dtype=bool)
    limit = max(colour_limit(np.where(itself, np.nan, matrix)) for matrix in shown)
    images = []
    for ax, matrix, title in zip(axes, shown, ("embeddings", "certified optimum"), strict=True):
        images.append(draw_heat_map(ax, matrix, selection, limit))
        ax.set_title(title)
    colour_bar(figure, images, axes, kind)


def _draw_norms(ax: Axes, grams: list[Matrix], sizes: NDArray[np.int64]) -> None:
    embedding, optimum = (np.sqrt(np.diagonal(gram)) for gram in grams)
    ax.plot(
        sizes, embedding, "o", color=ROLES["network"], markersize=mark(2 / 3), label="embeddings"
    )
    ax.plot(sizes, optimum, "-", color=ROLES["optimum"], label="certified optimum")
    scale_sizes(ax, sizes)
    keep_flat_curves_flat(ax)
    ax.set_ylabel("norm of the class mean ‖h‖")
    write_legend(ax)


def _draw_cosines(figure: Figure | SubFigure, ax: Axes, embedding: Matrix, optimum: Matrix) -> None:
    upper = np.triu_indices(len(embedding), 1)
    x, y = optimum[upper], embedding[upper]
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) > _MOST_DOTS:
        low, high = _common_range(x, y)
        pairs = ax.hexbin(x, y, gridsize=60, bins="log", mincnt=1, cmap=ORDERED,
                          extent=(low, high, low, high))  # fmt: skip
        figure.colorbar(pairs, ax=ax, label="pairs of classes")
    else:
        ax.plot(x, y, "o", color=ROLES["network"], markersize=mark(1 / 2), label="pair of classes")
        low, high = _common_range(x, y)
    ax.plot([low, high], [low, high], color=ROLES["optimum"], linewidth=line(2 / 3), label="equal")
    ax.set(xlim=(low, high), ylim=(low, high))
    ax.set(xlabel="cosine, certified optimum", ylabel="cosine, embeddings")
    write_legend(ax)


def _common_range(x: Vector, y: Vector) -> tuple[float, float]:
    if not len(x):
        return -1.0, 1.0
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    margin = 0.05 * (high - low) or 0.05
    return float(low - margin), float(high + margin)
