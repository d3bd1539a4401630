"""Labels of any kind to class numbers 0 … k−1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError


@dataclass(frozen=True, eq=False)
class Codes:
    """A class number for every sample.

    Attributes
    ----------
    codes : ndarray of int64
        Shape of the labels.
    classes : int
        All codes are below it; some numbers may have no sample.
    names : ndarray or None
        The label of each class, sorted; None where the codes are shifted integers.
    """

    codes: NDArray[np.int64]
    classes: int
    names: NDArray[Any] | None = None


def encode(labels: Any, shapes: tuple[tuple[int, ...], ...], *, names: bool = False) -> Codes:
    """Give every label a class number.

    Parameters
    ----------
    labels : array-like
        Integers, floats, strings, or other hashable objects.
    shapes : tuple of tuples
        The shapes they may have.
    names : bool
        Whether the names are needed; without, integers in a narrow range are only shifted.
    """
    array = labels if isinstance(labels, np.ndarray) else _as_array(labels)
    if array.shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise InvalidInputError(
            f"labels must have shape {expected}, one per sample; got {array.shape}"
        )
    if array.dtype.kind in "iub" and not names:
        shifted = _shifted(array)
        if shifted is not None:
            return shifted
    if array.dtype.kind in "fcO":
        _refuse_missing(array)
    return _sorted_or_hashed(array)


def _as_array(labels: Any) -> NDArray[Any]:
    try:
        array = np.asarray(labels)
        if array.dtype.kind in "US" and not all(isinstance(x, str | bytes) for x in labels):
            array = np.asarray(labels, dtype=object)  # 1 and "1" are two labels
        return array
    except ValueError as error:
        raise InvalidInputError(f"labels must be an array, one per sample: {error}") from None


def _shifted(array: NDArray[Any]) -> Codes | None:
    """Subtract the smallest label, unless that leaves more numbers than there are samples."""
    if array.dtype.kind == "b":
        return Codes(array.astype(np.int64), 2)
    low, high = int(array.min()), int(array.max())
    if high - low >= max(array.size, 2):
        return None
    if low == 0:
        return Codes(array.astype(np.int64, copy=False), high + 1)
    wide = array if array.dtype.kind == "u" else array.astype(np.int64)  # int8 would wrap around
    return Codes((wide - wide.dtype.type(low)).astype(np.int64), high - low + 1)


def _sorted_or_hashed(array: NDArray[Any]) -> Codes:
    try:
        values, codes = np.unique(array, return_inverse=True)
        return Codes(codes.reshape(array.shape).astype(np.int64), len(values), values)
    except TypeError:  # mixed types cannot be sorted
        return _hashed(array)


def _hashed(array: NDArray[Any]) -> Codes:
    number: dict[Any, int] = {}
    try:
        codes = [number.setdefault(label, len(number)) for label in array.reshape(-1).tolist()]
    except TypeError as error:
        raise InvalidInputError(f"labels must be hashable: {error}") from None
    values = np.empty(len(number), dtype=object)
    values[:] = list(number)
    return Codes(np.asarray(codes, dtype=np.int64).reshape(array.shape), len(number), values)


def _refuse_missing(array: NDArray[Any]) -> None:
    missing = np.argwhere(np.asarray(array != array, dtype=bool))
    if len(missing):
        index = ", ".join(str(int(number)) for number in missing[0])
        raise InvalidInputError(f"labels[{index}] is NaN; every sample needs a class")
