"""The problem that training with a loss of embeddings solves, were the features free variables."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..errors import InvalidInputError
from ..problem.batches.base import OF_ALL, OF_ANCHORS, Batches
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.norms import Control, Sphere
from ..problem.losses.base import Loss
from ..problem.losses.class_softmax import BALANCED
from ..problem.losses.in_batches import check_batches

_WITHOUT = {
    "contrast_mode": "one",
    "contrast_with": "keys",
    "ignored": "negatives",
    "reduction": "none",
}
"""Options of a loss whose optimum is known of no problem."""


def control_of_training(normalize: bool, control: Control | None) -> Control:
    """Return what keeps the features bounded: their normalisation, or a control that is given."""
    if control is None and not normalize:
        raise InvalidInputError(
            "features that are not normalised need a control: Ridge, Ball, Sphere or Budget"
        )
    if normalize and control not in (None, Sphere(1.0)):
        raise InvalidInputError(
            f"normalize=True puts the features on Sphere(1.0), not {control}; leave the control out"
        )
    return Sphere(1.0) if control is None else control


def loss_of_training(
    loss: Loss, options: dict[str, Any], batches: Batches | str | None, sizes: ClassSizes
) -> Loss:
    """Return a loss of all samples, or its expectation, whose mean is what training logs."""
    for name, value in _WITHOUT.items():
        if options.get(name) == value:
            raise InvalidInputError(f"no problem is known of a loss with {name}={value!r}")
    if batches is None:
        return loss
    if getattr(loss, "class_weights", None) == BALANCED:
        raise InvalidInputError(
            "class_weights='balanced' are those of each batch while training; give a mapping from "
            "label to weight, n/(k n_c) of the data set"
        )
    drawn = check_batches(batches)
    if options.get("reduction", "mean") == "mean":
        if loss.why_no_mean_over_anchors:
            raise InvalidInputError(
                "no problem is known whose loss is the mean of such a batch: "
                f"{loss.why_no_mean_over_anchors}; train with reduction='sum'"
            )
        _refuse_mean_over_sizes(options, drawn, sizes)
        same = loss.view_count > 1 and not drawn.sizes_vary(sizes)
        over = OF_ALL if same else options.get("mean_over", OF_ANCHORS)
        drawn = dataclasses.replace(drawn, mean_over=over)
    return loss.in_batches(drawn)


def _refuse_mean_over_sizes(options: dict[str, Any], drawn: Batches, sizes: ClassSizes) -> None:
    """Refuse means over all that a batch has where the number of that varies."""
    if options.get("mean_over") == OF_ALL and drawn.sizes_vary(sizes):
        raise InvalidInputError(
            f"batches {drawn} differ in size, and no problem is known whose loss is their mean "
            "over all: take mean_over='anchors', or reduction='sum'"
        )
