"""Samples, classes, orbits: going down and up between the three levels of one problem.

Every level describes a symmetric matrix over *points* that does not change when points of the same
*cell* are exchanged. Such a matrix has one value on the diagonal of each cell (`own`) and one value
for each pair of cells between different points (`pair`):

    level     points          cells                       what is lost going down
    samples   n samples       the samples themselves      nothing
    classes   k class means   the classes themselves      within-class variability (0 at optimum)
    orbits    k class means   the m distinct class sizes  differences between equal classes

`Partition.quotient` averages (Behnia and Thrampoulidis 2024, the symmetrisation behind the reduced
programs), `Partition.lift` repeats; lift followed by quotient is the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import InvalidInputError
from ..problem.class_sizes import ClassSizes
from ..types import Matrix as Matrix
from ..types import Vector as Vector
from .cells import Cells


class Level(StrEnum):
    """The level at which the relaxation is posed; all three have the same optimal value."""

    SAMPLES = "samples"
    CLASSES = "classes"
    ORBITS = "orbits"


@dataclass(frozen=True, eq=False)
class CellGram:
    """A Gram matrix that is invariant under exchanging points of the same cell.

    Attributes
    ----------
    own : ndarray, shape (m,)
        a_g, the squared norm of each point of cell g.
    pair : ndarray, shape (m, m), symmetric
        Inner product of two *different* points, of cells g and h. On the diagonal, of two different
        points of the same cell (b_g); in a cell with a single point it equals `own`.
    """

    own: Vector
    pair: Matrix

    @property
    def spread(self) -> Vector:
        """δ_g = a_g − b_g, half the squared distance of two different points of a cell."""
        return self.own - np.diagonal(self.pair)

    def scaled(self, factor: float) -> CellGram:
        """Return the Gram matrix multiplied by a number."""
        return CellGram(self.own * factor, self.pair * factor)

    def rows(self, cells: NDArray[np.int64]) -> Matrix:
        """Return rows of `pair`, shape (len(cells), m)."""
        return self.pair[cells]

    def is_finite(self) -> bool:
        """Whether every entry is a number."""
        return bool(np.isfinite(self.own).all() and np.isfinite(self.pair).all())

    def dense(self) -> CellGram:
        """Return itself: the form every other kind of Gram matrix can be brought to."""
        return self

    @classmethod
    def from_matrix(cls, matrix: Matrix) -> CellGram:
        """Wrap an ordinary Gram matrix, every point a cell of its own."""
        return cls(np.diagonal(matrix).copy(), matrix)


@dataclass(frozen=True, eq=False)
class Partition:
    """A grouping of points into cells.

    Attributes
    ----------
    cell_of_point : ndarray of int, shape (p,)
        The cell of each point, 0 … m−1, each at least once.
    collapse : bool
        Whether the points of a cell become one point on the way down (samples of a class, whose
        within-class variability is zero at the optimum) or stay different (classes of an orbit).
    """

    cell_of_point: NDArray[np.int64]
    collapse: bool

    @property
    def multiplicities(self) -> Vector:
        """Number of points in each cell, shape (m,)."""
        return np.bincount(self.cell_of_point).astype(float)

    def without_collapse(self) -> Partition:
        """Return the same cells with their points kept apart."""
        return Partition(self.cell_of_point, collapse=False)

    def average(self, values: Vector) -> Vector:
        """Average one number per point over the cells."""
        total = np.bincount(self.cell_of_point, weights=values)
        return np.asarray(total / self.multiplicities)

    def quotient(self, matrix: Matrix) -> CellGram:
        """Average a p×p Gram matrix over its cells.

        Averaging over exchanges keeps the trace, the diagonal bounds and positive
        semidefiniteness, and by convexity never raises the objective; neither does raising the
        inner products within a class to the diagonal (`collapse`).
        """
        count = self.multiplicities
        indicator = sparse.csr_array(
            (np.ones(len(self.cell_of_point)), (self.cell_of_point, range(len(matrix)))),
            shape=(len(count), len(matrix)),
        )
        own = self.average(np.diagonal(matrix))
        total = np.asarray(indicator @ np.asarray(indicator @ matrix).T).T
        pair = total / np.outer(count, count)
        several = (count > 1) & (not self.collapse)
        within = (np.diagonal(total) - count * own) / np.maximum(count * (count - 1), 1)
        np.fill_diagonal(pair, np.where(several, within, own))
        return CellGram(own, pair)

    def lift(self, gram: CellGram) -> Matrix:
        """Repeat a cell Gram matrix to all p points, p×p."""
        cell = self.cell_of_point
        matrix = gram.pair[np.ix_(cell, cell)]
        if not self.collapse:
            np.fill_diagonal(matrix, gram.own[cell])
        return matrix


def cells_at(sizes: ClassSizes, level: Level) -> Cells:
    """Return the cells of a level: points each has, and samples."""
    if level is Level.ORBITS:
        return Cells(sizes.multiplicities.astype(float), sizes.distinct.astype(float))
    each = np.ones(sizes.samples) if level is Level.SAMPLES else np.asarray(sizes, dtype=float)
    return Cells(np.ones_like(each), each)


def classes_to_orbits(sizes: ClassSizes) -> Partition:
    """Partition the classes by their size."""
    return Partition(sizes.orbit_index(), collapse=False)


def samples_to_classes(sizes: ClassSizes) -> Partition:
    """Partition the samples, taken in class order, by their class."""
    return Partition(np.repeat(np.arange(len(sizes)), np.asarray(sizes)), collapse=True)


def quotient_to_orbits(sizes: ClassSizes, level: Level, gram: CellGram) -> CellGram:
    """Bring a Gram matrix of any level down to the orbits."""
    if level is Level.SAMPLES:
        gram = samples_to_classes(sizes).quotient(gram.pair)
    if level is not Level.ORBITS:
        gram = classes_to_orbits(sizes).quotient(gram.pair)
    return gram


def lift_from_orbits(sizes: ClassSizes, level: Level, gram: CellGram) -> CellGram:
    """Bring an orbit Gram matrix up to any level."""
    if level is not Level.ORBITS:
        gram = CellGram.from_matrix(classes_to_orbits(sizes).lift(gram))
    if level is Level.SAMPLES:
        gram = CellGram.from_matrix(samples_to_classes(sizes).lift(gram))
    return gram


def check_level(level: str) -> Level:
    """Return the `Level` of that name, or raise an `InvalidInputError` that lists them."""
    try:
        return Level(level)
    except ValueError:
        names = ", ".join(known.value for known in Level)
        raise InvalidInputError(f"level must be auto, {names}; got {level!r}") from None
