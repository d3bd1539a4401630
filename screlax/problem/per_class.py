"""One number for each class in any container: counts and weights, with their labels if it has them.

A mapping and a pandas Series say which class a number belongs to, by key and by index; everything
else is in the order of the classes.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import real_number
from ..containers import (
    as_numpy,
    as_sequence,
    collected,
    index_of,
    is_missing,
    labels_and_numbers,
    only_column,
    plain,
    shown,
)
from ..errors import InvalidInputError
from ..short_repr import short_repr
from ..spelling import hint
from .labels import in_order, label_array, other_type


@short_repr
@dataclass(frozen=True, eq=False)
class PerClass:
    """Numbers, and the label of each; None where the container has no labels.

    Labels are in the order of `UFM.from_labels`.
    """

    numbers: NDArray[Any]
    labels: tuple[Hashable, ...] | None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PerClass):
            return NotImplemented
        return np.array_equal(self.numbers, other.numbers) and self.labels == other.labels

    def __hash__(self) -> int:
        return hash((self.numbers.tobytes(), self.labels))

    def __str__(self) -> str:
        return numbers_in_words(self.numbers)

    def in_order_of(self, labels: Sequence[Hashable] | None, classes: int, what: str) -> Any:
        """Return the numbers in class order, shape (k,); classes without labels are 0 … k−1."""
        if self.labels is not None:
            return self.numbers_of(range(classes) if labels is None else labels, what)
        if len(self.numbers) != classes:
            raise InvalidInputError(
                f"{what}: {len(self.numbers)} numbers for {classes} classes; give one for each "
                "class"
            )
        return self.numbers

    def place(self, position: int) -> str:
        """Say where a number is."""
        if self.labels is None:
            return f"at position {position}"
        return f"for label {shown(self.labels[position])}"

    def numbers_of(self, wanted: Sequence[Hashable], what: str) -> NDArray[Any]:
        """Return the numbers of these labels, in their order; each must have one."""
        place = {label: position for position, label in enumerate(self.labels or ())}
        missing = [label for label in wanted if label not in place]
        if missing:
            raise InvalidInputError(
                f"{what}: no number for label {shown(missing[0])}{hint(missing[0], place)}"
                + (other_type(missing[0], place) or "; give one for every label")
            )
        return self.numbers[[place[label] for label in wanted]]


def numbers_in_words(numbers: NDArray[Any]) -> str:
    """Return the least and the largest of some numbers, or the one that all are."""
    least, most = f"{numbers.min():g}", f"{numbers.max():g}"
    return least if least == most else f"{least}..{most}"


def per_class(values: Any, what: str) -> PerClass:
    """Read one number per class: none missing, no label twice; `what` they are is for messages."""
    values = collected(values)
    named = labels_and_numbers(values)
    if named is not None:
        keys, values = named
    else:
        values = only_column(values, what)
        keys = list(values) if isinstance(values, Mapping) else index_of(values)
    if keys is None:
        return PerClass(number_array(values, what), None)
    if isinstance(values, Mapping):
        values = list(values.values())
    labels = label_array(keys, what=f"labels of {what}", one_per="class").tolist()
    place = {label: position for position, label in enumerate(labels)}
    if len(place) < len(labels):
        twice = next(label for position, label in enumerate(labels) if place[label] != position)
        raise InvalidInputError(f"{what} have label {shown(twice)} twice; merge the two")
    ordered = in_order(labels)
    given = PerClass(number_array(values, what, tuple(labels)), tuple(labels))
    order = np.array([place[label] for label in ordered], dtype=np.int64)
    return PerClass(given.numbers[order], ordered)


def number_array(
    values: Any, what: str, labels: tuple[Hashable, ...] | None = None
) -> NDArray[Any]:
    """Return real numbers in the order they are in, shape (n,), also those of shape (n, 1)."""
    given = as_sequence(only_column(values, what), what, "one number each")
    if isinstance(given, list):
        given = [plain(value) for value in given]
        if any(value is np.ma.masked for value in given):
            _refuse(given, what, labels)
        try:
            array = np.asarray(given)
        except (ValueError, RuntimeError):  # rows of different lengths, tensors of gradients
            raise InvalidInputError(f"{what} must be a flat list of numbers") from None
    else:
        array = as_numpy(given, what)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InvalidInputError(
            f"{what} must be one-dimensional, got shape {array.shape}{_remedy(array)}"
        )
    if array.dtype.kind == "O":
        given = [plain(value) for value in array.tolist()]
        if set(map(type, given)) <= {int, float}:
            array = np.array([real_number(value) for value in given])
    if array.size and array.dtype.kind not in "iuf":
        _refuse(given if isinstance(given, list) else array.tolist(), what, labels)
    return array


def _remedy(array: NDArray[Any]) -> str:
    """Say what to do with pairs of label and number."""
    if array.ndim == 2 and array.shape[1] == 2 and array.dtype.kind in "OUS":
        return "; for pairs of label and number give dict(pairs)"
    if array.ndim == 2 and array.shape[0] == 2:
        return "; of labels and counts, as numpy.unique returns them, give the counts"
    return ""


def _refuse(values: list[Any], what: str, labels: tuple[Hashable, ...] | None) -> None:
    """Raise for the first entry that is no number: a missing one if there is one."""
    missing = [position for position, value in enumerate(values) if is_missing(value)]
    wrong = [p for p, value in enumerate(values) if type(value) not in (int, float)]
    first = (missing or wrong or [0])[0]
    where = PerClass(np.empty(0), labels).place(first)
    kind = "is missing" if missing else f"is {type(values[first]).__name__}"
    raise InvalidInputError(
        f"{what} must be numbers, got {shown(values[first])} {where}, which {kind}"
        + ("; of one label per sample, UFM.from_labels counts them" * _are_labels(values, labels))
    )


def _are_labels(values: list[Any], labels: tuple[Hashable, ...] | None) -> bool:
    """Whether these are text that comes again and again, as labels of samples do."""
    text = labels is None and all(type(value) is str for value in values)
    return text and len(set(values)) < len(values)
