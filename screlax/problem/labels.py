"""Labels in any container: which classes there are, and the class number of every sample.

The only reader of label containers. A label is any hashable object; None, NaN, NaT, NA and masked
entries are missing, and refused.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import (
    PLAIN,
    as_numpy,
    as_sequence,
    is_missing,
    is_tensor,
    only_column,
    plain,
    shown,
)
from ..errors import InvalidInputError
from ..spelling import hint

Shapes = tuple[tuple[int, ...], ...]


def label_array(
    labels: Any, *, what: str = "labels", one_per: str = "sample", shapes: Shapes = ()
) -> NDArray[Any]:
    """Return labels as an array (n,) of numbers, of text or of Python objects; none may be missing.

    Any container of hashable labels will do, also a tensor, a pandas Series, a data frame of one
    column or an iterator; (n, 1) becomes (n,), and `shapes` are left as they are. `what` and
    `one_per` are for messages: what these are, and what each is for.
    """
    if isinstance(labels, str | os.PathLike):
        raise InvalidInputError(
            f"{what} must be a sequence with one label per {one_per}, got {shown(labels)}; those "
            f"in a file are screlax.read_labels({os.fspath(labels)!r})"
        )
    given = as_sequence(only_column(labels, what), what, f"one label per {one_per}")
    if isinstance(given, list):
        array = _rows(given, shapes)
        if array is None:
            array = _from_objects(given, what, (len(given),))
    else:
        array = as_numpy(given, what)
    if array.shape not in shapes:
        array = _flat(array, what, one_per)
    return _checked(array, what)


def distinct_labels(array: NDArray[Any]) -> tuple[tuple[Hashable, ...], NDArray[np.int64]]:
    """Return the classes of labels that `label_array` read, and the class number of each.

    The classes are in sorted order where they can be sorted, else in that of first appearance.
    """
    if array.dtype.kind in "iufb":
        values, numbers = np.unique(array, return_inverse=True)
        return tuple(values.tolist()), numbers.reshape(array.shape).astype(np.int64)
    first: dict[Any, int] = {}
    found = [first.setdefault(label, len(first)) for label in array.reshape(-1).tolist()]
    names = in_order(first)
    place = np.empty(len(names), dtype=np.int64)
    place[[first[name] for name in names]] = np.arange(len(names))
    return names, place[np.array(found, dtype=np.int64)].reshape(array.shape)


def in_order(labels: Any) -> tuple[Hashable, ...]:
    """Return distinct labels in the order of classes: sorted where that is possible."""
    try:
        return tuple(sorted(labels))
    except TypeError:
        return tuple(labels)


def number_labels(labels: Any) -> tuple[tuple[Hashable, ...], NDArray[np.int64]]:
    """Return the classes of labels, in the order of `UFM.from_labels`, and the class of each."""
    array = label_array(labels)
    if array.size == 0:
        raise InvalidInputError("labels are empty; give one label per sample")
    return distinct_labels(array)


def count_labels(labels: Any) -> tuple[tuple[Hashable, ...], NDArray[np.int64]]:
    """Return the classes of labels, in the order of `UFM.from_labels`, and how many each has."""
    names, numbers = number_labels(labels)
    return names, np.bincount(numbers, minlength=len(names))


def name_classes(class_labels: Any, classes: int) -> tuple[Hashable, ...]:
    """Check that there is one label per class, and that no two are the same."""
    labels = label_array(class_labels, what="class_labels", one_per="class").tolist()
    if len(labels) != classes or len(set(labels)) != len(labels):
        twice = [label for label, count in Counter(labels).items() if count > 1]
        raise InvalidInputError(
            f"class_labels must be {classes} different labels, one per class, "
            f"got {len(labels)} of which {len(set(labels))} differ"
            + (f"; {shown(twice[0])} occurs more than once" if twice else "")
        )
    return tuple(labels)


class ClassNumbers:
    """The way from labels to class numbers; without names classes are called 0, 1, …, k−1."""

    def __init__(self, names: Sequence[Hashable] | None, classes: int) -> None:
        self._names, self._classes = names, classes
        self._lookup = {} if names is None else {name: place for place, name in enumerate(names)}
        whole = names is not None and all(type(n) is int and abs(n) < 2**62 for n in names)
        self._integers = np.array(names, dtype=np.int64) if whole else None
        self._order = None if self._integers is None else np.argsort(self._integers)

    def __call__(self, labels: Any) -> NDArray[np.int64]:
        """Return the class number of each label, shape (n,), each of which must have one."""
        array = label_array(labels)
        if array.size == 0:
            return np.zeros(0, dtype=np.int64)
        if self._names is None and array.dtype.kind in "iufb":
            return self._numbered(array)
        if self._integers is not None and array.dtype.kind in "iu":
            return self._searched(array, self._integers)
        values = array.tolist()
        if self._names is None:
            self._refuse(next((v for v in values if not self._is_number(v)), None))
            return np.array([int(value) for value in values], dtype=np.int64)
        self._refuse(next((value for value in values if value not in self._lookup), None))
        return np.array([self._lookup[value] for value in values], dtype=np.int64)

    def _numbered(self, array: NDArray[Any]) -> NDArray[np.int64]:
        wrong = ~((array >= 0) & (array < self._classes))
        if array.dtype.kind == "f":
            wrong |= array != np.floor(array)
        self._refuse(array[wrong][0].item() if wrong.any() else None)
        return array.astype(np.int64)

    def _searched(self, array: NDArray[Any], integers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find integers without a Python object for each of them."""
        found = np.searchsorted(integers, array, sorter=self._order)
        assert self._order is not None
        numbers: NDArray[np.int64] = self._order[np.minimum(found, len(integers) - 1)]
        wrong = integers[numbers] != array
        self._refuse(array[wrong][0].item() if wrong.any() else None)
        return numbers.astype(np.int64)

    def _is_number(self, value: Any) -> bool:
        whole = isinstance(value, int | float) and 0 <= value < self._classes
        return whole and value == int(value)

    def _refuse(self, label: Any) -> None:
        """Raise for a label that is no class, unless it is None: then all are."""
        if label is None:
            return
        known = range(self._classes) if self._names is None else self._names
        numbered = ", numbered from 0" if self._names is None else ""
        listed = "" if self._names is None else f": {', '.join(map(shown, self._names[:5]))}"
        listed += ", …" if len(self._names or ()) > 5 else ""
        raise InvalidInputError(
            f"label {shown(label)} is no class{hint(label, known)}; "
            f"there are {self._classes:,}{numbered}"
            + (other_type(label, known) or listed + _other_kind(label, known))
        )


def other_type(label: Any, known: Any) -> str:
    """Return the remedy where a label is a known one in another type, else nothing."""
    written = label.decode(errors="replace") if isinstance(label, bytes) else str(label)
    if isinstance(label, str) and written.lstrip("-").isdecimal() and int(written) in known:
        return "; labels are text and the classes integers, so convert the text with int()"
    if not isinstance(label, str) and not isinstance(known, range) and written in known:
        return f"; labels are {type(label).__name__} and the classes text, so convert with str()"
    return ""


def _other_kind(label: Any, known: Any) -> str:
    """Return the remedy where labels are names and classes numbers, or the other way round."""
    named = not isinstance(known, range) and any(isinstance(name, str) for name in known)
    if isinstance(label, str) == named:
        return ""
    return (
        "; make the problem from these labels (UFM.from_labels, or screlax solve --labels), or "
        "give those that it was made from"
    )


def _rows(values: list[Any], shapes: Shapes) -> NDArray[Any] | None:
    """Return the matrix that a list of rows is; None where its entries are the labels."""
    batch = any(len(shape) == 2 for shape in shapes)
    rows = (list, tuple) if batch else (list,)
    if not values or not all(isinstance(v, rows) or getattr(v, "ndim", 0) > 0 for v in values):
        return None
    if not batch and all(isinstance(value, list) and len(value) == 1 for value in values):
        return None  # refused as not hashable: what was meant is not clear
    try:
        return np.array([as_numpy(v, "labels") if is_tensor(v) else v for v in values])
    except ValueError:
        raise InvalidInputError(
            "labels come in pieces of different lengths; concatenate them into one sequence"
        ) from None


def _from_objects(values: list[Any], what: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return Python objects as an array, of integers, floats or booleans where they all are."""
    kinds = set(map(type, values))
    if not kinds <= PLAIN:
        values = [plain(value) for value in values]
        kinds = set(map(type, values))
    if not kinds <= PLAIN - {float}:
        for position, value in enumerate(values):
            if is_missing(value):
                _refuse_missing(what, np.unravel_index(position, shape), value)
            _refuse_unhashable(what, position, value)
    if len(kinds) == 1 and kinds <= {int, float, bool}:
        with contextlib.suppress(OverflowError):  # beyond 64 bits
            return np.array(values, dtype=kinds.pop()).reshape(shape)
    return np.fromiter(values, dtype=object, count=len(values)).reshape(shape)


def _refuse_unhashable(what: str, position: int, value: Any) -> None:
    try:
        hash(value)
    except TypeError:
        raise InvalidInputError(
            f"{what}[{position}] is not hashable: {shown(value)}; a label must be a number, text, "
            "a tuple, or another object that can be a key"
        ) from None


def _refuse_missing(what: str, index: Any, value: Any) -> None:
    where = ", ".join(str(int(number)) for number in index)
    raise InvalidInputError(
        f"{what}[{where}] is missing ({value}); every sample needs a class, so leave that sample "
        "out or give it one"
    )


def _checked(array: NDArray[Any], what: str) -> NDArray[Any]:
    """Refuse missing entries; turn times and object arrays into the objects that they hold."""
    if array.dtype.kind in "iubUS":
        return array
    if array.dtype.kind in "fc":
        wrong = np.argwhere(array != array)
        if len(wrong):
            _refuse_missing(what, wrong[0], "NaN")
        return array
    listed = list(array.reshape(-1)) if array.dtype.kind in "mM" else array.reshape(-1).tolist()
    return _from_objects(listed, what, array.shape)


def _flat(array: NDArray[Any], what: str, one_per: str) -> NDArray[Any]:
    """Return an array of shape (n,), also for (n, 1), or say how to make it one."""
    if array.ndim == 1:
        return array
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    remedy = f"give one label per {one_per}"
    if array.ndim == 2 and array.shape[0] == 1:
        remedy = f"use {what}.ravel()"
    elif array.ndim == 2 and array.dtype.kind in "biuf" and array.size:
        one_hot = (array >= 0).all() and np.allclose(array.sum(axis=1), 1, atol=1e-3)
        if one_hot:
            remedy = f"these look one-hot or like probabilities, so use {what}.argmax(axis=1)"
    raise InvalidInputError(f"{what} must be one-dimensional, got shape {array.shape}; {remedy}")
