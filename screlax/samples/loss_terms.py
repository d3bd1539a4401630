"""The numbers of a loss for the classes that a set of embeddings has."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import InvalidInputError
from ..problem.losses.base import Loss
from ..problem.losses.registry import check_loss
from ..problem.losses.sample_terms import SampleTerms
from ..types import Matrix, Vector
from .layout import Codes


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Those of a loss, item by item, of the classes that an item has."""

    loss: Loss

    @property
    def needs_labels(self) -> bool:
        """Whether the labels of classes matter."""
        return self.loss.differs_by_class

    @cached_property
    def of_two_classes(self) -> SampleTerms:
        """Return the terms of two classes of some size, which show whether sizes matter."""
        sizes = np.array([[8.0, 5.0]])
        return self.of_classes(sizes, sizes, None)

    @property
    def has_no_classes(self) -> bool:
        """Whether it treats all embeddings alike but for their targets."""
        some = np.array([8.0, 5.0])
        if self.needs_labels or self.loss.keys_are_anchors:
            return False
        if self.loss.weights_of(some, None) is not None:
            return False
        terms = self.of_two_classes
        alike = [terms.anchors, terms.own, terms.pair]
        return terms.targets is None and all((numbers == 1).all() for numbers in alike)

    def of_classes(
        self, counts: Matrix, anchored: Matrix, labels: Sequence[Hashable] | None
    ) -> SampleTerms:
        """Return the terms for numbers of embeddings, shape (items, classes), flattened."""
        terms = [self._of_item(*pair, labels) for pair in zip(counts, anchored, strict=True)]
        return terms[0] if len(terms) == 1 else _joined(terms)

    def class_weights(
        self, samples: Matrix, codes: Codes, loud: NDArray[np.bool_]
    ) -> Vector | None:
        """Return the weights of classes, flattened, for numbers of samples (items, classes).

        Only those that are `loud`, shape (classes,), have anchors and need a weight.
        """
        weights = np.zeros(samples.shape)
        for counts, row in zip(samples, weights, strict=True):
            present = np.flatnonzero((counts > 0) & loud)
            found = self.loss.weights_of(counts[present], _names(codes.names, present))
            if found is None:
                return None
            row[present] = found
        return weights.reshape(-1)

    def _of_item(
        self, counts: Vector, anchored: Vector, labels: Sequence[Hashable] | None
    ) -> SampleTerms:
        present = np.flatnonzero(counts)
        if len(present) == len(counts):
            return self.loss.sample_terms(counts, anchored, labels)
        names = _names(labels, present)
        some = self.loss.sample_terms(counts[present], anchored[present], names)
        return _among(some, present, len(counts))


def check_unresolved(loss: object) -> Loss:
    """Return a loss, or that of a text; refuse one that a problem has resolved."""
    known = check_loss(loss)
    known.require_embeddings("contrastive_loss")
    known.require_one_batch()
    if known.orbit_option_names:
        raise InvalidInputError(
            f"{', '.join(known.orbit_option_names)} of the loss {known} are those of a problem's "
            "orbits; give the loss as it was before it was part of a problem"
        )
    return known


def _names(
    labels: Sequence[Hashable] | None, present: NDArray[np.intp]
) -> Sequence[Hashable] | None:
    return None if labels is None else [labels[number] for number in present.tolist()]


def _among(terms: SampleTerms, present: NDArray[np.intp], classes: int) -> SampleTerms:
    """Return the terms of some classes as those of all, zero for the others."""

    def spread(values: Vector) -> Vector:
        all_values = np.zeros(classes)
        all_values[present] = values
        return all_values

    targets = terms.targets
    if targets is not None:
        targets = np.zeros((classes, classes))
        targets[np.ix_(present, present)] = terms.targets
    own, pair = spread(terms.own), spread(terms.pair)
    return SampleTerms(spread(terms.anchors), own, pair, targets, terms.instances)


def _joined(terms: list[SampleTerms]) -> SampleTerms:
    """Return the terms of the classes of several items, one after another."""
    blocks: list[Any] = [item.targets for item in terms if item.targets is not None]
    targets: Any = sparse.block_diag(blocks, format="csr") if blocks else None
    return SampleTerms(
        np.concatenate([item.anchors for item in terms]),
        np.concatenate([item.own for item in terms]),
        np.concatenate([item.pair for item in terms]),
        targets,
        terms[0].instances,
    )
