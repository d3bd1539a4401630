"""Rows of a loss given by numbers for classes, at each level: the weights and targets of a cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...gram.cells import Cells, Level
from ...short_repr import short_repr
from ...types import Matrix, Vector
from ..class_matrix import PerOrbitPair
from ..class_sizes import ClassSizes
from ..levels import cells_at, samples_to_classes
from .softmax_rows import RowWeights, SoftmaxRows
from .within import WithinClass, within_class


@short_repr
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

    def floor(self, copies: Vector) -> float:
        """Return Σ κ a log o, rounded down: every row is at least the log of its own weight."""
        anchored = self.anchors > 0
        if (self.own[anchored] == 0).any():
            return -math.inf
        parts = (self.anchors * copies)[anchored] * np.log(self.own[anchored])
        unit = 8 * float(np.finfo(float).eps)
        return math.fsum(parts.tolist()) - unit * math.fsum(np.abs(parts).tolist())

    def less(self, other: ClassTerms) -> ClassTerms:
        """Return the differences."""
        return ClassTerms(
            self.anchors - other.anchors,
            self.own - other.own,
            self.pair - other.pair,
            self.embeddings - other.embeddings,
        )

    def plus(self, other: ClassTerms) -> ClassTerms:
        """Return the sums."""
        return self.less(other.times(-np.ones_like(self.anchors)))

    def times(self, factor: Vector) -> ClassTerms:
        """Return all numbers of each orbit multiplied by that orbit's factor."""
        return ClassTerms(
            self.anchors * factor, self.own * factor, self.pair * factor, self.embeddings * factor
        )

    @property
    def are_zero(self) -> NDArray[np.bool_]:
        """For which orbits all numbers are zero, shape (m,)."""
        numbers = np.stack([self.anchors, self.own, self.pair, self.embeddings])
        return np.asarray(~numbers.any(axis=0))

    def others(self, copies: Vector) -> Vector:
        """Return U_c = Σ_{c'≠c} u_c' for a class of every orbit, without subtracting."""
        whole = copies * self.pair
        before = np.concatenate([[0.0], np.cumsum(whole)[:-1]])
        after = np.concatenate([np.cumsum(whole[::-1])[::-1][1:], [0.0]])
        return np.asarray(before + after + (copies - 1) * self.pair)

    def rates(self, copies: Vector) -> Vector:
        """Return a U/(r (o + U)), what a zero embedding gains by growing, shape (m,)."""
        others = self.others(copies)
        total = np.where(self.anchors > 0, self.own + others, 1.0)
        return np.asarray(self.anchors / self.embeddings * (others / total))

    def take(self, index: NDArray[np.int64]) -> ClassTerms:
        """Return the numbers of some orbits, or of classes by their orbit."""
        return ClassTerms(
            self.anchors[index], self.own[index], self.pair[index], self.embeddings[index]
        )


@dataclass(frozen=True, eq=False)
class Targets:
    """What the rows of each orbit are drawn to.

    Attributes
    ----------
    classes : PerOrbitPair
        T, each row summing to one over all classes.
    instances : ndarray, shape (m,)
        n_c, the samples of a class, whose views coincide.
    own_instance : ndarray, shape (m,)
        The part of T_cc on the other views of the same sample; the rest of T_cc is spread evenly
        over the views of the other samples of the class.
    """

    classes: PerOrbitPair
    instances: Vector
    own_instance: Vector

    def take(self, index: NDArray[np.int64]) -> Targets:
        """Return the same by class, given the orbit of each."""
        classes = self.classes.take(index)
        return Targets(classes, self.instances[index], self.own_instance[index])


def targets_of_matrix(matrix: PerOrbitPair, sizes: ClassSizes) -> Targets:
    """Return targets spread evenly over the samples of a class."""
    count = sizes.distinct.astype(float)
    return Targets(matrix, count, np.zeros_like(count))


def own_class(orbits: int) -> PerOrbitPair:
    """Return T = I."""
    return PerOrbitPair(np.ones(orbits), np.zeros((orbits, orbits)))


def rows_of_classes(
    sizes: ClassSizes, terms: ClassTerms, targets: Targets | None, level: Level
) -> SoftmaxRows:
    """Return the rows of a loss at a level.

    Parameters
    ----------
    sizes : ClassSizes
        Embeddings of each class.
    terms : ClassTerms
        By orbit.
    targets : Targets or None
        By orbit; None stands for the own class, in which all embeddings then coincide.
    level : Level
    """
    if level is not Level.ORBITS:
        orbit = sizes.orbit_index()
        terms, targets = terms.take(orbit), None if targets is None else targets.take(orbit)
    every = terms.embeddings
    known = targets or Targets(own_class(len(every)), every, np.zeros(len(every)))
    if level is Level.SAMPLES:
        label = samples_to_classes(sizes).cell_of_point
        return _sample_rows(cells_at(sizes, level), terms, known, label)
    if level is Level.INSTANCES:
        return _instance_rows(terms, known)
    within = None
    if targets is not None:
        within = within_class(
            terms.embeddings, targets.instances, targets.classes.own, targets.own_instance
        )
    return _mean_rows(cells_at(sizes, level), terms, known.classes, within)


def _mean_rows(
    cells: Cells, terms: ClassTerms, targets: PerOrbitPair, within: WithinClass | None
) -> SoftmaxRows:
    """Rows of the k×k or the m×m program; a class is an orbit with one class."""
    anchored = terms.anchors > 0
    own = np.where(anchored, terms.own, 0.0)
    weight = _spread(cells.points, np.tile(terms.pair, (len(cells), 1)))
    target = _spread(cells.points, np.where(anchored[:, None], targets.each, 0.0))
    return SoftmaxRows(
        cells,
        cells.points * terms.anchors,
        RowWeights(own, weight),
        RowWeights(np.where(anchored, targets.own, 0.0), target),
        within,
    )


def _spread(points: Vector, each: Matrix) -> Matrix:
    """Return the sum over other points of a cell of what each of them has."""
    pair = points * each
    np.fill_diagonal(pair, (points - 1) * np.diagonal(each))
    return pair


def _instance_rows(terms: ClassTerms, targets: Targets) -> SoftmaxRows:
    """Rows of the program whose cells are classes of n_c points, which need not coincide."""
    count, anchored = targets.instances, terms.anchors > 0
    cells = Cells(count, terms.embeddings / count, terms.embeddings)
    alone = terms.embeddings == 1
    on_instance = np.where(alone, 1.0, (cells.samples_each - 1) / _others(terms))
    pair = np.tile(terms.pair, (len(cells), 1))
    np.fill_diagonal(pair, terms.own * (1 - on_instance))
    own = np.where(alone, targets.classes.own, targets.own_instance)
    target = targets.classes.each.copy()
    np.fill_diagonal(target, targets.classes.own - own)
    return SoftmaxRows(
        cells,
        terms.anchors,
        RowWeights(np.where(anchored, terms.own * on_instance, 0.0), pair),
        RowWeights(np.where(anchored, own, 0.0), np.where(anchored[:, None], target, 0.0)),
    )


def _sample_rows(
    cells: Cells, terms: ClassTerms, targets: Targets, label: NDArray[np.int64]
) -> SoftmaxRows:
    """Rows of the n×n program; a class of one embedding has its own class on the diagonal.

    Embeddings come class by class, the views of a sample together.
    """
    alone, others = terms.embeddings == 1, _others(terms)
    views = terms.embeddings / targets.instances
    rest = np.maximum(terms.embeddings - views, 1)
    elsewhere = (targets.classes.own - targets.own_instance) / rest
    on_instance = targets.own_instance / np.maximum(views - 1, 1)
    start = np.searchsorted(label, np.arange(len(views)))
    instance = np.floor((np.arange(len(label)) - start[label]) / views[label])
    same = label[:, None] == label[None, :]
    sibling = same & (instance[:, None] == instance[None, :])
    weight = np.where(
        same, (terms.own / others)[label][:, None], (terms.pair / terms.embeddings)[label]
    )
    target = np.where(
        same,
        np.where(sibling, on_instance[label][:, None], elsewhere[label][:, None]),
        (targets.classes.each / terms.embeddings)[np.ix_(label, label)],
    )
    for matrix in (weight, target):
        np.fill_diagonal(matrix, 0.0)
    anchors = (terms.anchors / terms.embeddings)[label]
    lonely = alone[label] & (anchors > 0)
    target = np.where((anchors > 0)[:, None], target, 0.0)
    return SoftmaxRows(
        cells,
        anchors,
        RowWeights(np.where(lonely, terms.own[label], 0.0), weight),
        RowWeights(np.where(lonely, targets.classes.own[label], 0.0), target),
    )


def _others(terms: ClassTerms) -> Vector:
    return np.maximum(terms.embeddings - 1, 1)
