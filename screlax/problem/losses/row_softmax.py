"""The family in general: any masses and weights by class."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ...types import Vector
from ..class_sizes import ClassSizes
from ..per_orbit import orbit_numbers, per_class_option
from .base import register_loss
from .class_softmax import ClassSoftmax, ClassTerms
from .sample_terms import SampleTerms


@register_loss
@dataclass(frozen=True)
class RowSoftmax(ClassSoftmax):
    """The loss of `ClassSoftmax` with masses and weights as given.

        Σ_c a_c [ log( o_c e^{M_cc/τ} + Σ_{c'≠c} u_c' e^{M_cc'/τ} ) − M_cc/τ ]

    Parameters
    ----------
    anchor_mass, own_weight, pair_weight : float, array-like of shape (k,), mapping or Series
        a_c ≥ 0, o_c ≥ 0 and u_c ≥ 0 of every class; a number is that of all.

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
    anchor_mass: Any
    own_weight: Any
    pair_weight: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.per_class_options[1:]:
            object.__setattr__(self, name, per_class_option(getattr(self, name), name))

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
        return super().sample_terms(counts, anchored, labels).of_anchors(counts, anchored)
