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
    "free prototypes": lambda k: losses.Prototypes(2, tied=False, loss_terms=False),
    "queue": lambda k: losses.Queue(_PROTOTYPES[:k]),
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

COMPARED = [name for name in COLLAPSING if name != "free prototypes"]
"""Those of which embeddings of samples say everything."""

CONTROLS = {"ridge": Ridge(0.3), "ball": Ball(1.5), "sphere": Sphere(1.0), "budget": Budget(0.8)}

every_loss = pytest.mark.parametrize("name", LOSSES)
every_collapsing_loss = pytest.mark.parametrize("name", COLLAPSING)
every_compared_loss = pytest.mark.parametrize("name", COMPARED)
every_control = pytest.mark.parametrize("kind", CONTROLS)


def control_of(name: str, kind: str):
    """Return a control with which the loss is bounded."""
    return Ridge(4.3) if kind == "ridge" and "negatives" in name else CONTROLS[kind]


class _Rows:
    """What a loss makes of embeddings; to begin with that of SupCon."""

    def __init__(self, sizes: tuple[int, ...], label: np.ndarray) -> None:
        self.samples, self.k, self.label = np.array(sizes, dtype=float), len(sizes), label
        self.of = label % self.k  # free prototypes come after all samples
        self.count = np.bincount(self.of).astype(float)
        self.same = self.of[:, None] == self.of[None, :]
        self.other = ~np.eye(len(label), dtype=bool)
        self.weight = np.where(self.other, 1.0, 0.0)
        self.anchor = np.ones(len(label))
        self.classes = np.eye(self.k)  # T, of a class on another
        self.instance = 0.0  # share of the targets on the other view of the sample

    def weigh(self, own: np.ndarray, pair: np.ndarray) -> None:
        """Multiply by numbers of classes: for pairs within one, and by others."""
        self.weight *= np.where(self.same, own[self.of][:, None], pair[self.of])

    def weigh_alone(self, own: np.ndarray) -> None:
        """Make a class of one embedding positive for itself."""
        alone = np.flatnonzero((self.count == 1)[self.of])
        self.weight[alone, alone] = own[self.of][alone]
        self.other[alone, alone] = True

    @property
    def others(self) -> np.ndarray:
        """Number of the other embeddings of each class, at least one."""
        return np.maximum(self.count - 1, 1)


def _weighted(rows: _Rows) -> None:
    rows.anchor = np.array(_WEIGHTS)[rows.of]


def _negatives_only(rows: _Rows) -> None:
    rows.weight = np.where(rows.same, 0.0, 1.0)


def _class_averaged(rows: _Rows) -> None:
    rows.weigh(1 / rows.others, 1 / rows.count)


def _class_averaged_classes(rows: _Rows) -> None:
    _class_averaged(rows)
    rows.anchor = 1 / rows.count[rows.of]


def _samples_alone(rows: _Rows) -> None:
    """Spread the anchor mass of the samples of a class over all its embeddings."""
    rows.anchor = (rows.samples / rows.count)[rows.of]


def _free_prototypes(rows: _Rows) -> None:
    rows.anchor = np.where(rows.label < rows.k, 1.0, 0.0)


def _queue(rows: _Rows) -> None:
    """Make each key a share of every sample of its class."""
    keys = np.array(_PROTOTYPES[: rows.k], dtype=float)
    rows.weigh((rows.count - 1 + keys) / rows.others, (rows.count + keys) / rows.count)
    rows.weigh_alone(keys)


def _row_softmax(rows: _Rows) -> None:
    own, pair, mass = (np.array(numbers)[: rows.k] for numbers in (_OWN, _PAIR, _MASSES))
    rows.weigh(own / rows.others, pair / rows.count)
    rows.weigh_alone(own)
    rows.anchor = (mass / rows.count)[rows.of]


def _soft(rows: _Rows) -> None:
    """Make every other sample a target, one of another class with a tenth of the weight."""
    itself = np.eye(rows.k, dtype=bool)
    rows.classes = np.where(itself, (rows.count - 1)[:, None], 0.1 * rows.count)
    rows.classes /= rows.classes.sum(axis=1, keepdims=True)


def _smoothed(rows: _Rows) -> None:
    rows.classes = 0.99 * np.eye(rows.k) + 0.01 / rows.k


def _instance_mix(rows: _Rows) -> None:
    rows.instance = 0.05


def _self_supervised(rows: _Rows) -> None:
    rows.instance = 1.0


_CHANGES: dict[str, Callable[[_Rows], None]] = {
    "weighted": _weighted,
    "negatives-only": _negatives_only,
    "negatives-only views": _negatives_only,
    "class-averaged": _class_averaged,
    "class-averaged classes": _class_averaged_classes,
    "prototypes without terms": _samples_alone,
    "free prototypes": _free_prototypes,
    "queue": _queue,
    "row-softmax": _row_softmax,
    "soft": _soft,
    "smoothed": _smoothed,
    "instance mix": _instance_mix,
    "self-supervised": _self_supervised,
}
"""What differs from SupCon of all embeddings."""


def rows_of(
    name: str, sizes: tuple[int, ...], label: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return anchor masses, weights and targets of embeddings, shapes (n,), (n, n) and (n, n).

    The loss is Σ_i a_i [log Σ_l w_il e^{s_il} − Σ_j t_ij s_ij] with s the inner products over τ.
    """
    rows = _Rows(sizes, label)
    if name in _CHANGES:
        _CHANGES[name](rows)
    positives = np.where(rows.same & rows.other, 1.0, 0.0).sum(axis=1)
    target = np.where(rows.other, rows.classes[np.ix_(rows.of, rows.of)], 0.0)
    target /= np.where(rows.same, np.maximum(positives, 1)[:, None], rows.count[rows.of])
    if rows.instance:
        target *= 1 - rows.instance
        every = np.arange(len(label))
        target[every, every ^ 1] += rows.instance
    return np.where(positives > 0, rows.anchor, 0.0), rows.weight, target


def definition(name: str, embeddings: np.ndarray, label: np.ndarray) -> float:
    """Return the loss of embeddings in class order, of `SIZES` samples, at `TEMPERATURE`."""
    anchor, weight, target = rows_of(name, SIZES, label)
    logits = embeddings @ embeddings.T / TEMPERATURE
    rows = np.log((weight * np.exp(logits)).sum(axis=1)) - (target * logits).sum(axis=1)
    return float(anchor @ np.where(anchor > 0, rows, 0.0))
