"""The loss as a function of a Gram matrix, by the definition that the relaxation uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_choice
from ..errors import InvalidInputError
from ..gram.cells import CellGram, Level
from ..io.arrays import real_array
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.norms import Sphere, check_temperature
from ..problem.losses.base import Loss
from ..problem.losses.registry import check_loss
from ..problem.losses.supcon import SupCon
from ..problem.program import build_program
from ..problem.ufm import UFM


def gram_loss(
    gram: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    class_sizes: ArrayLike | ClassSizes | None = None,
    temperature: float = 0.1,
    reduction: str = "mean",
    loss: Loss | str | None = None,
) -> float:
    """Return the contrastive loss of a Gram matrix of samples or of class means.

    The definition is that of the convex relaxation (`screlax.losses.SoftmaxRows.value`), so
    that with G_ij = ⟨h_i, h_j⟩ the value is that of `supcon_loss`, and at a class-level Gram matrix
    M it is that of embeddings without variability within classes, G_ij = M_{y_i y_j}:

        Σ_{c: n_c≥2} n_c [ log( (n_c−1) e^{M_cc/τ} + Σ_{c'≠c} n_{c'} e^{M_cc'/τ} ) − M_cc/τ ]

    (Behnia and Thrampoulidis 2024, arXiv 2402.18884), here divided by the number of anchors; and
    accordingly for every other loss of `screlax.losses`.

    Parameters
    ----------
    gram : array-like, shape (n, n) with labels, (k, k) with class sizes
        Symmetric. It need not be positive semidefinite.
    labels : array-like, shape (n,)
        Class of each sample.
    class_sizes : array-like of int, shape (k,)
        Number of samples of each class.
    temperature : float, default 0.1
        τ > 0. That of a problem, `UFM`, is 1 by default: give both, to compare values.
    reduction : {"mean", "sum"}
        Over anchors; the relaxation's objective is the sum.
    loss : Loss or str, optional
        As for `UFM`, `SupCon()` by default. Losses of several views or with prototypes take the
        Gram matrix of class means.

    Raises
    ------
    InvalidInputError
        If not exactly one of labels and class sizes is given, the matrix does not fit them, or the
        loss has other embeddings than one for each label.

    Examples
    --------
    >>> import screlax
    >>> gram = [[1.0, -1.0], [-1.0, 1.0]]
    >>> round(screlax.gram_loss(gram, class_sizes=[2, 2], temperature=1.0), 6)
    0.239545
    >>> round(screlax.gram_loss(gram, class_sizes=[2, 2], loss="class-averaged"), 6)
    0.0
    """
    check_choice(reduction, "reduction", ("mean", "sum"))
    matrix = _check_gram(gram)
    if (labels is None) == (class_sizes is None):
        raise InvalidInputError("give either labels or class_sizes, and not both")
    loss = check_loss(SupCon() if loss is None else loss)
    loss.require_embeddings("gram_loss")
    control = Sphere(1.0)  # any: the loss itself does not depend on it
    if labels is None:
        assert class_sizes is not None
        problem, level = UFM(class_sizes, control, temperature, loss=loss), Level.CLASSES
        of = "classes" if problem.points.classes == problem.classes else "classes and prototypes"
        _check_size(matrix, problem.points.classes, of)
    else:
        problem = UFM.from_labels(labels, control, temperature, loss=loss)
        level = Level.SAMPLES
        _check_size(matrix, problem.samples, "labels")
        if problem.points.samples != problem.samples:
            raise InvalidInputError(
                f"loss {problem.loss} has {problem.points.samples} embeddings for "
                f"{problem.samples} labels; give the Gram matrix of class means, with class_sizes"
            )
        order = np.argsort(problem.class_index(labels), kind="stable")
        matrix = matrix[np.ix_(order, order)]
    cells = CellGram.from_matrix(matrix / check_temperature(temperature))
    value = build_program(problem, level).loss.value(cells)
    return value / problem.anchors if reduction == "mean" else value


def _check_gram(gram: ArrayLike) -> NDArray[np.float64]:
    matrix = real_array(gram, "gram")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InvalidInputError(f"gram must be a square matrix, got shape {matrix.shape}")
    bad = np.argwhere(~np.isfinite(matrix))
    if len(bad):
        row, column = (int(number) for number in bad[0])
        raise InvalidInputError(f"gram[{row}, {column}] is {matrix[row, column]}; must be finite")
    matrix = matrix.astype(np.float64)
    largest = float(np.abs(matrix).max(initial=0.0))
    apart = np.argwhere(np.abs(matrix - matrix.T) > 1e-5 * largest)
    if len(apart):
        row, column = (int(number) for number in apart[0])
        raise InvalidInputError(
            f"gram is not symmetric: entry ({row}, {column}) is {matrix[row, column]} and "
            f"({column}, {row}) is {matrix[column, row]}; average it with its transpose"
        )
    return matrix


def _check_size(matrix: NDArray[np.float64], count: int, what: str) -> None:
    if len(matrix) != count:
        raise InvalidInputError(f"gram has {len(matrix)} rows but there are {count} {what}")
