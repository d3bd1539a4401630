"""The loss without positives in its denominator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..class_sizes import ClassSizes
from .batch_terms import BatchTerms
from .class_softmax import ClassTerms
from .registry import register_loss
from .supcon import Views


@register_loss
@dataclass(frozen=True)
class NegativesOnly(Views):
    """Supervised contrastive loss with negatives only in the denominator (NSCL, decoupled).

        Σ_i [ log Σ_{y_l≠y_i} exp(G_il/τ) − mean_{j≠i, y_j=y_i} G_ij/τ ]

    In the form of `ClassSoftmax`, with n_c standing for V n_c: a_c = n_c, o_c = 0, u_c = n_c,
    r_c = n_c. It has no lower bound; with a ridge the problem is bounded only for λτ ≥ λ_b.

    For embeddings of two views, with instances for classes, its value is that of `DCLLoss` of
    lightly 1.6.0.

    Source: Yeh et al. 2022 (decoupled contrastive learning, arXiv 2110.06848); Luthra, Yang and
    Galanti 2025 (negatives-only supervised contrastive learning, arXiv 2506.04411).

    Examples
    --------
    >>> import screlax
    >>> loss = screlax.losses.NegativesOnly()
    >>> solution = screlax.solve_relaxation(
    ...     [100, 50, 10, 2], screlax.Sphere(1.0), temperature=0.1, loss=loss
    ... )
    >>> print(solution.status)
    optimal
    """

    name: ClassVar[str] = "negatives-only"

    @property
    def why_no_batches(self) -> str:
        """See `Loss.why_no_batches`."""
        return ""

    def batch_terms(self, sizes: ClassSizes) -> BatchTerms:
        """See `Loss.batch_terms`; anchors without a negative in their batch have no loss."""
        return BatchTerms(has_own=False)

    def unweighted_terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `ClassSoftmax`."""
        every = self.embeddings(sizes)
        return ClassTerms(every.anchors, np.zeros_like(every.own), every.pair, every.embeddings)
