"""Supervised contrastive loss whose targets are not the own class alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...checks import finite_number
from ...errors import InvalidInputError
from ...types import Vector
from ..class_matrix import PerOrbitPair, check_row_sums, stochastic_matrix
from ..class_sizes import ClassSizes
from .base import Loss
from .class_rows import ClassTerms, Targets, targets_of_matrix
from .class_softmax import ClassSoftmax
from .registry import register_loss
from .sample_terms import SampleTerms
from .supcon import SupCon


@register_loss
@dataclass(frozen=True)
class SoftTargets(ClassSoftmax):
    """Supervised contrastive loss with soft labels: smoothed, mixed up, or by class similarity.

        Σ_i [ log Σ_{l≠i} exp(G_il/τ) − Σ_c T_{y_i c} mean_{j≠i, y_j=c} G_ij/τ ]

    In the form of `ClassSoftmax`: a_c = n_c, o_c = n_c − 1, u_c = n_c, r_c = n_c. Give one of

    * `matrix`: T as it is;
    * `epsilon`: every other sample is a target, one of the own class with weight 1 and one of
      another class with weight ε: T_cc ∝ n_c − 1, T_cc' ∝ ε n_c', each row divided by its sum;
    * `smoothing`: label smoothing, T = (1 − s) I + (s/k) 11ᵀ, uniform over the k classes.

    ε = 0, s = 0 and T = I are `SupCon`. A class of one sample has no other sample to be drawn to:
    with `epsilon`, and wherever T_cc > 0, it is no anchor and serves as negatives, as in `SupCon`;
    with T_cc = 0 it is one.

    The embeddings of a class need not coincide at the optimum; solutions say whether they do.

    Parameters
    ----------
    matrix : array-like of shape (k, k), mapping of mappings, or data frame, optional
        T, one row per class, nonnegative and summing to one. A mapping and a data frame say which
        labels rows and columns are for; entries that a mapping does not have are zero.
    epsilon : float, optional
        ε ≥ 0; above one a sample of another class is more of a target than one of the own.
    smoothing : float, optional
        s from 0 to 1.

    Source: label smoothing, Szegedy et al. 2016, "Rethinking the inception architecture"
    (arXiv 1512.00567), section 7; soft targets in contrastive learning, Vock et al. 2026
    (arXiv 2605.13943).

    Examples
    --------
    At class level, on a sphere of radius one, all cosines are 1 + τ log ε while that is at least
    that of the simplex:

    >>> import screlax
    >>> loss = screlax.losses.SoftTargets(epsilon=0.1)
    >>> solution = screlax.solve_relaxation(
    ...     [50, 10, 5], screlax.Sphere(1.0), temperature=0.5, loss=loss
    ... )
    >>> solution.class_gram.round(6)[0]
    array([ 1.      , -0.151293, -0.151293])
    """

    name: ClassVar[str] = "soft-targets"
    per_pair_options: ClassVar[tuple[str, ...]] = ("matrix",)
    matrix: Any = None
    epsilon: float | None = None
    smoothing: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [n for n in ("matrix", "epsilon", "smoothing") if getattr(self, n) is not None]
        if len(given) != 1:
            raise InvalidInputError(
                "soft targets need one of matrix, epsilon and smoothing, got "
                + (" and ".join(given) or "none of them")
            )
        if self.matrix is not None:
            object.__setattr__(self, "matrix", stochastic_matrix(self.matrix, "matrix"))
        if self.epsilon is not None:
            epsilon = finite_number(self.epsilon, "epsilon", 0.0, 1e100)
            object.__setattr__(self, "epsilon", epsilon)
        if self.smoothing is not None:
            object.__setattr__(self, "smoothing", share(self.smoothing, "smoothing"))

    @property
    def collapses(self) -> bool:
        """See `Loss.collapses`."""
        return False

    def own_class(self) -> Loss:
        """See `Loss.own_class`."""
        return SupCon(class_weights=self.class_weights)

    def check(self, sizes: ClassSizes) -> None:
        """See `Loss.check`."""
        super().check(sizes)
        if self.matrix is not None:
            check_row_sums(self.matrix, sizes, "matrix")

    def unweighted_terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `ClassSoftmax`."""
        size = sizes.distinct.astype(float)
        without = np.zeros(len(size), bool) if self.matrix is None else self.matrix.own == 0
        return ClassTerms(np.where((size > 1) | without, size, 0.0), size - 1, size, size)

    def row_targets(self, sizes: ClassSizes) -> Targets:
        """See `ClassSoftmax`."""
        return targets_of_matrix(self._by_orbit(sizes), sizes)

    def _by_orbit(self, sizes: ClassSizes) -> PerOrbitPair:
        """Return T by orbit."""
        if isinstance(self.matrix, PerOrbitPair):
            return self.matrix
        size, others = sizes.distinct.astype(float), sizes.multiplicities > 1
        each = np.ones((len(size), len(size)))
        if self.smoothing is not None:
            own = np.full(len(size), 1 - self.smoothing + self.smoothing / sizes.classes)
            each *= self.smoothing / sizes.classes
        else:
            assert self.epsilon is not None
            total = size - 1 + self.epsilon * (sizes.samples - size)
            scale = np.divide(1.0, total, out=np.ones_like(total), where=size > 1)
            own = np.where(size > 1, (size - 1) * scale, 1.0)
            each *= np.where(size > 1, self.epsilon * scale, 0.0)[:, None] * size
        np.fill_diagonal(each, np.where(others, np.diagonal(each), 0.0))
        return PerOrbitPair(own, each)

    def sample_terms(
        self, counts: Vector, anchored: Vector, labels: Sequence[Hashable] | None
    ) -> SampleTerms:
        """See `Loss.sample_terms`."""
        sizes = ClassSizes.from_counts(counts.astype(np.int64))
        loss, sizes = dataclasses.replace(self, class_weights=None).resolved(sizes, labels)
        matrix = loss._by_orbit(sizes).of_classes(sizes.orbit_index())
        terms = super().sample_terms(counts, anchored, labels)
        return dataclasses.replace(terms, targets=matrix)


def share(value: object, what: str) -> float:
    """Return a number from zero to one."""
    number = finite_number(value, what, 0.0)
    if number > 1:
        raise InvalidInputError(f"{what} must be at most one, got {number:g}")
    return number
