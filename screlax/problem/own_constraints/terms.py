"""Linear functions of a class Gram matrix, Σ w G[a, b], in any container."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...checks import real_number
from ...containers import as_numpy, index_of, shown
from ...errors import InvalidInputError
from ...short_repr import short_repr
from ...types import Matrix, Vector
from ..labels import ClassNumbers

_LARGEST = 1e100
"""Size of a coefficient up to which its square is within double precision."""

_SHOWN = 3
"""Terms up to which they are written out."""


@short_repr
@dataclass(frozen=True, eq=False)
class Terms:
    """Σ_t weight_t G[first_t, second_t], every pair of classes at most once.

    Attributes
    ----------
    first, second : ndarray of int, shape (t,)
        Class numbers, or places in `labels` where there are any.
    weight : ndarray, shape (t,)
        Not zero. Of a matrix A that is A_aa, and A_ab + A_ba off the diagonal.
    labels : tuple, or None
    classes : int, or None
        How many a matrix was of.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    weight: Vector
    labels: tuple[Hashable, ...] | None = None
    classes: int | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Terms):
            return NotImplemented
        mine, theirs = (self.first, self.second, self.weight), (other.first, other.second)
        same = all(map(np.array_equal, mine, (*theirs, other.weight)))
        return same and self.labels == other.labels

    def __hash__(self) -> int:
        return hash((self.first.tobytes(), self.second.tobytes(), self.weight.tobytes()))

    def resolved(self, names: Sequence[Hashable] | None, classes: int) -> Terms:
        """Return the same by class number.

        Raises
        ------
        InvalidInputError
            If a label is no class, or a matrix has another number of classes.
        """
        if self.labels is None:
            if self.classes not in (None, classes):
                raise InvalidInputError(
                    f"a constraint's matrix is {self.classes}x{self.classes}, and there are "
                    f"{classes} classes; give one row and column for each class"
                )
            if max(self.first.max(), self.second.max()) >= classes:
                raise InvalidInputError(
                    f"a constraint names class {max(self.first.max(), self.second.max())}, and "
                    f"there are {classes}, numbered from 0"
                )
            return _collected(self.first, self.second, self.weight, classes=classes)
        try:
            number = ClassNumbers(names, classes)(list(self.labels))
        except InvalidInputError as error:
            raise InvalidInputError(f"in a constraint, {error}") from None
        return _collected(number[self.first], number[self.second], self.weight, classes=classes)

    def in_words(self, names: Sequence[Hashable] | None) -> str:
        """Return ``2 G[cat, dog] - G[cat, cat]``, or how many terms there are."""
        if len(self.weight) > _SHOWN:
            return f"a sum of {len(self.weight):,} entries of G"
        words = ""
        for row, column, weight in zip(self.first, self.second, self.weight, strict=True):
            entry = ", ".join(str(i if names is None else names[i]) for i in (row, column))
            size = "" if abs(weight) == 1 else f"{abs(weight):g} "
            sign = (" - " if weight < 0 else " + ") if words else ("-" if weight < 0 else "")
            words += f"{sign}{size}G[{entry}]"
        return words

    def among(self) -> tuple[NDArray[np.int64], Matrix]:
        """Return the classes that occur, and the symmetric matrix over them."""
        classes = np.unique(np.concatenate([self.first, self.second]))
        row, column = np.searchsorted(classes, self.first), np.searchsorted(classes, self.second)
        matrix = np.zeros((len(classes),) * 2)
        matrix[row, column] = np.where(row == column, self.weight, self.weight / 2)
        matrix[column, row] = matrix[row, column]
        return classes, matrix


def terms_of(value: Any) -> Terms:
    """Read the coefficients of a constraint; see `Linear`.

    Raises
    ------
    InvalidInputError
        If they are no square matrix or pairs of classes with finite numbers, or all are zero.
    """
    if isinstance(value, Terms):
        return value
    if hasattr(value, "columns") and len(getattr(value, "shape", ())) == 2:
        value = {row: value.loc[row] for row in value.index}
    if isinstance(value, Mapping):
        return _by_label(value)
    if sparse.issparse(value):
        matrix: Any = value
        entries = matrix.tocoo()
        return _of_matrix(entries.shape, entries.row, entries.col, entries.data)
    array = as_numpy(value, "the matrix of a constraint")
    if array.ndim != 2 or array.dtype.kind not in "iuf":
        raise InvalidInputError(
            "a constraint needs a square matrix of real numbers, one row and column per class, or "
            f"a mapping of pairs of classes to numbers; got {array.dtype} of shape {array.shape}"
        )
    row, column = np.nonzero(array)
    return _of_matrix(array.shape, row, column, array[row, column])


def _of_matrix(shape: Any, row: Any, column: Any, entries: Any) -> Terms:
    if len(shape) != 2 or shape[0] != shape[1]:
        raise InvalidInputError(f"the matrix of a constraint must be square, got shape {shape}")
    return _collected(row, column, np.asarray(entries, dtype=float), classes=int(shape[0]))


def _by_label(value: Mapping[Any, Any]) -> Terms:
    """Read numbers by pair of labels, or rows by label that are mappings or Series themselves."""
    pairs: list[tuple[Any, Any, Any]] = []
    for key, entry in value.items():
        if isinstance(entry, Mapping):
            pairs += [(key, column, number) for column, number in entry.items()]
        elif (index := index_of(entry)) is not None:
            pairs += [(key, *one) for one in zip(index, entry.to_numpy().tolist(), strict=True)]
        elif isinstance(key, tuple) and len(key) == 2:
            pairs.append((*key, entry))
        else:
            raise InvalidInputError(
                "a constraint by label needs pairs of labels, such as {('cat', 'dog'): 1.0}, or a "
                f"mapping for every row; got {shown(key)}: {shown(entry)}"
            )
    return terms_of_pairs(pairs)


def terms_of_pairs(pairs: Sequence[tuple[Any, Any, Any]]) -> Terms:
    """Return Σ w G[a, b] of labels and numbers (a, b, w), where a pair given twice counts twice."""
    place: dict[Any, int] = {}
    first = [place.setdefault(row, len(place)) for row, _, _ in pairs]
    second = [place.setdefault(column, len(place)) for _, column, _ in pairs]
    numbers = [_coefficient(number, (row, column)) for row, column, number in pairs]
    if not numbers:
        raise InvalidInputError("a constraint has no coefficients; give at least one")
    return _collected(first, second, np.array(numbers), labels=tuple(place))


def _coefficient(number: Any, of: tuple[Any, Any]) -> float:
    try:
        return real_number(number)
    except TypeError:
        raise InvalidInputError(
            f"the coefficient of {shown(of)} in a constraint must be a number, got {shown(number)}"
        ) from None


def _collected(
    row: Any,
    column: Any,
    weight: Vector,
    *,
    labels: tuple[Hashable, ...] | None = None,
    classes: int | None = None,
) -> Terms:
    """Add up the entries of every pair, whichever class comes first, and leave zeros out."""
    wrong = ~(np.abs(weight) <= _LARGEST)
    if wrong.any():
        raise InvalidInputError(
            f"coefficients of a constraint must be finite and at most {_LARGEST:g} in size, got "
            f"{weight[wrong][0]}"
        )
    low, high = np.minimum(row, column), np.maximum(row, column)
    pairs, place = np.unique(np.stack([low, high]), axis=1, return_inverse=True)
    total = np.bincount(place.reshape(-1), weights=weight, minlength=pairs.shape[1])
    kept = total != 0
    if not kept.any():
        raise InvalidInputError(
            "all coefficients of a constraint are zero: it holds for every Gram matrix or for none"
        )
    first, second = pairs[:, kept].astype(np.int64)
    return Terms(first, second, total[kept], labels, classes)
