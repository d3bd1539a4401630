"""The supervised contrastive loss of Khosla et al. (2020, equation 2, "L_out")."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from ...checks import MOST_VIEWS, whole_number
from ..class_sizes import ClassSizes
from .base import Loss
from .batch_terms import BatchTerms
from .class_softmax import ClassSoftmax, ClassTerms
from .registry import register_loss


@dataclass(frozen=True)
class Views(ClassSoftmax):
    """What losses have in common whose samples come in several augmented views.

    Parameters
    ----------
    views : int, default 1
        V, the number of views of every sample; each is an embedding, an anchor and a positive of
        all others of its class. With two, a class of one sample has positives too.
    """

    views: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "views", whole_number(self.views, "views", 1, MOST_VIEWS))

    def of_embeddings(self) -> Self:
        """See `ClassSoftmax.of_embeddings`: views are embeddings."""
        return dataclasses.replace(self, views=1)

    @property
    def view_count(self) -> int:
        """See `Loss.view_count`."""
        return self.views

    def embeddings(self, sizes: ClassSizes) -> ClassTerms:
        """Return the terms of all embeddings alike: a = o = u = r = V n_c, anchors from two on."""
        count = self.views * sizes.distinct.astype(float)
        return ClassTerms(np.where(count > 1, count, 0.0), count, count, count)


@register_loss
@dataclass(frozen=True)
class SupCon(Views):
    """Supervised contrastive loss over all samples, summed over anchors.

        SC(G) = Σ_i [ log Σ_{l≠i} exp(G_il/τ) − (1/(n_{y_i}−1)) Σ_{j≠i, y_j=y_i} G_ij/τ ]

    Anchors are the samples whose class has at least two. In the form of `ClassSoftmax`, with V
    views n_c standing for V n_c: a_c = n_c, o_c = n_c − 1, u_c = n_c, r_c = n_c.

    For embeddings it equals, value and gradient, `SupConLoss` of SupContrast (commit 66a8fe5) with
    base_temperature = temperature there, whose mean is over all samples (``mean_over="all"``), and
    `SupConLoss` of pytorch-metric-learning 2.9.0, which normalises (``normalize=True``).

    Source: Khosla et al. 2020; Behnia and Thrampoulidis, ISIT 2024 (arXiv 2402.18884).

    Examples
    --------
    >>> import screlax
    >>> two = screlax.UFM([50, 20, 1], screlax.Sphere(1.0), loss=screlax.losses.SupCon(views=2))
    >>> two.anchors, list(two.points)
    (142, [100, 40, 2])
    """

    name: ClassVar[str] = "supcon"

    @property
    def why_no_batches(self) -> str:
        """See `Loss.why_no_batches`."""
        return ""

    def batch_terms(self, sizes: ClassSizes) -> BatchTerms:
        """See `Loss.batch_terms`."""
        return BatchTerms()

    def among_prototypes(self) -> Loss | None:
        """See `Loss.among_prototypes`: with none of them, for one view."""
        from .prototypes import Prototypes  # registered after this one

        if self.views > 1:
            return None
        return Prototypes(per_class=0, class_weights=self.class_weights)

    @property
    def is_supcon_of_points(self) -> bool:
        """See `Loss.is_supcon_of_points`."""
        return self.class_weights is None

    def unweighted_terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `ClassSoftmax`."""
        every = self.embeddings(sizes)
        return ClassTerms(every.anchors, every.own - 1, every.pair, every.embeddings)

    def zero_threshold(self, sizes: ClassSizes) -> float:
        """Return λ_max at unit temperature, without class weights from a formula.

        2n/(n−1) with at least two classes of two or more samples, whatever the imbalance; with one
        such class and κ singletons (κ + √(κn))/(n−1).
        """
        if self.class_weights is not None:
            return super().zero_threshold(sizes)
        points = self.points(sizes)
        n, singletons = points.samples, points.singletons
        if points.classes - singletons >= 2:
            return 2 * n / (n - 1)
        return (singletons + math.sqrt(singletons * n)) / (n - 1)
