"""The supervised contrastive loss of Khosla et al. (2020, equation 2, "L_out")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...gram.cells import Level
from ..class_sizes import ClassSizes, loss_floor
from ..levels import cells_at, samples_to_classes
from .base import Loss, register_loss
from .row_softmax import RowSoftmax, RowWeights


@register_loss
@dataclass(frozen=True)
class SupCon(Loss):
    """Supervised contrastive loss over all samples, summed over anchors.

        SC(G) = Σ_i [ log Σ_{l≠i} exp(G_il/τ) − (1/(n_{y_i}−1)) Σ_{j≠i, y_j=y_i} G_ij/τ ]

    Anchors are the samples whose class has at least two. In the form of `RowSoftmax`:

        level     u (own weight)   V (pair weight)              t   T
        samples   0                1 off the diagonal           0   1/(n_c−1) on positives
        classes   n_c − 1          n_c' off the diagonal        1   0
        orbits    s_g − 1          κ_h s_h, (κ_g−1)s_g within   1   0

    Source: Khosla et al. 2020; Behnia and Thrampoulidis, ISIT 2024 (arXiv 2402.18884).
    """

    name: ClassVar[str] = "supcon"
    has_slack_vector: ClassVar[bool] = True

    def infimum(self, sizes: ClassSizes) -> float:
        """Return Σ n_c log(n_c − 1) over the anchored classes, in O(m)."""
        return loss_floor(sizes.distinct.astype(float), sizes.multiplicities.astype(float))

    def at_level(self, sizes: ClassSizes, level: Level) -> RowSoftmax:
        """See `Loss.at_level`."""
        return _sample_rows(sizes) if level is Level.SAMPLES else _class_rows(sizes, level)


def _sample_rows(sizes: ClassSizes) -> RowSoftmax:
    """Rows of the n×n program: weights one off the diagonal, targets the mean of the positives."""
    label, cells = samples_to_classes(sizes).cell_of_point, cells_at(sizes, Level.SAMPLES)
    size, n = cells.class_size, len(label)
    others = 1.0 - np.eye(n)
    positives = (label[:, None] == label[None, :]) * others
    target = positives / np.maximum(size - 1, 1)[:, None]
    zeros = np.zeros(n)
    return RowSoftmax(
        cells,
        (size > 1).astype(float),
        RowWeights(zeros, others),
        RowWeights(zeros, target),
    )


def _class_rows(sizes: ClassSizes, level: Level) -> RowSoftmax:
    """Rows of the k×k or the m×m program; a class is an orbit with one class."""
    cells = cells_at(sizes, level)
    size = cells.class_size
    pair = np.tile(cells.mass, (len(cells), 1))
    np.fill_diagonal(pair, cells.mass - size)
    target = RowWeights((size > 1).astype(float), np.zeros_like(pair))
    anchors = np.where(size > 1, cells.mass, 0.0)
    return RowSoftmax(cells, anchors, RowWeights(size - 1, pair), target)
