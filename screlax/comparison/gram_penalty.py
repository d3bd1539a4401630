"""How far the class means of a batch are from the optimal geometry, as a penalty with gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..errors import InvalidInputError
from ..io.arrays import as_floats, as_view_embeddings
from ..optional import require_memory
from ..problem.label_files import as_labels
from ..samples.positives import class_sums
from ..samples.rows import Rows
from ..solution.solution import Solution
from ..types import Matrix
from .penalty_gradient import PenaltyGradient


def gram_penalty_and_grad(
    embeddings: Any, labels: Any, solution: Solution, *, normalize: bool = False
) -> PenaltyGradient:
    """Return R = ‖G/‖G‖_F − G*/‖G*‖_F‖_F² of the class means of a batch, and its gradient.

    G = M Mᵀ is the Gram matrix of the means of the classes that the batch has, and G* the optimal
    one of those classes. R is the square of `gram_distance`, from zero to two, and sees neither
    rotation nor scale. With E = G/‖G‖ − G*/‖G*‖ the gradient by the means is
    (4/‖G‖) (E − (R/2) G/‖G‖) M, and an embedding has its share 1/n_c of that of its class mean.
    The distance is the measure of Behnia and Thrampoulidis (2024) and Kini et al. (2024); minimised
    beside the loss it draws training to the geometry.

    Parameters
    ----------
    embeddings : array-like, shape (n, d)
        Of a batch. With a solution whose loss has V views also (n, V, d), with n labels.
    labels : array-like, shape (n,)
        Class of each sample, as the problem of the solution calls it.
    solution : Solution
    normalize : bool, default False
        Divide each embedding by its norm first; the gradient is by the embeddings as given.

    Raises
    ------
    InvalidInputError
        If embeddings and labels do not fit, a label is no class of the problem, or all means of the
        batch, or the optimal ones of its classes, are zero.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> solution = screlax.solve_relaxation({"cat": 30, "dog": 3}, screlax.Sphere(1.0))
    >>> rows = np.array([[1.0, 0.2], [1.0, -0.2], [-1.0, 0.5]])
    >>> found = screlax.geometry.gram_penalty_and_grad(rows, ["cat", "cat", "dog"], solution)
    >>> step = rows - 0.1 * found.gradient
    >>> after = screlax.geometry.gram_penalty_and_grad(step, ["cat", "cat", "dog"], solution)
    >>> 0 < after.value < found.value
    True
    """
    array, together = as_view_embeddings(embeddings, solution.problem.loss.view_count)
    given = as_labels(labels, len(array) // together)
    numbers = np.repeat(solution.problem.class_index(given), together)
    present, codes, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    floats = as_floats(array)
    rows = Rows(floats, normalize, lambda row: (row,))
    require_memory(40 * len(present) ** 2, f"Gram matrices of {len(present):,} classes")
    means = class_sums(rows, codes.astype(np.int64), len(present)) / counts[:, None]
    value, by_means = _penalty(means, _optimal_gram(solution, present))
    gradient = (by_means / counts[:, None])[codes]
    rows.through_normalisation(gradient)
    return PenaltyGradient(value, gradient.astype(floats.dtype).reshape(np.shape(embeddings)))


def _optimal_gram(solution: Solution, classes: NDArray[np.int64]) -> Matrix:
    """Return the optimal Gram matrix of some classes, without that of all."""
    gram, orbit = solution.orbit_gram.dense(), solution.problem.class_sizes.orbit_index()[classes]
    matrix = gram.pair[np.ix_(orbit, orbit)]
    np.fill_diagonal(matrix, gram.own[orbit])
    return matrix


def _penalty(means: Matrix, optimal: Matrix) -> tuple[float, Matrix]:
    """Return R and its derivative by the means; these scaled first, whose squares may overflow."""
    scale = float(np.abs(means).max())
    if not scale or not optimal.any():
        what = "class means of the batch" if not scale else "optimal means of the classes it has"
        raise InvalidInputError(f"all {what} are zero: there is no geometry to be near to")
    scaled = means / scale
    gram = scaled @ scaled.T
    norm = linalg.norm(gram)
    unit = gram / norm
    apart = unit - optimal / linalg.norm(optimal)
    value = float(np.square(apart).sum())
    return value, np.asarray((4 / (norm * scale)) * (apart - value / 2 * unit) @ scaled)
