"""Problems that fall apart: one for each piece of batches that are drawn once.

A batch without repeated samples is an ordinary problem of its classes, in which they collapse. With
the weight w of its terms, w loss + (λ/2) tr G is w times the problem with λ/w.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np

from ..gram.cells import Level
from ..types import Vector
from .batches.fixed import Indices
from .batches.pieces import Piece
from .losses.in_fixed import InFixedBatches
from .per_class import PerClass
from .ufm import UFM


@dataclass(frozen=True, eq=False)
class Part:
    """One piece as a problem.

    Attributes
    ----------
    piece : Piece
    weight : float
        What its objective is multiplied by in the sum.
    problem : UFM or None
        None where nothing is contrasted: whatever coincides is best, and zero with a penalty.
    floor : float
        The optimal value where there is no problem.
    row_of_sample : ndarray of int, shape (p,)
        For each sample of the piece the class of `problem` that it belongs to: its class in the
        batch, or the first of its embeddings.
    """

    piece: Piece
    weight: float
    problem: UFM | None
    floor: float
    row_of_sample: Indices

    @property
    def key(self) -> Hashable:
        """What is equal for parts whose problem is the same."""
        if self.problem is None or not self.piece.is_one_batch:
            return self
        return self.problem, tuple(self.problem.class_sizes)


def parts_of(problem: UFM) -> Iterator[Part]:
    """Yield the problems of the pieces, in order."""
    loss = problem.loss
    assert isinstance(loss, InFixedBatches)
    weights = loss.weights(problem.class_sizes)
    for piece in loss.pieces(problem.class_sizes):
        bare = _bare(problem, loss, piece, weights)
        if bare is not None:
            yield Part(piece, 1.0, None, bare, np.zeros(len(piece.samples), dtype=np.int64))
        elif piece.is_one_batch:
            yield _of_batch(problem, loss, piece, weights)
        else:
            yield _of_samples(problem, loss, piece)


def _bare(problem: UFM, loss: InFixedBatches, piece: Piece, weights: Vector) -> float | None:
    """Return the optimum of a piece in which nothing is contrasted, else None."""
    weighted = (weights[piece.class_of_atom] > 0).any()
    if weighted and len(np.unique(piece.class_of_atom)) > 1:
        return None
    glued = loss.glued(problem.class_sizes, piece)
    return glued.at_level(glued.sizes(), Level.ORBITS).infimum if weighted else 0.0


def _of_batch(problem: UFM, loss: InFixedBatches, piece: Piece, weights: Vector) -> Part:
    """Return the problem of one batch, its classes from the largest and heaviest on.

    Batches of the same composition then have the same problem.
    """
    count, labels = piece.count, piece.class_of_atom
    order = np.lexsort((-weights[labels], -count))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    weight = problem.samples * piece.steps[0].share
    of_classes = loss.loss
    if (weights != 1).any():
        given = PerClass(weights[labels[order]], None)
        of_classes = of_classes.with_options(class_weights=given)
    part = UFM(
        count[order],
        problem.embedding_control.beside(weight),
        problem.temperature,
        loss=of_classes,
        features=problem.features,
    )
    return Part(piece, weight, part, math.nan, place[piece.atom])


def _of_samples(problem: UFM, loss: InFixedBatches, piece: Piece) -> Part:
    """Return the problem of batches that share samples."""
    glued = loss.glued(problem.class_sizes, piece)
    sizes = glued.sizes()
    control = problem.embedding_control.beside(1.0)
    part = UFM(sizes, control, problem.temperature, loss=glued, features=problem.features)
    first = np.cumsum(sizes.multiplicities) - sizes.multiplicities
    order = np.argsort(piece.atom, kind="stable")
    within = np.arange(len(order)) - np.searchsorted(piece.atom[order], piece.atom[order])
    row = np.empty_like(order)
    row[order] = first[piece.atom[order]] + loss.view_count * within
    return Part(piece, 1.0, part, math.nan, row)
