"""One loss of every registered kind and option, and their definitions sample by sample.

The definitions are written from the formulas of the losses' sources, in plain numpy, on embeddings
in class order with the views of a sample one after the other; they use no code of screlax.
"""

from collections.abc import Callable

import numpy as np
import pytest

from screlax import Ball, Budget, Ridge, Sphere, losses

SIZES = (8, 4, 2, 2)
TEMPERATURE = 0.7
_WEIGHTS = (1.0, 0.5, 2.0, 3.0, 1.5)
_PROTOTYPES = (1, 2, 3, 4, 1)
_MASSES = (10.0, 5.0, 3.0, 1.0, 2.0)
_OWN, _PAIR = (0.5, 0.5, 1.0, 2.0, 1.0), (2.0, 1.0, 1.0, 1.0, 3.0)

MAKERS: dict[str, Callable[[int], losses.Loss]] = {
    "supcon": lambda k: losses.SupCon(),
    "views": lambda k: losses.SupCon(views=2),
    "weighted": lambda k: losses.SupCon(class_weights=_WEIGHTS[:k]),
    "negatives-only": lambda k: losses.NegativesOnly(),
    "negatives-only views": lambda k: losses.NegativesOnly(views=2),
    "class-averaged": lambda k: losses.ClassAveraged(),
    "class-averaged classes": lambda k: losses.ClassAveraged(anchors="classes"),
    "prototypes": lambda k: losses.Prototypes(per_class=3),
    "prototypes without terms": lambda k: losses.Prototypes(
        per_class=_PROTOTYPES[:k], loss_terms=False
    ),
    "row-softmax": lambda k: losses.RowSoftmax(_MASSES[:k], _OWN[:k], _PAIR[:k]),
    "soft": lambda k: losses.SoftTargets(epsilon=0.1),
    "smoothed": lambda k: losses.SoftTargets(smoothing=0.01),
    "instance mix": lambda k: losses.InstanceMix(alpha=0.05),
    "self-supervised": lambda k: losses.SelfSupervised(),
}
"""Every loss, for a number of classes up to five."""

LOSSES = {name: make(len(SIZES)) for name, make in MAKERS.items()}
"""Every loss for classes of `SIZES`."""

COLLAPSING = [name for name in LOSSES if name != "self-supervised"]
"""Losses under which all embeddings of a class coincide at the optimum, if only on a sphere."""

CONTROLS = {"ridge": Ridge(0.3), "ball": Ball(1.5), "sphere": Sphere(1.0), "budget": Budget(0.8)}

every_loss = pytest.mark.parametrize("name", LOSSES)
every_collapsing_loss = pytest.mark.parametrize("name", COLLAPSING)
every_control = pytest.mark.parametrize("kind", CONTROLS)


def control_of(name: str, kind: str):
    """Return a control with which the loss is bounded."""
    return Ridge(4.3) if kind == "ridge" and "negatives" in name else CONTROLS[kind]


def rows_of(
    name: str, sizes: tuple[int, ...], label: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return anchor masses, weights and targets of embeddings, shapes (n,), (n, n) and (n, n).

    The loss is Σ_i a_i [log Σ_l w_il e^{s_il} − Σ_j t_ij s_ij] with s the inner products over τ.
    """
    samples, count, k = np.array(sizes, dtype=float), np.bincount(label).astype(float), len(sizes)
    of, ones = label, np.ones(len(label))
    same = of[:, None] == of[None, :]
    other = ~np.eye(len(of), dtype=bool)
    weight = np.where(other, 1.0, 0.0)
    classes = np.eye(k)  # T, of a class on another
    anchor, instance = ones, 0.0
    if name == "weighted":
        anchor = np.array(_WEIGHTS)[of]
    elif name.startswith("negatives-only"):
        weight = np.where(same, 0.0, 1.0)
    elif name.startswith("class-averaged"):
        weight *= np.where(same, 1 / np.maximum(count - 1, 1)[of][:, None], 1 / count[of])
        anchor = 1 / count[of] if name.endswith("classes") else ones
    elif name == "prototypes without terms":
        # anchors are the samples alone: their share of the embeddings of a class
        anchor = (samples / count)[of]
    elif name == "row-softmax":
        own, pair, mass = (np.array(numbers)[:k] for numbers in (_OWN, _PAIR, _MASSES))
        spread = np.where(same, (own / np.maximum(count - 1, 1))[of][:, None], (pair / count)[of])
        weight, anchor = weight * spread, (mass / count)[of]
        alone = (count == 1)[of]  # its own class is itself
        weight[np.flatnonzero(alone), np.flatnonzero(alone)] = own[of][alone]
        other = other | np.diag(alone)
    elif name == "soft":  # every other sample, one of another class with a tenth of the weight
        classes = np.where(np.eye(k, dtype=bool), (count - 1)[:, None], 0.1 * count)
        classes /= classes.sum(axis=1, keepdims=True)
    elif name == "smoothed":
        classes = 0.99 * np.eye(k) + 0.01 / k
    elif name == "instance mix":
        instance = 0.05
    elif name == "self-supervised":
        instance = 1.0
    positives = np.where(same & other, 1.0, 0.0)
    target = np.where(other, classes[np.ix_(of, of)], 0.0)
    target /= np.where(same, np.maximum(positives.sum(axis=1), 1)[:, None], count[of])
    if instance:
        sibling = np.arange(len(of)) ^ 1
        target *= 1 - instance
        target[np.arange(len(of)), sibling] += instance
    anchored = positives.sum(axis=1) > 0
    return np.where(anchored, anchor, 0.0), weight, target


def definition(name: str, embeddings: np.ndarray, label: np.ndarray) -> float:
    """Return the loss of embeddings in class order, of `SIZES` samples, at `TEMPERATURE`."""
    anchor, weight, target = rows_of(name, SIZES, label)
    logits = embeddings @ embeddings.T / TEMPERATURE
    rows = np.log((weight * np.exp(logits)).sum(axis=1)) - (target * logits).sum(axis=1)
    return float(anchor @ np.where(anchor > 0, rows, 0.0))
