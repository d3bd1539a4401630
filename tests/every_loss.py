"""One loss of every registered kind and option, and their definitions sample by sample.

The definitions are written from the formulas of the losses' sources, in plain numpy, on embeddings
in class order; they use no code of screlax.
"""

from collections.abc import Callable

import numpy as np
import pytest

from screlax import Ball, Budget, Ridge, Sphere, losses

SIZES = (8, 4, 2, 2)
WEIGHTS = (1.0, 0.5, 2.0, 3.0)
PROTOTYPES = (1, 2, 3, 4)
MASSES = ((10.0, 5.0, 3.0, 1.0), (0.5, 0.5, 1.0, 2.0), (2.0, 1.0, 1.0, 1.0))
TEMPERATURE = 0.7

LOSSES: dict[str, losses.Loss] = {
    "supcon": losses.SupCon(),
    "views": losses.SupCon(views=2),
    "weighted": losses.SupCon(class_weights=WEIGHTS),
    "negatives-only": losses.NegativesOnly(),
    "negatives-only views": losses.NegativesOnly(views=2),
    "class-averaged": losses.ClassAveraged(),
    "class-averaged classes": losses.ClassAveraged(anchors="classes"),
    "prototypes": losses.Prototypes(per_class=3),
    "prototypes without terms": losses.Prototypes(per_class=PROTOTYPES, loss_terms=False),
    "row-softmax": losses.RowSoftmax(*MASSES),
    "soft": losses.SoftTargets(epsilon=0.1),
    "smoothed": losses.SoftTargets(smoothing=0.01),
    "instance mix": losses.InstanceMix(alpha=0.05),
    "self-supervised": losses.SelfSupervised(),
}
"""Class sizes are `SIZES` for all."""
CONTROLS = {"ridge": Ridge(0.3), "ball": Ball(1.5), "sphere": Sphere(1.0), "budget": Budget(0.8)}

every_loss = pytest.mark.parametrize("name", LOSSES)
every_control = pytest.mark.parametrize("kind", CONTROLS)


def control_of(name: str, kind: str):
    """Return a control with which the loss is bounded."""
    return Ridge(6.0) if kind == "ridge" and "negatives" in name else CONTROLS[kind]


Definition = Callable[[np.ndarray, np.ndarray], float]


COLLAPSING = [name for name in LOSSES if name != "self-supervised"]
"""Losses under which all embeddings of a class coincide at the optimum, if only on a sphere."""

every_collapsing_loss = pytest.mark.parametrize("name", COLLAPSING)


def _rows(
    embeddings: np.ndarray,
    label: np.ndarray,
    own: Callable[[int, int], float] = lambda c, size: 1.0,
    pair: Callable[[int, int], float] = lambda c, size: 1.0,
    anchor: Callable[[int, int], float] = lambda c, size: 1.0,
    targets: Callable[[int, np.ndarray], np.ndarray] = lambda c, size: np.eye(len(size))[c],
    instance: float = 0.0,
) -> float:
    """Sum the losses of all anchors; the weights are functions of a class and its embeddings.

    `targets` are those of a class on all; a share `instance` of it all is on the other one of the
    two views of a sample, which come one after the other.
    """
    logits = embeddings @ embeddings.T / TEMPERATURE
    total, size = 0.0, np.bincount(label)
    for i, c in enumerate(label):
        positives = [j for j, other in enumerate(label) if other == c and j != i]
        if not positives:
            continue
        terms = sum(own(c, size[c]) * np.exp(logits[i, j]) for j in positives)
        terms += sum(
            pair(other, size[other]) * np.exp(logits[i, j])
            for j, other in enumerate(label)
            if other != c
        )
        mean = 0.0
        for other, share in enumerate(targets(c, size)):
            if share:
                mean += (
                    share * logits[i, [j for j in np.flatnonzero(label == other) if j != i]].mean()
                )
        if instance:
            mean = (1 - instance) * mean + instance * logits[i, i ^ 1]
        total += anchor(c, size[c]) * (np.log(terms) - mean)
    return float(total)


def _soft(c: int, size: np.ndarray) -> np.ndarray:
    """Every other sample is a target, one of another class with a tenth of the weight."""
    share = np.where(np.arange(len(size)) == c, size - 1, 0.1 * size)
    return np.asarray(share / share.sum())


DEFINITIONS: dict[str, Definition] = {
    "supcon": _rows,
    "views": _rows,
    "weighted": lambda h, y: _rows(h, y, anchor=lambda c, size: WEIGHTS[c]),
    "negatives-only": lambda h, y: _rows(h, y, own=lambda c, size: 0.0),
    "negatives-only views": lambda h, y: _rows(h, y, own=lambda c, size: 0.0),
    "class-averaged": lambda h, y: _rows(
        h, y, own=lambda c, size: 1 / (size - 1), pair=lambda c, size: 1 / size
    ),
    "class-averaged classes": lambda h, y: _rows(
        h,
        y,
        own=lambda c, size: 1 / (size - 1),
        pair=lambda c, size: 1 / size,
        anchor=lambda c, size: 1 / size,
    ),
    "prototypes": _rows,
    # anchors are the samples alone: their share of the embeddings of a class
    "prototypes without terms": lambda h, y: _rows(
        h, y, anchor=lambda c, size: SIZES[c] / (SIZES[c] + PROTOTYPES[c])
    ),
    "row-softmax": lambda h, y: _rows(
        h,
        y,
        own=lambda c, size: MASSES[1][c] / (size - 1),
        pair=lambda c, size: MASSES[2][c] / size,
        anchor=lambda c, size: MASSES[0][c] / size,
    ),
    "soft": lambda h, y: _rows(h, y, targets=_soft),
    "smoothed": lambda h, y: _rows(
        h, y, targets=lambda c, size: 0.99 * np.eye(len(size))[c] + 0.01 / len(size)
    ),
    "instance mix": lambda h, y: _rows(h, y, instance=0.05),
    "self-supervised": lambda h, y: _rows(h, y, instance=1.0),
}
"""Loss of embeddings in class order with their class numbers, views and prototypes included."""
