"""Samples, classes, orbits: going down and up between the three levels of one problem.

Every level describes a symmetric matrix over *points* that does not change when points of the same
*cell* are exchanged. Such a matrix has one value on the diagonal of each cell (`own`) and one value
for each pair of cells between different points (`pair`):

    level      points          cells                       what is lost going down
    samples    n samples       the samples themselves      nothing
    instances  n samples       the classes                 differences between samples of a class
    classes    k class means   the classes themselves      within-class variability (0 at optimum)
    orbits     k class means   the m distinct class sizes  differences between equal classes

Where the within-class variability is not zero, the orbits' matrix keeps it beside the class means
(`ScatteredGram`).

`Partition.quotient` averages (Behnia and Thrampoulidis 2024, the symmetrisation behind the reduced
programs), `Partition.lift` repeats; lift followed by quotient is the identity.
"""

import numpy as np

from ..gram.cells import CellGram, Cells, Level, ScatteredGram
from ..gram.partition import Partition
from ..types import Vector
from .class_sizes import ClassSizes


def cells_at(sizes: ClassSizes, level: Level) -> Cells:
    """Return the cells of a level: points, samples each stands for, and the size of its class."""
    if level is Level.ORBITS:
        size = sizes.distinct.astype(float)
        return Cells(sizes.multiplicities.astype(float), size, size)
    size = np.asarray(sizes, dtype=float)
    if level is Level.CLASSES:
        return Cells(np.ones_like(size), size, size)
    if level is Level.INSTANCES:
        return Cells(size, np.ones_like(size), size)
    ones = np.ones(sizes.samples)
    return Cells(ones, ones, size[samples_to_classes(sizes).cell_of_point])


def classes_to_orbits(sizes: ClassSizes) -> Partition:
    """Partition the classes by their size."""
    return Partition(sizes.orbit_index(), collapse=False)


def samples_to_classes(sizes: ClassSizes) -> Partition:
    """Partition the samples, taken in class order, by their class."""
    return Partition(np.repeat(np.arange(len(sizes)), np.asarray(sizes)), collapse=True)


def quotient_to_orbits(sizes: ClassSizes, level: Level, gram: CellGram) -> CellGram:
    """Bring a Gram matrix of any level down to the orbits; classes collapse."""
    if level is Level.SAMPLES:
        gram = samples_to_classes(sizes).quotient(gram.pair)
    if level is Level.INSTANCES:
        gram = CellGram(gram.own, gram.pair.copy())
        np.fill_diagonal(gram.pair, gram.own)
    if level is not Level.ORBITS:
        gram = classes_to_orbits(sizes).quotient(gram.pair)
    return gram


def scattered(sizes: ClassSizes, count: Vector, level: Level, gram: CellGram) -> CellGram:
    """Bring a Gram matrix of samples or instances down to the orbits, with its scatter.

    Parameters
    ----------
    sizes : ClassSizes
        Embeddings of each class.
    count : ndarray, shape (m,)
        Samples of each class, which have the same number of embeddings each, one after the other.
    level : Level
    gram : CellGram
    """
    if level not in (Level.SAMPLES, Level.INSTANCES):
        return quotient_to_orbits(sizes, level, gram)
    orbit = sizes.orbit_index()
    several = count[orbit]
    if level is Level.SAMPLES:
        samples, classes = views_and_samples(sizes, count)
        gram = classes.quotient(samples.quotient(gram.pair).pair)
    within = np.where(several > 1, np.diagonal(gram.pair), gram.own)
    pair = gram.pair.copy()
    np.fill_diagonal(pair, (gram.own + (several - 1) * within) / several)
    orbits = classes_to_orbits(sizes)
    means = orbits.quotient(pair)
    apart = orbits.average(gram.own - within)
    if not apart.any():
        return means
    return ScatteredGram(means.own, means.pair, count, apart)


def lift_from_orbits(sizes: ClassSizes, level: Level, gram: CellGram) -> CellGram:
    """Bring an orbit Gram matrix up to any level; scatter within classes to samples, instances."""
    if level is Level.ORBITS:
        return gram
    classes = CellGram.from_matrix(classes_to_orbits(sizes).lift(gram))
    if level is Level.CLASSES:
        return classes
    orbit = sizes.orbit_index()
    point, product = (numbers[orbit] for numbers in gram.dense().around_mean)
    instances = CellGram(classes.own + point, classes.pair + np.diag(product))
    if level is Level.INSTANCES:
        return instances
    if not isinstance(gram, ScatteredGram):
        return CellGram.from_matrix(samples_to_classes(sizes).lift(classes))
    views, samples = views_and_samples(sizes, gram.points_apart)
    return CellGram.from_matrix(views.lift(CellGram.from_matrix(samples.lift(instances))))


def views_and_samples(sizes: ClassSizes, count: Vector) -> tuple[Partition, Partition]:
    """Partition embeddings by sample, which collapse, and samples by class, which do not.

    `count` are the samples of a class of each orbit.
    """
    each = count[sizes.orbit_index()].astype(np.int64)
    label = np.repeat(np.arange(len(each)), each)
    views = np.repeat(np.asarray(sizes) // each, each)
    sample = np.repeat(np.arange(len(label)), views)
    return Partition(sample, collapse=True), Partition(label, collapse=False)
