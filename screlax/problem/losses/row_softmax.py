"""The family in general: any masses, weights and targets by class."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ...types import Vector
from ..class_matrix import check_row_sums, stochastic_matrix
from ..class_sizes import ClassSizes
from ..per_orbit import orbit_numbers, per_class_option
from .base import Loss
from .class_rows import ClassTerms, Targets, targets_of_matrix
from .class_softmax import ClassSoftmax
from .registry import register_loss
from .sample_terms import SampleTerms


@register_loss
@dataclass(frozen=True)
class RowSoftmax(ClassSoftmax):
    """The loss of `ClassSoftmax` with masses, weights and targets as given.

        Σ_c a_c [ log( o_c e^{M_cc/τ} + Σ_{c'≠c} u_c' e^{M_cc'/τ} ) − Σ_c' T_cc' M_cc'/τ ]

    Parameters
    ----------
    anchor_mass, own_weight, pair_weight : float, array-like of shape (k,), mapping or Series
        a_c ≥ 0, o_c ≥ 0 and u_c ≥ 0 of every class; a number is that of all.
    targets : array-like of shape (k, k), mapping of mappings or data frame, optional
        T, one row per class, nonnegative and summing to one; by default the own class. Weights and
        targets are spread evenly over the samples of a class. A target without weight (T_cc' > 0,
        u_c' = 0) has no lower bound.

    Examples
    --------
    >>> import screlax
    >>> loss = screlax.losses.RowSoftmax([100, 50, 10], [99, 49, 9], [100, 50, 10])
    >>> control = screlax.Sphere(1.0)
    >>> one = screlax.solve_relaxation([100, 50, 10], control, loss=loss).value
    >>> bool(abs(one / screlax.solve_relaxation([100, 50, 10], control).value - 1) < 1e-9)
    True
    """

    name: ClassVar[str] = "row-softmax"
    per_class_options: ClassVar[tuple[str, ...]] = (
        "class_weights",
        "anchor_mass",
        "own_weight",
        "pair_weight",
    )
    per_pair_options: ClassVar[tuple[str, ...]] = ("targets",)
    anchor_mass: Any
    own_weight: Any
    pair_weight: Any
    targets: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.per_class_options[1:]:
            object.__setattr__(self, name, per_class_option(getattr(self, name), name))
        if self.targets is not None:
            object.__setattr__(self, "targets", stochastic_matrix(self.targets, "targets"))

    @property
    def collapses(self) -> bool:
        """See `Loss.collapses`."""
        return self.targets is None

    def row_targets(self, sizes: ClassSizes) -> Targets | None:
        """See `ClassSoftmax`."""
        return None if self.targets is None else targets_of_matrix(self.targets, sizes)

    def own_class(self) -> Loss | None:
        """See `Loss.own_class`."""
        return None if self.targets is None else dataclasses.replace(self, targets=None)

    def check(self, sizes: ClassSizes) -> None:
        """See `Loss.check`."""
        super().check(sizes)
        if self.targets is not None:
            check_row_sums(self.targets, sizes, "targets")

    def unweighted_terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `ClassSoftmax`."""
        numbers = [
            orbit_numbers(getattr(self, name), sizes.orbits) for name in self.per_class_options[1:]
        ]
        return ClassTerms(numbers[0], numbers[1], numbers[2], sizes.distinct.astype(float))

    def sample_terms(
        self, counts: Vector, anchored: Vector, labels: Sequence[Hashable] | None
    ) -> SampleTerms:
        """See `Loss.sample_terms`."""
        terms = super().sample_terms(counts, anchored, labels).of_anchors(counts, anchored)
        if self.targets is None:
            return terms
        matrix = self.targets.in_order_of(labels, len(counts), "targets")
        return dataclasses.replace(terms, targets=matrix)
