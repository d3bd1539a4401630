"""Multipliers Y ≥ 0 of the entries of a Gram matrix, from one level to another.

They are coefficients of `pair`, summed over the pairs of points that a pair of cells stands for, so
that going down sums and going up shares out evenly. Pairs of points that coincide below are left
out: without them the dual slack only gets larger.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..gram.cells import Level
from ..problem.levels import samples_to_classes, views_and_samples
from ..problem.ufm import UFM
from ..types import Matrix

_Index = NDArray[np.int64]


def entries_to_orbits(entries: Matrix, problem: UFM, level: Level) -> Matrix:
    """Sum over the pairs of different classes; those within a class are left out."""
    number = _class_of_cell(problem, level)
    return _summed(entries, number, problem.points.orbit_index()[number])


def entries_to_instances(entries: Matrix, problem: UFM) -> Matrix:
    """Sum those of samples over the pairs of different instances, by class."""
    views, classes = views_and_samples(problem.points, problem.instances)
    number = views.cell_of_point
    return _summed(entries, number, classes.cell_of_point[number])


def entries_from_orbits(entries: Matrix, problem: UFM, level: Level) -> Matrix:
    """Share out among the pairs of different classes."""
    number = _class_of_cell(problem, level)
    orbit = _orbits(problem)[number]
    cells = np.bincount(orbit).astype(float)
    count = np.outer(cells, cells)
    np.fill_diagonal(count, cells**2 * (1 - 1 / problem.points.multiplicities))
    each = np.divide(entries, count, out=np.zeros_like(entries), where=count > 0)
    return np.where(number[:, None] != number, each[np.ix_(orbit, orbit)], 0.0)


def _summed(entries: Matrix, same: _Index, cell: _Index) -> Matrix:
    """Sum over pairs of points of which no two are the same, by their cells below."""
    place = np.zeros((len(cell), int(cell.max()) + 1))
    place[np.arange(len(cell)), cell] = 1.0
    return np.asarray(place.T @ np.where(same[:, None] != same, entries, 0.0) @ place)


def _class_of_cell(problem: UFM, level: Level) -> _Index:
    if level is Level.SAMPLES:
        return samples_to_classes(problem.points).cell_of_point
    return np.arange(problem.points.classes)


def _orbits(problem: UFM) -> _Index:
    return problem.points.orbit_index()
