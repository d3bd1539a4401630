"""Batches that share samples: one row softmax for every batch, over the samples in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ...errors import InvalidInputError
from ...gram.cells import CellGram, Cells, Level
from ...types import Vector
from ..batches.fixed import Indices
from ..batches.pieces import Piece, Step
from ..class_sizes import ClassSizes
from ..levels import cells_at
from .base import Loss
from .gram_loss import GramLoss
from .sample_terms import SampleTerms
from .softmax_rows import RowWeights, SoftmaxRows

TermsOf = Callable[[Vector], SampleTerms]
"""From the embeddings of each class of a batch to what the loss is in it."""


@dataclass(frozen=True, eq=False)
class GluedRows(GramLoss):
    """Σ_b loss_b over the batches of a piece, each a function of some of the cells.

    Attributes
    ----------
    cells : Cells
        The atoms: exchangeable samples, which need not coincide.
    parts : sequence of (ndarray of int, SoftmaxRows)
        For each batch which cells are in it, and its rows.
    """

    cells: Cells
    parts: Sequence[tuple[Indices, SoftmaxRows]]

    @property
    def anchor_count(self) -> float:
        """See `GramLoss.anchor_count`: anchors, times what their batch counts."""
        return math.fsum(rows.anchor_count for _, rows in self.parts)

    @cached_property
    def infimum(self) -> float:
        """See `GramLoss.infimum`: the sum of those of the batches, rounded down."""
        each = [rows.infimum for _, rows in self.parts]
        return math.fsum(each) - 2 * self.unit * math.fsum(map(abs, each))

    @cached_property
    def unit(self) -> float:
        """See `GramLoss.unit`; parts are added one after another."""
        most = max(rows.unit for _, rows in self.parts)
        return most + len(self.parts) * float(np.finfo(float).eps)

    def value(self, gram: CellGram) -> float:
        """See `GramLoss.value`."""
        return math.fsum(self.by_batch(gram))

    def by_batch(self, gram: CellGram) -> list[float]:
        """Return the loss of each batch, times what it counts."""
        return [rows.value(_part(gram, at)) for at, rows in self.parts]

    def height(self, gram: CellGram) -> tuple[float, float]:
        """See `GramLoss.height`."""
        each = [rows.height(_part(gram, at)) for at, rows in self.parts]
        return math.fsum(h for h, _ in each), math.fsum(p for _, p in each)

    def expand(self, gram: CellGram) -> list[RowWeights]:
        """See `GramLoss.expand`."""
        return [rows.expand(_part(gram, at)) for at, rows in self.parts]

    def gradient(self, at: list[RowWeights]) -> CellGram:
        """See `GramLoss.gradient`."""
        return self._sum([r.gradient(x) for (_, r), x in zip(self.parts, at, strict=True)])

    def curvature(self, at: list[RowWeights], direction: CellGram) -> CellGram:
        """See `GramLoss.curvature`."""
        pairs = zip(self.parts, at, strict=True)
        return self._sum([r.curvature(x, _part(direction, cells)) for (cells, r), x in pairs])

    def change(self, at: list[RowWeights], step: CellGram) -> float:
        """See `GramLoss.change`."""
        pairs = zip(self.parts, at, strict=True)
        return math.fsum(r.change(x, _part(step, cells)) for (cells, r), x in pairs)

    def conic(self, own: Any, pair: Any) -> _GluedConic:
        """See `GramLoss.conic`."""
        return _GluedConic(self, own, pair)

    def _sum(self, grams: Sequence[CellGram]) -> CellGram:
        """Return the sum of matrices over the cells of each batch."""
        own, pair = np.zeros(len(self.cells)), np.zeros((len(self.cells),) * 2)
        for (cells, _), gram in zip(self.parts, grams, strict=True):
            own[cells] += gram.own
            pair[np.ix_(cells, cells)] += gram.pair
        return CellGram(own, pair)


class _GluedConic:
    """The loss per anchor of cvxpy expressions; see `ConicLoss`."""

    def __init__(self, loss: GluedRows, own: Any, pair: Any) -> None:
        self.constraints: list[Any] = []
        self.objective: Any = 0.0
        for cells, rows in loss.parts:
            part = rows.conic(own[cells], pair[cells, :][:, cells])
            self.constraints += part.constraints
            self.objective += rows.anchor_count / loss.anchor_count * part.objective

    def rows(self) -> None:
        """Return None: the rows at the Gram matrix stand for the dual variables."""


@dataclass(frozen=True, eq=False)
class GluedBatches(Loss):
    """The loss of a piece whose classes, here, are its embeddings one by one; its orbits are atoms.

    Attributes
    ----------
    piece : Piece
    views : int
    scale : float
        n: what the sum over batches of (sum over a batch)/(its size and number) is multiplied by.
    weights : ndarray, shape (k,)
        α of every class.
    terms_of : callable
        The loss in a batch, by the embeddings of each class in it.
    """

    name: ClassVar[str] = "glued-batches"
    piece: Piece
    views: int
    scale: float
    weights: Vector
    terms_of: TermsOf

    @property
    def options(self) -> dict[str, Any]:
        """None that text could say."""
        return {}

    def sizes(self) -> ClassSizes:
        """Return the class sizes of the problem: every embedding a class, every atom an orbit."""
        copies = self.views * self.piece.count
        orbit = np.repeat(np.arange(len(copies)), copies)
        return ClassSizes(np.ones(len(copies), dtype=np.int64), copies, orbit)

    def has_anchors(self, sizes: ClassSizes) -> bool:
        """See `Loss.has_anchors`: a piece is where there are positives."""
        return True

    def at_level(self, sizes: ClassSizes, level: Level) -> GluedRows:
        """See `Loss.at_level`."""
        if level is not Level.ORBITS:
            raise InvalidInputError(
                "batches that share samples are posed for samples that are in the same ones; "
                f"choose level orbits instead of {level}"
            )
        return GluedRows(
            cells_at(sizes, level), [(step.atoms, self._rows(step)) for step in self.piece.steps]
        )

    def _rows(self, step: Step) -> SoftmaxRows:
        """Return the rows of one batch: weights and targets are spread over its embeddings.

        A sample that is in it several times is a positive of itself.
        """
        piece = self.piece
        label, place = np.unique(piece.class_of_atom[step.atoms], return_inverse=True)
        points = (self.views * piece.count[step.atoms]).astype(float)
        copies = step.copies.astype(float)
        count = np.bincount(place, points * copies).astype(float)
        terms = self.terms_of(count)
        anchors = np.where(count > 1, terms.anchors, 0.0) * self.weights[label]
        positive = 1 / np.maximum(count - 1, 1)
        own, pair = copies - 1, np.tile(points * copies, (len(points), 1))
        np.fill_diagonal(pair, (points - 1) * copies)
        same = place[:, None] == place[None, :]
        weight = np.where(same, terms.own[place][:, None], terms.pair[place])
        is_target = positive[place]
        return SoftmaxRows(
            Cells(points, np.ones_like(points), np.ones_like(points)),
            self.scale * step.share * anchors[place] * points * copies,
            RowWeights(terms.own[place] * own, weight * pair),
            RowWeights(is_target * own, np.where(same, is_target[:, None] * pair, 0.0)),
        )


def _part(gram: CellGram, cells: Indices) -> CellGram:
    return CellGram(gram.own[cells], gram.pair[np.ix_(cells, cells)])
