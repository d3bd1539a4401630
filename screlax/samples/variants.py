"""Which rows are anchors and what each weighs: reductions, class weights, negatives only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..problem.per_class import per_class
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
    class_weights : mapping from label to weight, Series with labels as index, or array-like
        An array has shape (k,), in the order of the sorted distinct labels.
    """
    assert codes.names is not None
    given = per_class(class_weights, "class_weights")
    weights = given.numbers
    if given.labels is not None:
        weights = given.numbers_of(codes.names, "class_weights")
    elif len(weights) != codes.classes:
        raise InvalidInputError(
            f"class_weights must have shape ({codes.classes},), one for each label that occurs, in "
            f"sorted order, got {weights.shape}; where a class may be absent, as from a batch, "
            "give a mapping from label to weight"
        )
    return check_real(weights, "class_weights", (codes.classes,))[codes.codes]


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
    some = positives.counts > 0
    if negatives_only:
        some &= positives.negatives > 0
    weights = np.ones(len(some)) if class_weight is None else class_weight
    if layout.anchors < layout.size:
        weights = np.where(np.arange(layout.size) < layout.anchors, weights, 0.0)
    anchored = weights * some
    if reduction == "mean":
        averaged = anchored if mean_over == "anchors" else weights
        totals = averaged.reshape(layout.items, layout.size).sum(axis=1)
        totals[totals == 0] = 1.0
        anchored /= totals[0] if layout.items == 1 else totals.repeat(layout.size)
    return anchored


def present(layout: Layout, losses: Vector, reduction: str) -> float | NDArray[np.float64]:
    """Give losses, of rows where there is no reduction, else of items, the shape of the result."""
    if reduction == "none":
        return layout.restore_losses(losses)
    return losses if layout.is_batch else float(losses[0])
