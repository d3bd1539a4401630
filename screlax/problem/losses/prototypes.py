"""The loss with class prototypes among the embeddings."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from ...containers import shown
from ...errors import InvalidInputError
from ...types import Vector
from ..class_sizes import ClassSizes
from ..per_class import PerClass
from ..per_orbit import PerOrbit, orbit_numbers, per_class_option
from .base import Loss
from .batch_terms import BatchTerms
from .class_rows import Targets
from .class_softmax import ClassSoftmax, ClassTerms
from .free_prototypes import targets_of_points, terms_of_points, with_prototypes
from .registry import register_loss


@register_loss
@dataclass(frozen=True)
class Prototypes(ClassSoftmax):
    """Supervised contrastive loss with n_w prototypes per class beside its samples.

    A prototype is one more embedding of its class: positive for the samples of the class and
    negative for all others. Where prototypes are anchors too (`loss_terms`), nothing distinguishes
    them from samples, so that they coincide with their class at the optimum, tied or not: in the
    form of `ClassSoftmax` a_c = u_c = r_c = n_c + n_w and o_c = r_c − 1. Without loss terms of
    their own

    * tied prototypes are the class means: as before, but a_c = n_c;
    * free ones are k further points (`screlax.problem.losses.free_prototypes`), drawn to their
      samples and away from all others. Under imbalance they are *not* the class means;
      `Solution.prototype_gram` has them. Their classes need not collapse; solutions say so.

    Parameters
    ----------
    per_class : int, array-like of shape (k,), mapping or Series, default 1
        n_w, how many prototypes a class has; at least one where they are free. None at all, 0, is
        `SupCon`.
    tied : bool, default True
        Whether prototypes are the class means rather than variables of their own.
    loss_terms : bool, default True
        Whether prototypes are anchors too.

    Source: Gill, Vakilian and Thrampoulidis 2024, "Engineering the neural collapse geometry of
    supervised-contrastive loss" (arXiv 2310.00893).

    Examples
    --------
    >>> import screlax
    >>> loss = screlax.losses.Prototypes(per_class=100)
    >>> solution = screlax.solve_relaxation(
    ...     [50, 5, 1], screlax.Sphere(1.0), temperature=0.1, loss=loss
    ... )
    >>> list(solution.problem.points), bool(abs(solution.class_gram[0, 1] + 0.5) < 0.01)
    ([150, 105, 101], True)
    >>> free = screlax.losses.Prototypes(tied=False, loss_terms=False)
    >>> solution = screlax.solve_relaxation([50, 5, 2], screlax.Sphere(1.0), loss=free)
    >>> solution.class_gram.shape, solution.prototype_gram.shape
    ((3, 3), (3, 3))
    """

    name: ClassVar[str] = "prototypes"
    per_class_options: ClassVar[tuple[str, ...]] = ("class_weights", "per_class")
    per_class: Any = 1
    loss_terms: bool = True
    tied: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("loss_terms", "tied"):
            if not isinstance(getattr(self, name), bool):
                given = shown(getattr(self, name))
                raise InvalidInputError(f"{name} must be true or false, got {given}")
        least = 1.0 if self.are_free else 0.0
        count = per_class_option(self.per_class, "prototypes per class", whole=True, least=least)
        object.__setattr__(self, "per_class", count)

    @property
    def are_free(self) -> bool:
        """Whether prototypes are points of their own."""
        return not (self.tied or self.loss_terms)

    @property
    def collapses(self) -> bool:
        """See `Loss.collapses`."""
        return not self.are_free

    def among_prototypes(self) -> Loss | None:
        """See `Loss.among_prototypes`."""
        return None if self.are_free else self

    def own_class(self) -> Loss | None:
        """See `Loss.own_class`; free prototypes are more points than any of these have."""
        return None

    def resolved(
        self, sizes: ClassSizes, labels: Sequence[Hashable] | None
    ) -> tuple[Self, ClassSizes]:
        """See `Loss.resolved`; with free prototypes every class is an orbit of its own."""
        loss, sizes = super().resolved(sizes, labels)
        return loss._apart(sizes) if self.are_free else (loss, sizes)

    def resolved_for_pairs(
        self, sizes: ArrayLike, multiplicities: ArrayLike
    ) -> tuple[Self, ClassSizes]:
        """See `Loss.resolved_for_pairs`."""
        loss, classes = super().resolved_for_pairs(sizes, multiplicities)
        return loss._apart(classes) if self.are_free else (loss, classes)

    def _apart(self, sizes: ClassSizes) -> tuple[Self, ClassSizes]:
        """Return the loss and sizes with one orbit for every class."""
        if sizes.orbits == sizes.classes:
            return self, sizes
        apart, orbit = sizes.one_by_one()
        options: dict[str, Any] = {
            name: PerOrbit(option.numbers[orbit])
            for name, option in self.options_of(PerOrbit).items()
        }
        return dataclasses.replace(self, **options), apart

    def points(self, sizes: ClassSizes) -> ClassSizes:
        """See `Loss.points`."""
        if not self.are_free:
            return super().points(sizes)
        return with_prototypes(sizes, orbit_numbers(self.per_class, sizes.orbits))

    def instances(self, sizes: ClassSizes) -> Vector:
        """See `Loss.instances`; prototypes of a class coincide."""
        samples = super().instances(sizes)
        return np.append(samples, np.ones_like(samples)) if self.are_free else samples

    def terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `ClassSoftmax`; of the points."""
        terms = super().terms(sizes)
        if not self.are_free:
            return terms
        size = sizes.distinct.astype(float)
        weights = terms.anchors / size
        return terms_of_points(sizes, orbit_numbers(self.per_class, sizes.orbits), weights)

    def row_targets(self, sizes: ClassSizes) -> Targets | None:
        """See `ClassSoftmax`."""
        if not self.are_free:
            return None
        return targets_of_points(sizes, orbit_numbers(self.per_class, sizes.orbits))

    def anchor_count(self, sizes: ClassSizes) -> float:
        """See `Loss.anchor_count`."""
        return Loss.anchor_count(self, sizes) if self.are_free else super().anchor_count(sizes)

    @property
    def is_supcon_of_points(self) -> bool:
        """See `Loss.is_supcon_of_points`."""
        return self.loss_terms and self.class_weights is None

    @property
    def why_no_batches(self) -> str:
        """See `Loss.why_no_batches`."""
        if self.loss_terms:
            return (
                "prototypes with loss terms are anchors of every batch, beside its samples; take "
                "loss_terms=False"
            )
        return super().why_no_batches if self.are_free else ""

    def batch_terms(self, sizes: ClassSizes) -> BatchTerms:
        """See `Loss.batch_terms`: all prototypes are there with every batch."""
        return BatchTerms(keys=orbit_numbers(self.per_class, sizes.orbits))

    def unweighted_terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `ClassSoftmax`."""
        samples = sizes.distinct.astype(float)
        count = samples + orbit_numbers(self.per_class, sizes.orbits)
        anchors = count if self.loss_terms else samples
        return ClassTerms(np.where(count > 1, anchors, 0.0), count - 1, count, count)

    def of_embeddings(self) -> Self:
        """See `ClassSoftmax.of_embeddings`: prototypes are embeddings."""
        return dataclasses.replace(self, per_class=0, tied=True)

    def prototypes(self, classes: int, labels: Sequence[Hashable] | None) -> Vector | None:
        """See `Loss.prototypes`."""
        if not self.tied:
            raise InvalidInputError(
                "free prototypes are variables of their own: give them as keys, with key_labels; "
                "or take tied ones, which are the class means"
            )
        if isinstance(self.per_class, PerClass):
            numbers = self.per_class.in_order_of(labels, classes, "prototypes per class")
            return np.asarray(numbers, dtype=float)
        return orbit_numbers(self.per_class, classes)

    @property
    def keys_are_anchors(self) -> bool:
        """See `Loss.keys_are_anchors`."""
        return self.loss_terms
