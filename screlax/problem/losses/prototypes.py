"""The loss with class prototypes among the embeddings."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ...containers import shown
from ...errors import InvalidInputError
from ...types import Vector
from ..class_sizes import ClassSizes
from ..per_class import PerClass
from ..per_orbit import orbit_numbers, per_class_option
from .base import register_loss
from .class_softmax import ClassSoftmax, ClassTerms


@register_loss
@dataclass(frozen=True)
class Prototypes(ClassSoftmax):
    """Supervised contrastive loss with n_w prototypes per class beside its samples.

    A prototype is one more embedding of its class: positive for the samples of the class and
    negative for all others. In the form of `ClassSoftmax`: u_c = r_c = n_c + n_w, o_c = r_c − 1,
    and a_c = r_c where prototypes are anchors too (`loss_terms`), else n_c. As all embeddings of a
    class coincide at the optimum, so do prototypes and class mean (`tied`).

    Parameters
    ----------
    per_class : int, array-like of shape (k,), mapping or Series, default 1
        n_w, how many prototypes a class has.
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
    """

    name: ClassVar[str] = "prototypes"
    per_class_options: ClassVar[tuple[str, ...]] = ("class_weights", "per_class")
    per_class: Any = 1
    loss_terms: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        count = per_class_option(self.per_class, "prototypes per class", whole=True)
        object.__setattr__(self, "per_class", count)
        if not isinstance(self.loss_terms, bool):
            raise InvalidInputError(
                f"loss_terms must be true or false, got {shown(self.loss_terms)}"
            )

    @property
    def is_supcon_of_points(self) -> bool:
        """See `Loss.is_supcon_of_points`."""
        return self.loss_terms and self.class_weights is None

    def unweighted_terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `ClassSoftmax`."""
        samples = sizes.distinct.astype(float)
        count = samples + orbit_numbers(self.per_class, sizes.orbits)
        anchors = count if self.loss_terms else samples
        return ClassTerms(np.where(count > 1, anchors, 0.0), count - 1, count, count)

    def of_embeddings(self) -> Self:
        """See `ClassSoftmax.of_embeddings`: prototypes are embeddings."""
        return dataclasses.replace(self, per_class=0)

    def prototypes(self, classes: int, labels: Sequence[Hashable] | None) -> Vector | None:
        """See `Loss.prototypes`."""
        if isinstance(self.per_class, PerClass):
            numbers = self.per_class.in_order_of(labels, classes, "prototypes per class")
            return np.asarray(numbers, dtype=float)
        return orbit_numbers(self.per_class, classes)

    @property
    def keys_are_anchors(self) -> bool:
        """See `Loss.keys_are_anchors`."""
        return self.loss_terms
