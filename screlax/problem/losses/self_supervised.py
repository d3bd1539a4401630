"""The contrastive loss without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...checks import MOST_VIEWS, whole_number
from .instance_mix import InstanceLoss
from .registry import register_loss


@register_loss
@dataclass(frozen=True)
class SelfSupervised(InstanceLoss):
    """SimCLR's NT-Xent loss: every sample is a class of its own, of V views.

        Σ_i [ log Σ_{l≠i} exp(G_il/τ) − mean_{views j of i} G_ij/τ ]

    In the form of `ClassSoftmax` with every *sample* a class: a = u = r = V, o = V − 1. The optimum
    is a simplex ETF of all n samples, whatever their classes, which may be of one sample each, or
    a single one; class means are those of that simplex.

    For embeddings of two views it equals `simclr_loss_func` of solo-learn (commit 9187ea3) and
    `NTXentLoss` of lightly 1.6.0, which normalise, `NTXentLoss` of pytorch-metric-learning 2.9.0,
    and `SupConLoss` of SupContrast without labels.

    Parameters
    ----------
    views : int, default 2
        V ≥ 2.

    Source: Chen et al. 2020, "A simple framework for contrastive learning of visual
    representations" (arXiv 2002.05709), equation 1.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([3, 2], screlax.Sphere(1.0), loss=screlax.losses.SelfSupervised())
    >>> problem.anchors, list(problem.points)
    (10, [6, 4])
    """

    name: ClassVar[str] = "self-supervised"
    views: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "views", whole_number(self.views, "views", 2, MOST_VIEWS))

    @property
    def own_instance(self) -> float:
        """See `InstanceLoss`."""
        return 1.0

    @property
    def instance_views(self) -> int:
        """See `InstanceLoss`."""
        return self.views
