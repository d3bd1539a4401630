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

import numpy as np

from ..gram.cells import CellGram, Cells, Level
from ..gram.partition import Partition
from .class_sizes import ClassSizes


def cells_at(sizes: ClassSizes, level: Level) -> Cells:
    """Return the cells of a level: points, samples each stands for, and the size of its class."""
    if level is Level.ORBITS:
        size = sizes.distinct.astype(float)
        return Cells(sizes.multiplicities.astype(float), size, size)
    size = np.asarray(sizes, dtype=float)
    if level is Level.CLASSES:
        return Cells(np.ones_like(size), size, size)
    ones = np.ones(sizes.samples)
    return Cells(ones, ones, size[samples_to_classes(sizes).cell_of_point])


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
