"""The loss against a queue of keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ...errors import InvalidInputError
from ...types import Vector
from ..class_sizes import ClassSizes
from ..per_class import PerClass
from ..per_orbit import orbit_numbers, per_class_option
from .batch_terms import BatchTerms
from .class_softmax import ClassSoftmax, ClassTerms
from .registry import register_loss


@register_loss
@dataclass(frozen=True)
class Queue(ClassSoftmax):
    """Supervised contrastive loss against the other samples and q keys per class (MoCo).

        Σ_i [ log ( Σ_{l≠i} exp(G_il/τ) + Σ_keys exp(⟨h_i, key⟩/τ) ) − mean over positives /τ ]

    Positives are the other samples and the keys of the class. The keys are tied to the class means,
    which a slow encoder follows; they are no embeddings that a control or penalty counts, and no
    anchors. In the form of `ClassSoftmax`: a_c = r_c = n_c, o_c = n_c − 1 + q_c, u_c = n_c + q_c.

    In MoCo no gradient goes through the keys. Training then ends, if at all, in an equilibrium
    (diag(a)(P − I)/τ + R) H = 0, which minimises nothing: there is no optimal value that could be
    proved, and no relaxation. ``gradient=False`` is refused for that reason. This loss is the one
    with gradient; that of keys which are variables of their own is
    ``Prototypes(tied=False, loss_terms=False)``.

    Parameters
    ----------
    keys_per_class : int, array-like of shape (k,), mapping or Series
        q, how many keys of each class the queue holds.
    gradient : bool, default True
        Whether the gradient goes through the keys.

    Source: He et al. 2020, "Momentum contrast" (arXiv 1911.05722); with labels, Khosla et al. 2020,
    section 4.

    Examples
    --------
    >>> import screlax
    >>> loss = screlax.losses.Queue(keys_per_class=8)
    >>> solution = screlax.solve_relaxation([50, 5, 1], screlax.Sphere(1.0), loss=loss)
    >>> print(solution.status)
    optimal
    >>> try:
    ...     screlax.losses.Queue(8, gradient=False)
    ... except screlax.errors.InvalidInputError as error:
    ...     print(str(error)[:58])
    keys without gradient have an equilibrium, not a minimiser
    """

    name: ClassVar[str] = "queue"
    per_class_options: ClassVar[tuple[str, ...]] = ("class_weights", "keys_per_class")
    keys_per_class: Any
    gradient: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        count = per_class_option(self.keys_per_class, "keys per class", whole=True)
        object.__setattr__(self, "keys_per_class", count)
        if self.gradient is not True:
            raise InvalidInputError(
                "keys without gradient have an equilibrium, not a minimiser: nothing is minimised "
                "there, so that no value can be proved optimal; leave gradient out for keys tied "
                "to their class mean, with gradient"
            )

    @property
    def why_no_batches(self) -> str:
        """See `Loss.why_no_batches`."""
        return ""

    def batch_terms(self, sizes: ClassSizes) -> BatchTerms:
        """See `Loss.batch_terms`: the whole queue is there with every batch."""
        return BatchTerms(keys=orbit_numbers(self.keys_per_class, sizes.orbits))

    def unweighted_terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `ClassSoftmax`."""
        samples = sizes.distinct.astype(float)
        every = samples + orbit_numbers(self.keys_per_class, sizes.orbits)
        return ClassTerms(np.where(every > 1, samples, 0.0), every - 1, every, samples)

    def of_embeddings(self) -> Self:
        """See `ClassSoftmax.of_embeddings`: keys are embeddings."""
        return dataclasses.replace(self, keys_per_class=0)

    def prototypes(self, classes: int, labels: Sequence[Hashable] | None) -> Vector | None:
        """See `Loss.prototypes`: keys."""
        if isinstance(self.keys_per_class, PerClass):
            numbers = self.keys_per_class.in_order_of(labels, classes, "keys per class")
            return np.asarray(numbers, dtype=float)
        return orbit_numbers(self.keys_per_class, classes)
