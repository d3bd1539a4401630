"""The loss whose denominator averages over the samples of each class."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...containers import shown
from ...errors import InvalidInputError
from ...types import Vector
from ..class_sizes import ClassSizes
from .batch_terms import BatchTerms
from .class_softmax import ClassSoftmax, ClassTerms
from .registry import register_loss
from .sample_terms import SampleTerms


@register_loss
@dataclass(frozen=True)
class ClassAveraged(ClassSoftmax):
    """Balanced contrastive loss (BCL): every class counts once in the denominator.

        Σ_i w_i [ log Σ_c mean_{l in c, l≠i} exp(G_il/τ) − mean_{j≠i, y_j=y_i} G_ij/τ ]

    In the form of `ClassSoftmax`: o_c = u_c = 1, r_c = n_c, and a_c = n_c where every sample is an
    anchor of weight one (as the public code weighs), or a_c = 1 where every class is. Class
    centres, which the public code adds, are taken as tied to the class means. Classes of one sample
    have no positives, and serve as negatives.

    For embeddings it equals `BalSCL` of Zhu et al.'s public code (commit f72d070), value and
    gradients by embeddings and centres: normalised class centres are ``keys``, one for each class,
    which are no anchors and count in the averages; the mean is over all samples.

    Parameters
    ----------
    anchors : str, default "samples"
        What has one unit of anchor mass: "samples" or "classes". With "classes" the optimum on a
        sphere is a simplex ETF, whatever the class sizes.

    Source: Zhu et al. 2022, "Balanced contrastive learning for long-tailed visual recognition"
    (arXiv 2207.09052), equation 5.

    Examples
    --------
    >>> import screlax
    >>> loss = screlax.losses.ClassAveraged(anchors="classes")
    >>> solution = screlax.solve_relaxation(
    ...     [100, 10, 2], screlax.Sphere(1.0), temperature=0.1, loss=loss
    ... )
    >>> solution.class_gram.round(6)[0]
    array([ 1. , -0.5, -0.5])
    """

    name: ClassVar[str] = "class-averaged"
    anchors: str = "samples"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.anchors not in ("samples", "classes"):
            raise InvalidInputError(
                "anchors of a class-averaged loss are 'samples' or 'classes', "
                f"got {shown(self.anchors)}"
            )

    @property
    def why_no_batches(self) -> str:
        """See `Loss.why_no_batches`."""
        return ""

    @property
    def why_no_mean_over_anchors(self) -> str:
        """See `Loss.why_no_mean_over_anchors`."""
        if self.anchors == "classes":
            return "the anchors of each class share a weight of one, which it does not count"
        return super().why_no_mean_over_anchors

    def batch_terms(self, sizes: ClassSizes) -> BatchTerms:
        """See `Loss.batch_terms`: classes that are in the batch."""
        return BatchTerms(averaged=True, shared=self.anchors == "classes")

    def unweighted_terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `ClassSoftmax`."""
        size = sizes.distinct.astype(float)
        mass = size if self.anchors == "samples" else np.ones_like(size)
        return ClassTerms(
            np.where(size > 1, mass, 0.0), np.ones_like(size), np.ones_like(size), size
        )

    def sample_terms(
        self, counts: Vector, anchored: Vector, labels: Sequence[Hashable] | None
    ) -> SampleTerms:
        """See `Loss.sample_terms`."""
        terms = super().sample_terms(counts, anchored, labels)
        return terms if self.anchors == "samples" else terms.of_anchors(counts, anchored)
