"""A wanted geometry: the class Gram matrix to come near to, and how far another one is from it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import shown
from ..errors import InvalidInputError
from ..gram.blocks import scaled_blocks
from ..gram.cells import CellGram, Cells
from ..gram.curve import AnyGram
from ..io.arrays import real_array
from ..problem.class_matrix import interchangeable
from ..problem.class_sizes import ClassSizes
from ..problem.levels import classes_to_orbits
from ..problem.per_orbit import PerOrbit
from ..problem.ufm import UFM
from ..short_repr import short_repr
from ..spelling import hint
from ..types import Matrix, Vector

ETF, ORTHOGONAL = "etf", "orthogonal"

NAMES = {ETF: "simplex ETF", ORTHOGONAL: "orthogonal frame"}
"""Geometries that have a name."""

_ROUNDING = 1e-9
"""Asymmetry and negative eigenvalues, relative to the largest entry, that count as rounding."""


@short_repr
@dataclass(frozen=True, eq=False)
class Target:
    """A Gram matrix of class means by orbit, with k×k norms and distances.

    Attributes
    ----------
    name : str
        In words.
    gram : CellGram
    copies : ndarray, shape (m,)
        Number of classes of each orbit.
    """

    name: str
    gram: CellGram
    copies: Vector

    def flat(self, own: Vector, pair: Matrix) -> Vector:
        """Return a matrix as numbers whose sum of squares is that of its k×k entries."""
        return np.concatenate([self._own_root * own, self._pair_root * pair[self._upper]])

    def distance(self, gram: AnyGram) -> float:
        """Return ‖G/‖G‖ − T/‖T‖‖ over k×k entries; of a zero matrix one, that of a unit vector."""
        return float(np.linalg.norm(self.residual(gram)))

    def residual(self, gram: AnyGram) -> Vector:
        """Return G/‖G‖ − T/‖T‖ as `flat` numbers, −T/‖T‖ where G is zero."""
        here = self.flat(gram.own, gram.pair)
        size = float(np.linalg.norm(here))
        return (here / size if size > 0 else here) - self._wanted

    def slopes(self, gram: AnyGram, moves: Matrix) -> Matrix:
        """Return the derivatives of `residual` for those of G, columns of `flat` numbers."""
        here = self.flat(gram.own, gram.pair)
        size = float(np.linalg.norm(here))
        unit = here / size
        return np.asarray((moves - np.outer(unit, unit @ moves)) / size)

    @cached_property
    def _wanted(self) -> Vector:
        wanted = self.flat(self.gram.own, self.gram.pair)
        return np.asarray(wanted / np.linalg.norm(wanted))

    @cached_property
    def _upper(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        row, column = np.triu_indices(len(self.copies))
        return row, column

    @cached_property
    def _own_root(self) -> Vector:
        return np.sqrt(self.copies)

    @cached_property
    def _pair_root(self) -> Vector:
        row, column = self._upper
        count = self.copies[row] * np.where(row == column, self.copies[row] - 1, 2.0)
        return np.sqrt(count * np.where(row == column, 1.0, self.copies[column]))


def target_of(given: Any, problem: UFM) -> tuple[Target, UFM]:
    """Read a target, and tell classes apart that it does.

    Parameters
    ----------
    given : "etf", "orthogonal", array-like of shape (k, k), or CellGram
        A matrix is in class order, a `CellGram` by the orbits of the problem.
    problem : UFM

    Returns
    -------
    target : Target
    problem : UFM
        The same, with its classes in the orbits of the target.

    Raises
    ------
    InvalidInputError
        If there is no such target, or the matrix is no Gram matrix of these classes: not finite,
        of another shape, not symmetric, not positive semidefinite, or zero.
    """
    copies = problem.class_sizes.multiplicities.astype(float)
    if isinstance(given, str):
        return _named(given, copies), problem
    if isinstance(given, CellGram):
        gram, name = _of_orbits(given, copies), "given by class size"
    else:
        matrix = _symmetric(given, problem.classes)
        problem = _told_apart(problem, matrix)
        copies = problem.class_sizes.multiplicities.astype(float)
        gram, name = classes_to_orbits(problem.class_sizes).quotient(matrix), "given"
    _check_semidefinite(gram, copies)
    return Target(name, gram, copies), problem


def _named(name: str, copies: Vector) -> Target:
    if name not in NAMES:
        raise InvalidInputError(
            f"there is no target {shown(name)}{hint(name, NAMES)}; "
            f"give {ETF!r}, {ORTHOGONAL!r} or a Gram matrix"
        )
    classes, m = float(copies.sum()), len(copies)
    between = -1 / (classes - 1) if name == ETF else 0.0
    pair = np.full((m, m), between)
    np.fill_diagonal(pair, np.where(copies > 1, between, 1.0))
    return Target(NAMES[name], CellGram(np.ones(m), pair), copies)


def _of_orbits(given: CellGram, copies: Vector) -> CellGram:
    own, pair = (real_array(part, "target").astype(float) for part in (given.own, given.pair))
    m = len(copies)
    if own.shape != (m,) or pair.shape != (m, m):
        raise InvalidInputError(
            f"a target by class size needs shapes ({m},) and ({m}, {m}) for this problem, got "
            f"{own.shape} and {pair.shape}"
        )
    pair = _checked(pair)
    np.fill_diagonal(pair, np.where(copies > 1, np.diagonal(pair), own))
    return CellGram(_checked(own), pair)


def _symmetric(given: Any, classes: int) -> Matrix:
    matrix = real_array(given, "target").astype(float)
    if matrix.shape != (classes, classes):
        raise InvalidInputError(
            f"a target for {classes:,} classes has shape ({classes}, {classes}), got {matrix.shape}"
        )
    return _checked(matrix)


def _checked(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return finite numbers, made symmetric where they are a matrix that is so up to rounding."""
    if not np.isfinite(numbers).all():
        raise InvalidInputError("the target holds numbers that are NaN or infinite")
    if numbers.ndim < 2:
        return numbers
    away = np.abs(numbers - numbers.T)
    if away.max() > _ROUNDING * np.abs(numbers).max():
        row, column = np.unravel_index(int(away.argmax()), away.shape)
        raise InvalidInputError(
            f"the target is not symmetric: {numbers[row, column]:g} at ({row}, {column}) and "
            f"{numbers[column, row]:g} at ({column}, {row})"
        )
    return np.asarray((numbers + numbers.T) / 2)


def _check_semidefinite(gram: CellGram, copies: Vector) -> None:
    largest = max(float(np.abs(gram.own).max()), float(np.abs(gram.pair).max()))
    if largest == 0:
        raise InvalidInputError("the target is zero, which has no direction; give a Gram matrix")
    cells = Cells(copies, np.ones_like(copies), np.ones_like(copies))
    smallest = scaled_blocks(cells, gram.scaled(1 / largest)).smallest_eigenvalue()
    if not smallest >= -_ROUNDING * math.sqrt(copies.sum()):
        raise InvalidInputError(
            "the target is not positive semidefinite, so that no class means have it: smallest "
            f"eigenvalue {smallest:.3g} at unit diagonal; give H Hᵀ of some class means H"
        )


def _told_apart(problem: UFM, matrix: Matrix) -> UFM:
    """Return the problem with classes in one orbit only where the target does not differ either."""
    sizes = problem.class_sizes
    before = sizes.orbit_index()
    orbit = interchangeable(matrix, before[:, None].astype(float))
    if orbit.max() + 1 == sizes.orbits:
        return problem
    finer, first = sizes.refined(np.column_stack([before, orbit]).astype(float))
    return with_sizes(problem, finer, before[first])


def with_sizes(problem: UFM, sizes: ClassSizes, orbit: NDArray[np.int64]) -> UFM:
    """Return the problem with other orbits, each part of an `orbit` that it had."""
    options = {name: PerOrbit(n[orbit]) for name, n in problem.loss.orbit_options.items()}
    loss = problem.loss.with_options(**options)
    return dataclasses.replace(problem, class_sizes=sizes, loss=loss)
