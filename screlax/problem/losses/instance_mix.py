"""Losses that draw a sample to its own views more than to the rest of its class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...checks import MOST_VIEWS, whole_number
from ...errors import InvalidInputError
from ...types import Vector
from ..class_sizes import ClassSizes
from .base import Loss
from .class_rows import ClassTerms, Targets, own_class
from .class_softmax import ClassSoftmax
from .registry import register_loss
from .sample_terms import SampleTerms
from .soft_targets import share
from .supcon import SupCon


@dataclass(frozen=True)
class InstanceLoss(ClassSoftmax):
    """What losses have in common that are mixtures of SupCon and SimCLR over V views."""

    @property
    @abstractmethod
    def own_instance(self) -> float:
        """α, the share of SimCLR."""

    @property
    @abstractmethod
    def instance_views(self) -> int:
        """V, the number of views of every sample."""

    @property
    def view_count(self) -> int:
        """See `Loss.view_count`."""
        return self.instance_views

    @property
    def collapses(self) -> bool:
        """See `Loss.collapses`."""
        return False

    @property
    def why_no_batches(self) -> str:
        """See `Loss.why_no_batches`."""
        why = super().why_no_batches
        if self.own_instance < 1:
            return why
        return (
            f"{why}; with every sample a class of its own it is that of "
            f"UFM.from_pairs([1], [n], …, loss=SupCon(views={self.instance_views}))"
        )

    @property
    def views_alone(self) -> int | None:
        """See `Loss.views_alone`."""
        alone = self.own_instance == 1 and self.class_weights is None
        return self.instance_views if alone else None

    def own_class(self) -> Loss:
        """See `Loss.own_class`."""
        return SupCon(self.instance_views, class_weights=self.class_weights)

    def unweighted_terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `ClassSoftmax`: those of `SupCon` with as many views."""
        count = self.instance_views * sizes.distinct.astype(float)
        return ClassTerms(count, count - 1, count, count)

    def row_targets(self, sizes: ClassSizes) -> Targets:
        """See `ClassSoftmax`."""
        count, views, alpha = sizes.distinct.astype(float), self.instance_views, self.own_instance
        on_views = (1 - alpha) * (views - 1) / (views * count - 1) + alpha
        return Targets(own_class(sizes.orbits), count, np.where(count > 1, on_views, 1.0))

    def check(self, sizes: ClassSizes) -> None:
        """See `Loss.check`; samples of one class are contrasted too where α > 0."""
        if self.own_instance == 0:
            super().check(sizes)
        elif sizes.samples < 2:
            raise InvalidInputError(
                "a contrastive problem needs at least two samples, got one; "
                "there is nothing to contrast it against"
            )

    def sample_terms(
        self, counts: Vector, anchored: Vector, labels: Sequence[Hashable] | None
    ) -> SampleTerms:
        """See `Loss.sample_terms`."""
        ones = np.ones(len(counts))
        return SampleTerms(ones, ones, ones, instances=self.own_instance)


@register_loss
@dataclass(frozen=True)
class InstanceMix(InstanceLoss):
    """(1 − α) SupCon + α SimCLR, over V views of every sample.

        Σ_i [ log Σ_{l≠i} exp(G_il/τ) − (1−α) mean_{j≠i, y_j=y_i} G_ij/τ
              − α mean_{other views j of i} G_ij/τ ]

    In the form of `ClassSoftmax` with every *sample* c a class of its own: a = u = r = V, o = V−1,
    and targets T_cc = (1−α)(V−1)/(V n−1) + α on itself, T_cc' = (1−α) V/(V n−1) on each other
    sample of its class, which has n. Where α is small the samples of a class coincide, and the
    optimum is that of ``SupCon(views=V)``; solutions say whether they do.

    Parameters
    ----------
    alpha : float
        α from 0 to 1.
    views : int, default 2
        V ≥ 2.

    Source: Khosla et al. 2020 (SupCon), Chen et al. 2020 (SimCLR, arXiv 2002.05709); mixtures of
    the two, Chen et al. 2022, "Perfectly balanced: improving transfer and robustness of supervised
    contrastive learning" (arXiv 2204.07596), and Islam et al. 2021 (arXiv 2103.13517).

    Examples
    --------
    >>> import screlax
    >>> loss = screlax.losses.InstanceMix(alpha=0.01)
    >>> problem = screlax.UFM([20, 10, 5], screlax.Sphere(1.0), temperature=0.5, loss=loss)
    >>> problem.anchors, list(problem.points)
    (70, [40, 20, 10])
    """

    name: ClassVar[str] = "instance-mix"
    alpha: float
    views: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "alpha", share(self.alpha, "alpha"))
        object.__setattr__(self, "views", whole_number(self.views, "views", 2, MOST_VIEWS))

    @property
    def own_instance(self) -> float:
        """See `InstanceLoss`."""
        return self.alpha

    @property
    def instance_views(self) -> int:
        """See `InstanceLoss`."""
        return self.views
