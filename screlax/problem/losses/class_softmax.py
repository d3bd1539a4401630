"""The family of losses whose targets are the own class: weights and masses by class.

    f(M) = Σ_c a_c [ log( o_c e^{M_cc} + Σ_{c'≠c} u_c' e^{M_cc'} ) − M_cc ]        (τ = 1)

over class means M. a_c is the anchor mass of class c, o_c the weight on itself, u_c' that on
others, r_c the number of its embeddings, which is what controls and penalties count. Between
samples each weight is spread evenly: o_c/(r_c − 1) on every other embedding of the class, u_c'/r_c'
on every one of another; by convexity all embeddings of a class coincide at the optimum.
"""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...gram.cells import Cells, Level
from ...types import Vector
from ..class_sizes import ClassSizes
from ..features import Features
from ..levels import cells_at, samples_to_classes
from ..per_orbit import orbit_numbers, per_class_option
from .base import Loss, whole_if_whole
from .sample_terms import SampleTerms
from .softmax_rows import RowWeights, SoftmaxRows
from .thresholds import bounded_threshold, nonnegative_bounded_threshold, zero_threshold

BALANCED = "balanced"
"""Class weights that make the classes weigh the same."""


@dataclass(frozen=True, eq=False)
class ClassTerms:
    """The numbers of the family for the classes of each orbit, all of shape (m,).

    Attributes
    ----------
    anchors : ndarray
        a, the anchor mass of *one* class; zero for a class that only serves as negatives.
    own, pair : ndarray
        o and u, how many embeddings the exponentials of its own and of another class stand for.
    embeddings : ndarray
        r, the number of embeddings of a class.
    """

    anchors: Vector
    own: Vector
    pair: Vector
    embeddings: Vector

    def take(self, index: NDArray[np.int64]) -> ClassTerms:
        """Return the numbers of some orbits, or of classes by their orbit."""
        return ClassTerms(
            self.anchors[index], self.own[index], self.pair[index], self.embeddings[index]
        )


@dataclass(frozen=True)
class ClassSoftmax(Loss):
    """A loss of the family above; a subclass says its `unweighted_terms`.

    Parameters
    ----------
    class_weights : float, array-like of shape (k,), mapping, pandas Series, or "balanced", optional
        α_c ≥ 0, by which the terms of the anchors of class c are multiplied; by default one. A
        mapping and a Series say which label each is for. "balanced" is α_c = n/(k n_c), as
        scikit-learn's of that name: all classes weigh the same, n/k. Keyword only.
    """

    class_weights: Any = field(default=None, kw_only=True)
    per_class_options: ClassVar[tuple[str, ...]] = ("class_weights",)

    def __post_init__(self) -> None:
        if self.class_weights is not None:
            weights = per_class_option(self.class_weights, "class_weights", word=BALANCED)
            object.__setattr__(self, "class_weights", weights)

    @abstractmethod
    def unweighted_terms(self, sizes: ClassSizes) -> ClassTerms:
        """Return the terms without class weights."""

    def terms(self, sizes: ClassSizes) -> ClassTerms:
        """Return a, o, u and r for the orbits of `sizes`."""
        terms = self.unweighted_terms(sizes)
        if self.class_weights is None:
            return terms
        if self.class_weights == BALANCED:
            weights = sizes.samples / (sizes.classes * sizes.distinct.astype(float))
        else:
            weights = orbit_numbers(self.class_weights, sizes.orbits)
        return ClassTerms(weights * terms.anchors, terms.own, terms.pair, terms.embeddings)

    @property
    def anchor_weights(self) -> Any:
        """See `Loss.anchor_weights`."""
        return self.class_weights

    def of_embeddings(self) -> Self:
        """Return the loss whose samples are single embeddings, all of which are there already."""
        return self

    def sample_terms(
        self, counts: Vector, anchored: Vector, labels: Sequence[Hashable] | None
    ) -> SampleTerms:
        """See `Loss.sample_terms`: each number is spread evenly over embeddings of the class."""
        loss = dataclasses.replace(self.of_embeddings(), class_weights=None)
        loss, sizes = loss.resolved(ClassSizes.from_counts(counts.astype(np.int64)), labels)
        terms = loss.terms(sizes).take(sizes.orbit_index())
        return SampleTerms(
            terms.anchors / counts, terms.own / np.maximum(counts - 1, 1), terms.pair / counts
        )

    def class_terms(self, sizes: ClassSizes) -> ClassTerms:
        """See `Loss.class_terms`."""
        return self.terms(sizes)

    def points(self, sizes: ClassSizes) -> ClassSizes:
        """See `Loss.points`."""
        return sizes.with_sizes(self.unweighted_terms(sizes).embeddings.astype(np.int64))

    def anchor_count(self, sizes: ClassSizes) -> float:
        """Return Σ_c a_c."""
        return whole_if_whole(float(self.terms(sizes).anchors @ sizes.multiplicities))

    def infimum(self, sizes: ClassSizes) -> float:
        """Return Σ_c a_c log o_c, rounded down: every row is at least the log of its own weight."""
        terms = self.terms(sizes)
        anchored = terms.anchors > 0
        if (terms.own[anchored] == 0).any():
            return -math.inf
        parts = (terms.anchors * sizes.multiplicities)[anchored] * np.log(terms.own[anchored])
        unit = 8 * float(np.finfo(float).eps)
        return math.fsum(parts.tolist()) - unit * math.fsum(np.abs(parts).tolist())

    def zero_threshold(self, sizes: ClassSizes) -> float:
        """See `Loss.zero_threshold`; in O(m) memory."""
        return zero_threshold(self.terms(sizes), sizes.multiplicities.astype(float))

    def bounded_threshold(self, sizes: ClassSizes, features: Features) -> float:
        """See `Loss.bounded_threshold`."""
        terms, copies = self.terms(sizes), sizes.multiplicities.astype(float)
        if features.are_nonnegative:
            return nonnegative_bounded_threshold(terms)
        return bounded_threshold(terms, copies)

    def at_level(self, sizes: ClassSizes, level: Level) -> SoftmaxRows:
        """See `Loss.at_level`."""
        points, terms = self.points(sizes), self.terms(sizes)
        cells = cells_at(points, level)
        if level is Level.ORBITS:
            return _class_rows(cells, terms)
        terms = terms.take(sizes.orbit_index())
        if level is Level.CLASSES:
            return _class_rows(cells, terms)
        return _sample_rows(cells, terms, samples_to_classes(points).cell_of_point)


def _class_rows(cells: Cells, terms: ClassTerms) -> SoftmaxRows:
    """Rows of the k×k or the m×m program; a class is an orbit with one class."""
    anchored = terms.anchors > 0
    pair = np.tile(cells.points * terms.pair, (len(cells), 1))
    np.fill_diagonal(pair, (cells.points - 1) * terms.pair)
    own = np.where(anchored, terms.own, 0.0)
    target = RowWeights(anchored.astype(float), np.zeros_like(pair))
    return SoftmaxRows(cells, cells.points * terms.anchors, RowWeights(own, pair), target)


def _sample_rows(cells: Cells, terms: ClassTerms, label: NDArray[np.int64]) -> SoftmaxRows:
    """Rows of the n×n program; a class of one embedding has its own class on the diagonal."""
    others = np.maximum(terms.embeddings - 1, 1)
    alone = (terms.embeddings == 1) & (terms.anchors > 0)
    same = label[:, None] == label[None, :]
    np.fill_diagonal(same, False)
    elsewhere = (label[:, None] != label[None, :]) * (terms.pair / terms.embeddings)[label]
    return SoftmaxRows(
        cells,
        (terms.anchors / terms.embeddings)[label],
        RowWeights(
            np.where(alone, terms.own, 0.0)[label],
            np.where(same, (terms.own / others)[label][:, None], elsewhere),
        ),
        RowWeights(alone.astype(float)[label], same / others[label][:, None]),
    )
