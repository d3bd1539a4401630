"""Options of a loss that have one number for each pair of classes: as given, and by orbit."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import as_numpy, index_of
from ..errors import InvalidInputError
from ..short_repr import short_repr
from ..types import Matrix, Vector
from .class_sizes import ClassSizes
from .per_class import PerClass, per_class

_ROUNDING = 1e-6
"""How far a row may sum from one: single precision, thousands of classes."""


@short_repr
@dataclass(frozen=True, eq=False)
class PerClassPair:
    """A row-stochastic matrix over classes, and their labels where the container has any."""

    numbers: Matrix
    labels: tuple[Hashable, ...] | None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PerClassPair):
            return NotImplemented
        return np.array_equal(self.numbers, other.numbers) and self.labels == other.labels

    def __hash__(self) -> int:
        return hash((self.numbers.tobytes(), self.labels))

    def __str__(self) -> str:
        return f"{len(self.numbers)}x{len(self.numbers)}"

    def in_order_of(self, labels: Sequence[Hashable] | None, classes: int, what: str) -> Matrix:
        """Return the matrix in class order, shape (k, k); classes without labels are 0 … k−1."""
        place = PerClass(np.arange(len(self.numbers)), self.labels)
        order = place.in_order_of(labels, classes, f"rows of {what}")
        return np.asarray(self.numbers[np.ix_(order, order)])


@short_repr
@dataclass(frozen=True, eq=False)
class PerOrbitPair:
    """A matrix over classes that exchanging classes of an orbit leaves as it is.

    Attributes
    ----------
    own : ndarray, shape (m,)
        The diagonal entry of a class of each orbit.
    each : ndarray, shape (m, m)
        The entry of a class of the row's orbit and *another* class of the column's; zero on the
        diagonal where the orbit has one class.
    """

    own: Vector
    each: Matrix

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PerOrbitPair):
            return NotImplemented
        return np.array_equal(self.own, other.own) and np.array_equal(self.each, other.each)

    def __hash__(self) -> int:
        return hash((self.own.tobytes(), self.each.tobytes()))

    def __str__(self) -> str:
        return f"{len(self.own)}x{len(self.own)}"

    def of_classes(self, orbit: NDArray[np.int64]) -> Matrix:
        """Return the matrix over classes of these orbits."""
        matrix = self.each[np.ix_(orbit, orbit)]
        np.fill_diagonal(matrix, self.own[orbit])
        return matrix

    def take(self, orbit: NDArray[np.int64]) -> PerOrbitPair:
        """Return the same with every class an orbit of its own."""
        matrix = self.of_classes(orbit)
        own = np.diagonal(matrix).copy()
        np.fill_diagonal(matrix, 0.0)
        return PerOrbitPair(own, matrix)

    def record(self) -> dict[str, Any]:
        """Return both as lists, as JSON has them."""
        return {"own": self.own.tolist(), "each": self.each.tolist()}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> PerOrbitPair:
        """Return the matrix of `record`, whose numbers are checked by the loss it is of."""
        own, each = (np.array(record[name], dtype=float) for name in ("own", "each"))
        if own.ndim != 1 or each.shape != (len(own), len(own)):
            raise InvalidInputError(
                f"a matrix by orbit needs m and m×m numbers, got shapes {own.shape}, {each.shape}"
            )
        return cls(own, each)


def stochastic_matrix(value: Any, what: str) -> PerClassPair | PerOrbitPair:
    """Read a row-stochastic matrix over classes; `what` it is is for messages.

    Parameters
    ----------
    value : array-like of shape (k, k), mapping of mappings, or data frame
        A mapping and a frame say which labels rows and columns are for, entries that a mapping does
        not have are zero; an array is in the order of the classes.

    Raises
    ------
    InvalidInputError
        If it is not square, an entry is negative or not finite, or a row does not sum to one.
    """
    if isinstance(value, PerOrbitPair):
        _refuse_entries(value.own, what)
        _refuse_entries(value.each, what)
        return value
    given = value if isinstance(value, PerClassPair) else _read(value, what)
    _refuse_entries(given.numbers, what)
    total = np.array([math.fsum(row) for row in given.numbers.tolist()])
    wrong = np.abs(total - 1) > _ROUNDING
    if wrong.any():
        row = int(np.argmax(wrong))
        name = row if given.labels is None else repr(given.labels[row])
        raise InvalidInputError(
            f"every row of {what} must sum to one, and row {name} sums to {total[row]:.9g}; "
            "divide each row by its sum"
        )
    return PerClassPair(given.numbers / total[:, None], given.labels)


def check_row_sums(matrix: PerOrbitPair, sizes: ClassSizes, what: str) -> None:
    """Refuse a matrix by orbit, from a file, whose rows over all classes do not sum to one."""
    copies = sizes.multiplicities
    total = matrix.own + matrix.each @ copies - np.diagonal(matrix.each)
    wrong = np.abs(total - 1) > _ROUNDING
    if wrong.any():
        raise InvalidInputError(
            f"every row of {what} must sum to one, and one sums to {total[np.argmax(wrong)]:.9g}"
        )


def _read(value: Any, what: str) -> PerClassPair:
    if isinstance(value, Mapping):
        return _of_mappings(value, what)
    if hasattr(value, "columns") and len(getattr(value, "shape", ())) == 2:
        return _of_mappings({key: value.loc[key] for key in _labels(value, what)}, what)
    array = as_numpy(value, what)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.dtype.kind not in "iuf":
        raise InvalidInputError(
            f"{what} must be a square matrix of real numbers, one row and column per class, "
            f"got {array.dtype} of shape {array.shape}"
        )
    return PerClassPair(array.astype(float), None)


def _labels(frame: Any, what: str) -> list[Any]:
    rows, columns = list(frame.index), list(frame.columns)
    if len(set(rows)) < len(rows) or len(set(columns)) < len(columns) or set(rows) != set(columns):
        raise InvalidInputError(
            f"{what} must have the same labels, each once, for rows and columns, "
            f"got {rows[:5]} and {columns[:5]}"
        )
    return rows


def _of_mappings(rows: Mapping[Any, Any], what: str) -> PerClassPair:
    """Read rows by label, each a mapping or a Series by label."""
    order = per_class(dict.fromkeys(rows, 0), f"rows of {what}").labels
    assert order is not None
    place = {label: position for position, label in enumerate(order)}
    matrix = np.zeros((len(order), len(order)))
    for label, row in rows.items():
        if not isinstance(row, Mapping) and index_of(row) is None:
            raise InvalidInputError(
                f"{what} by label need a mapping for every row too, got {type(row).__name__} "
                f"for {label!r}"
            )
        entries = per_class(row, f"{what} of {label!r}")
        unknown = [name for name in entries.labels or () if name not in place]
        if unknown:
            raise InvalidInputError(f"{what} of {label!r} have {unknown[0]!r}, which has no row")
        columns = [place[name] for name in entries.labels or ()]
        matrix[place[label], columns] = entries.numbers
    return PerClassPair(matrix, order)


def _refuse_entries(numbers: Matrix | Vector, what: str) -> None:
    wrong = ~(np.isfinite(numbers) & (numbers >= 0))
    if wrong.any():
        where = ", ".join(map(str, np.argwhere(wrong)[0]))
        raise InvalidInputError(
            f"{what} must be nonnegative, finite numbers, got {numbers[wrong][0]} at {where}"
        )


def interchangeable(matrix: Matrix, columns: Matrix) -> NDArray[np.int64]:
    """Return the orbit number of every class: those that exchanging leaves all as it is.

    Two classes are exchangeable if swapping them leaves `columns` (k, q) and the matrix (k, k)
    unchanged, to the last digit. That is an equivalence relation: (a c) = (a b)(b c)(a b).
    """
    keys = np.column_stack(
        [columns, np.diagonal(matrix), np.sort(matrix, axis=1), np.sort(matrix, axis=0).T]
    )
    alike = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    orbit = np.full(len(matrix), -1, dtype=np.int64)
    first: dict[int, list[int]] = {}
    count = 0
    for number in range(len(matrix)):
        known = np.array(first.get(alike[number], []), dtype=np.int64)
        same = _swaps(matrix, number, known)
        if same.any():
            orbit[number] = orbit[known[int(np.argmax(same))]]
            continue
        first.setdefault(alike[number], []).append(number)
        orbit[number], count = count, count + 1
    return orbit


def _swaps(matrix: Matrix, number: int, others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether swapping a class with each of some others leaves the matrix as it is."""
    place = np.arange(len(others))
    same = matrix[others, number] == matrix[number, others]
    for rows, row in ((matrix[others], matrix[number]), (matrix.T[others], matrix[:, number])):
        differs = rows != row
        differs[:, number] = False
        differs[place, others] = False
        same &= ~differs.any(axis=1)
    return np.asarray(same)


def by_orbit(matrix: Matrix, orbit: NDArray[np.int64], first: NDArray[np.int64]) -> PerOrbitPair:
    """Return a matrix by orbit, given the orbit of every class and a class of each orbit."""
    other = first.copy()
    classes = np.arange(len(orbit))
    later = classes != first[orbit]
    other[orbit[later]] = classes[later]  # a second class of the orbit, where there is one
    each = matrix[np.ix_(first, first)]
    own = np.diagonal(each).copy()
    np.fill_diagonal(each, np.where(other != first, matrix[first, other], 0.0))
    return PerOrbitPair(own, each)
