"""The family of losses whose targets are the own class: weights and masses by class.

    f(M) = Σ_c a_c [ log( o_c e^{M_cc} + Σ_{c'≠c} u_c' e^{M_cc'} ) − M_cc ]        (τ = 1)

over class means M. a_c is the anchor mass of class c, o_c the weight on itself, u_c' that on
others, r_c the number of its embeddings, which is what controls and penalties count. Between
samples each weight is spread evenly: o_c/(r_c − 1) on every other embedding of the class, u_c'/r_c'
on every one of another; by convexity all embeddings of a class coincide at the optimum.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from ...errors import InvalidInputError
from ...gram.cells import Level
from ...types import Vector
from ..class_sizes import ClassSizes
from ..features import Features
from ..per_class import PerClass
from ..per_orbit import orbit_numbers, per_class_option
from .base import Loss, whole_if_whole
from .class_rows import ClassTerms, Targets, rows_of_classes
from .sample_terms import SampleTerms
from .softmax_rows import SoftmaxRows
from .thresholds import bounded_threshold, nonnegative_bounded_threshold, zero_threshold

__all__ = ["BALANCED", "ClassSoftmax", "ClassTerms"]

BALANCED = "balanced"
"""Class weights that make the classes weigh the same."""


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

    class_weights: object = field(default=None, kw_only=True)
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
        weights = self.weights_of_anchors(sizes)
        return ClassTerms(weights * terms.anchors, terms.own, terms.pair, terms.embeddings)

    def weights_of(self, counts: Vector, labels: Sequence[Hashable] | None) -> Vector | None:
        """See `Loss.weights_of`."""
        if self.class_weights is None:
            return None
        if isinstance(self.class_weights, PerClass):
            given = self.class_weights.in_order_of(labels, len(counts), "class_weights")
            return np.asarray(given, dtype=float)
        return self._weights(counts, counts.sum(), len(counts))

    @property
    def why_no_mean_over_anchors(self) -> str:
        """See `Loss.why_no_mean_over_anchors`."""
        if self.class_weights is None:
            return ""
        return "with class weights it is a weighted mean, whose denominator differs by batch"

    def weights_of_anchors(self, sizes: ClassSizes) -> Vector:
        """See `Loss.weights_of_anchors`."""
        return self._weights(sizes.distinct.astype(float), sizes.samples, sizes.classes)

    def _weights(self, counts: Vector, samples: float, classes: int) -> Vector:
        """Return the weight of classes of so many samples each, of so many in all."""
        if self.class_weights == BALANCED:
            return np.asarray(samples / (classes * counts))
        given = 1.0 if self.class_weights is None else self.class_weights
        return orbit_numbers(given, len(counts))

    @property
    def has_samples(self) -> bool:
        """See `Loss.has_samples`."""
        return True

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

    def class_terms(self, sizes: ClassSizes) -> ClassTerms | None:
        """See `Loss.class_terms`."""
        return self.terms(sizes) if self.collapses else None

    def points(self, sizes: ClassSizes) -> ClassSizes:
        """See `Loss.points`."""
        return sizes.with_sizes(self.unweighted_terms(sizes).embeddings.astype(np.int64))

    def anchor_count(self, sizes: ClassSizes) -> float:
        """Return Σ_c a_c."""
        return whole_if_whole(float(self.terms(sizes).anchors @ sizes.multiplicities))

    def row_targets(self, sizes: ClassSizes) -> Targets | None:
        """Return what the rows of each orbit are drawn to; None is the own class, all of it alike.

        With anything else the embeddings of a class need not coincide: then `collapses` is False.
        """
        return None

    def has_anchors(self, sizes: ClassSizes) -> bool:
        """See `Loss.has_anchors`."""
        return bool((self.unweighted_terms(sizes).anchors > 0).any())

    def check(self, sizes: ClassSizes) -> None:
        """See `Loss.check`; refuses rows without a single exponential too."""
        super().check(sizes)
        terms, copies = self.terms(sizes), self.points(sizes).multiplicities.astype(float)
        empty = (terms.anchors > 0) & (terms.own == 0) & (terms.others(copies) == 0)
        if empty.any():
            raise InvalidInputError(
                "the row of a class with anchors has neither own weight nor pair weights of other "
                "classes: the logarithm of nothing; give it one"
            )
        if not (terms.anchors > 0).any():
            raise InvalidInputError(
                "all classes with anchors have weight zero, so that the loss is zero everywhere"
            )

    def infimum(self, sizes: ClassSizes) -> float:
        """Return Σ_c a_c log o_c, rounded down; see `ClassTerms.floor`.

        With other targets Σ a_c T log(w/T), over the entries of a row.
        """
        if not self.collapses:
            return super().infimum(sizes)
        return self.terms(sizes).floor(sizes.multiplicities.astype(float))

    def zero_threshold(self, sizes: ClassSizes) -> float:
        """See `Loss.zero_threshold`; in O(m) memory where classes collapse."""
        if not self.collapses:
            return super().zero_threshold(sizes)
        return zero_threshold(self.terms(sizes), sizes.multiplicities.astype(float))

    def bounded_threshold(self, sizes: ClassSizes, features: Features) -> float:
        """See `Loss.bounded_threshold`."""
        if not self.collapses:
            known = self.at_level(sizes, Level.ORBITS).surely_bounded_threshold()
            return min(known, self.zero_threshold(sizes))
        terms, copies = self.terms(sizes), sizes.multiplicities.astype(float)
        if features.are_nonnegative:
            return nonnegative_bounded_threshold(terms)
        return bounded_threshold(terms, copies)

    def frame_height(self, sizes: ClassSizes, own: Vector) -> float:
        """Return Σ a_c log(1 + Σ_{c'≠c} u_c' e^{−own_c}/o_c); see `Loss.frame_height`."""
        if self.row_targets(sizes) is not None:
            return super().frame_height(sizes, own)
        terms, copies = self.terms(sizes), sizes.multiplicities
        anchored = terms.anchors > 0
        outside = (float(terms.pair @ copies) - terms.pair)[anchored]
        with np.errstate(divide="ignore"):
            rows = np.log1p(outside * np.exp(-own[anchored]) / terms.own[anchored])
        return float((terms.anchors * copies)[anchored] @ rows)

    def at_level(self, sizes: ClassSizes, level: Level) -> SoftmaxRows:
        """See `Loss.at_level`."""
        return rows_of_classes(
            self.points(sizes), self.terms(sizes), self.row_targets(sizes), level
        )
