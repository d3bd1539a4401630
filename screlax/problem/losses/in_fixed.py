"""A loss of batches that are drawn once: the mean over the batches that there are."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInputError
from ...gram.cells import CellGram, Level
from ...types import Vector
from ..batches.fixed import FixedBatches
from ..batches.pieces import Piece, pieces_of
from ..class_sizes import ClassSizes
from ..features import Features
from .base import Loss, whole_if_whole
from .glued_batches import GluedBatches, GluedRows
from .gram_loss import GramLoss
from .in_batches import InBatches
from .sample_terms import SampleTerms


@dataclass(frozen=True)
class InFixedBatches(InBatches):
    """n × the mean over batches of (sum over the batch)/(its size), of a loss.

    A function of the samples' Gram matrix, of which only the blocks of samples that meet occur: it
    is a sum over pieces (`screlax.problem.batches.pieces`), each a problem of its own.
    """

    batches: FixedBatches

    @property
    def is_apart(self) -> bool:
        """See `Loss.is_apart`."""
        return True

    def of_samples(self, numbers: NDArray[np.int64]) -> Loss:
        """See `Loss.of_samples`."""
        return dataclasses.replace(self, batches=self.batches.of_samples(numbers))

    def pieces(self, sizes: ClassSizes) -> list[Piece]:
        """Return what the loss is a sum over."""
        terms, views = self.loss.batch_terms(sizes), self.view_count
        return pieces_of(self.batches, sizes, views, needs_negatives=not terms.has_own)

    def check(self, sizes: ClassSizes) -> None:
        """See `Loss.check`."""
        if sizes.classes < 2:
            self.loss.check(sizes)
        if self.loss.batch_terms(sizes).keys is not None:
            raise InvalidInputError(
                f"with batches that are drawn once loss {self.loss} is not known: keys that are "
                "there with every batch would glue all of them"
            )
        if not self.pieces(sizes):
            raise InvalidInputError(
                f"with batches {self.batches} no sample ever has a positive partner; take other "
                "batches, or two views"
            )
        if not (self.weights(sizes) > 0).any():
            self.loss.check(sizes)

    def weights(self, sizes: ClassSizes) -> Vector:
        """Return the class weights, in class order, shape (k,)."""
        return self.loss.weights_of_anchors(sizes)[sizes.orbit_index()]

    def terms_of(self, counts: Vector) -> SampleTerms:
        """Return what the loss is in a batch with so many embeddings of each class."""
        loss = dataclasses.replace(self.loss, class_weights=None)  # type: ignore[call-arg]
        return loss.sample_terms(counts, counts, None)

    def glued(self, sizes: ClassSizes, piece: Piece) -> GluedBatches:
        """Return the loss of one piece."""
        return GluedBatches(
            piece, self.view_count, float(sizes.samples), self.weights(sizes), self.terms_of
        )

    def means_of(self, sizes: ClassSizes, piece: Piece, gram: CellGram) -> dict[int, float]:
        """Return the mean of each batch of a piece, by number, at a Gram matrix of its atoms."""
        glued = self.glued(sizes, piece)
        values = glued.at_level(glued.sizes(), Level.ORBITS).by_batch(gram)
        each = len(self.batches.lengths) / (self.view_count * sizes.samples)
        means: dict[int, float] = {}
        for step, value in zip(piece.steps, values, strict=True):
            means.update(dict.fromkeys(step.batches, each * value / len(step.batches)))
        return means

    def at_level(self, sizes: ClassSizes, level: Level) -> GramLoss:
        """Refuse: there are no interchangeable samples of a class. See `Loss.at_level`."""
        raise InvalidInputError(
            "with batches that are drawn once the samples of a class are not alike: only those "
            "meet that are in one batch, and class means are not decided by the loss; "
            "solve_relaxation takes the problem apart, and its solution has the components"
        )

    def rows(self, sizes: ClassSizes) -> Iterator[GluedRows]:
        """Yield the losses of all pieces, by their atoms, one at a time."""
        for piece in self.pieces(sizes):
            loss = self.glued(sizes, piece)
            yield loss.at_level(loss.sizes(), Level.ORBITS)

    def anchor_count(self, sizes: ClassSizes) -> float:
        """See `Loss.anchor_count`."""
        total = math.fsum(rows.anchor_count for rows in self.rows(sizes))
        nearest = float(round(total))
        return whole_if_whole(nearest if math.isclose(total, nearest, rel_tol=1e-13) else total)

    def infimum(self, sizes: ClassSizes) -> float:
        """See `Loss.infimum`."""
        each = [rows.infimum for rows in self.rows(sizes)]
        return math.fsum(each) - 4 * float(np.finfo(float).eps) * math.fsum(map(abs, each))

    def zero_threshold(self, sizes: ClassSizes) -> float:
        """See `Loss.zero_threshold`: the largest of the pieces'."""
        glued = [self.glued(sizes, piece) for piece in self.pieces(sizes)]
        return max(loss.zero_threshold(loss.sizes()) for loss in glued)

    def bounded_threshold(self, sizes: ClassSizes, features: Features) -> float:
        """See `Loss.bounded_threshold`: pieces are refused one by one where they have none."""
        return 0.0
