"""Classes of one size together: majority and minority of a step profile, beside the optimum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gram.geometry import cosines_of
from ..io.tables import text_lines
from ..short_repr import short_repr
from ..types import Matrix, Vector
from .statistics import ClassStatistics

_MOST = 10
"""Groups up to which there is something to see: step profiles, not long tails."""


@short_repr
@dataclass(frozen=True, eq=False)
class SizeGroups:
    """Averages over the classes of each size, largest first, with no centre taken off.

    The norms and angles by which imbalance is reported: of majorities, of minorities, across
    (Fang, He, Long and Su 2021, PNAS 118; Thrampoulidis et al. 2022, NeurIPS).

    Attributes
    ----------
    sizes, classes : ndarray of int, shape (g,)
        Size in the problem, and how many classes have it.
    norms, optimal_norms : ndarray, shape (g,)
        Mean norm of the class means, and of the optimal embeddings.
    norm_deviations : ndarray, shape (g,)
        Standard deviation of the norms within the group.
    cosines, optimal_cosines : ndarray, shape (g, g)
        Mean cosine over pairs of different classes, one of each group; NaN within a group of one
        class, and where a norm is zero.
    cosine_deviations : ndarray, shape (g, g)
        Standard deviation over these pairs.
    spreads : ndarray, shape (g,)
        Mean over the classes of the mean squared distance of samples from their class mean.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50] * 3 + [5] * 3, screlax.Sphere(1.0))
    >>> labels = [c for c in range(6) for _ in range(solution.problem.class_sizes[c])]
    >>> best = solution.embeddings().vectors[labels]
    >>> groups = screlax.compare(best, labels, solution).groups
    >>> groups.sizes, groups.classes
    (array([50,  5]), array([3, 3]))
    >>> bool(abs(groups.cosines - groups.optimal_cosines).max() < 1e-9)
    True
    """

    sizes: NDArray[np.int64]
    classes: NDArray[np.int64]
    norms: Vector
    optimal_norms: Vector
    norm_deviations: Vector
    cosines: Matrix
    optimal_cosines: Matrix
    cosine_deviations: Matrix
    spreads: Vector

    def to_dict(self) -> dict[str, Any]:
        """Return everything as lists."""
        return {name: array.tolist() for name, array in vars(self).items()}

    def lines(self) -> list[str]:
        """Return a row of text for each group, the optimum in brackets."""
        cosines = [f"cosine to {size:,}" for size in self.sizes]
        header = ["group", "classes", "‖mean‖", "optimal", "deviation", "spread", *cosines]
        rows = []
        for g, size in enumerate(self.sizes):
            numbers = (self.norms, self.optimal_norms, self.norm_deviations, self.spreads)
            both = zip(self.cosines[g], self.optimal_cosines[g], strict=True)
            rows.append(
                [f"{size:,}", f"{self.classes[g]:,}"]
                + [f"{column[g]:.4g}" for column in numbers]
                + [f"{found:.4f} ({best:.4f})" for found, best in both]
            )
        return text_lines(header, rows)


def size_groups(
    sizes: NDArray[np.int64], statistics: ClassStatistics, gram: Matrix, optimal_gram: Matrix
) -> SizeGroups | None:
    """Average over classes of one size; None where nearly every class has a size of its own.

    Parameters
    ----------
    sizes : ndarray of int, shape (k,)
        Of the problem.
    statistics : ClassStatistics
        Of embeddings of which every class has some.
    gram, optimal_gram : ndarray, shape (k, k)
        Inner products of their class means, and of the optimum.
    """
    names, place, classes = np.unique(-sizes, return_inverse=True, return_counts=True)
    if len(names) > min(_MOST, len(sizes) - 1):
        return None
    member = np.eye(len(names))[place]
    norms, optimal_norms = (np.sqrt(np.diagonal(matrix)) for matrix in (gram, optimal_gram))
    means = member.T @ norms / classes
    cosines, deviations = _over_pairs(cosines_of(gram, norms), member, classes)
    optimal_cosines, _ = _over_pairs(cosines_of(optimal_gram, optimal_norms), member, classes)
    return SizeGroups(
        sizes=-names,
        classes=classes,
        norms=means,
        optimal_norms=member.T @ optimal_norms / classes,
        norm_deviations=np.sqrt(member.T @ (norms - means[place]) ** 2 / classes),
        cosines=cosines,
        optimal_cosines=optimal_cosines,
        cosine_deviations=deviations,
        spreads=member.T @ (statistics.within_traces / statistics.counts) / classes,
    )


def _over_pairs(
    cosines: Matrix, member: Matrix, classes: NDArray[np.int64]
) -> tuple[Matrix, Matrix]:
    """Return mean and standard deviation over pairs of different classes, of each two groups."""
    pairs = np.outer(classes, classes) - np.diag(classes)
    apart = cosines.copy()
    np.fill_diagonal(apart, 0.0)
    with np.errstate(invalid="ignore"):
        means = member.T @ apart @ member / pairs
        apart -= member @ np.nan_to_num(means) @ member.T
        np.fill_diagonal(apart, 0.0)
        return means, np.sqrt(member.T @ apart**2 @ member / pairs)
