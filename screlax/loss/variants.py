"""Which rows are anchors and what each weighs: reductions, class weights, negatives only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exceptions import InvalidInputError
from .labels import Codes
from .layout import Layout
from .positives import Positives, Vector
from .validate import check_real

REDUCTIONS = ("mean", "sum", "none")
AVERAGES = ("anchors", "all")


def class_weight_of_samples(codes: Codes, class_weights: Any) -> Vector:
    """Return the weight of the class of each sample.

    Parameters
    ----------
    codes : Codes
        With names.
    class_weights : mapping from label to weight, or array-like, shape (k,)
        In the order of the sorted distinct labels.
    """
    assert codes.names is not None
    if isinstance(class_weights, Mapping):
        names = codes.names.tolist()
        missing = [name for name in names if name not in class_weights]
        if missing:
            raise InvalidInputError(
                f"class_weights has no weight for label {missing[0]!r}; give one for every label"
            )
        class_weights = [class_weights[name] for name in names]
    return check_real(class_weights, "class_weights", (codes.classes,))[codes.codes]


def row_weights(
    layout: Layout,
    positives: Positives,
    class_weight: Vector | None,
    *,
    reduction: str,
    mean_over: str,
    negatives_only: bool,
) -> Vector:
    """Return w_i, so that the reduced loss is Σ_i w_i ℓ_i; zero for rows that are no anchors.

    An anchor needs a positive, and with `negatives_only` also a negative. A mean is weighted, and
    zero where nothing is averaged.
    """
    leading = np.arange(layout.size) < layout.anchors
    weights = np.where(leading, 1.0, 0.0)[None, :]
    if class_weight is not None:
        weights = weights * class_weight.reshape(-1, layout.size)
    some = positives.counts.reshape(-1, layout.size) > 0
    if negatives_only:
        some &= positives.negatives.reshape(-1, layout.size) > 0
    anchored = np.where(some, weights, 0.0)
    if reduction == "mean":
        total = (anchored if mean_over == "anchors" else weights).sum(axis=1, keepdims=True)
        anchored = anchored / np.where(total > 0, total, 1.0)
    return anchored.reshape(-1)


def reduce(layout: Layout, weighted: Vector, reduction: str) -> float | NDArray[np.float64]:
    """Return weighted losses of rows as the user asked for them."""
    if reduction == "none":
        return layout.restore_losses(weighted)
    totals = weighted.reshape(-1, layout.size).sum(axis=1)
    return totals if layout.is_batch else float(totals[0])
