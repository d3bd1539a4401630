"""Labels of any kind to class numbers 0 … k−1, and what else is said of samples, checked."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..io.arrays import real_array, shown_index
from ..problem.labels import distinct_labels, label_array


@dataclass(frozen=True, eq=False)
class Codes:
    """A class number for every sample.

    Attributes
    ----------
    codes : ndarray of int64
        Shape of the labels.
    classes : int
        All codes are below it; some numbers may have no sample.
    names : tuple or None
        The label of each class, sorted; None where the codes are shifted integers.
    """

    codes: NDArray[np.int64]
    classes: int
    names: tuple[Hashable, ...] | None = None


def encode(
    labels: Any, shapes: tuple[tuple[int, ...], ...], *, names: bool = False, hint: str = ""
) -> Codes:
    """Give every label a class number; a hint is added to the message on a shape not in `shapes`.

    Without names, integers in a narrow range are only shifted.
    """
    array = label_array(labels, shapes=shapes)
    if array.shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise InvalidInputError(
            f"labels must have shape {expected}, one per sample; got {array.shape}{hint}"
        )
    if array.dtype.kind in "iub" and not names:
        shifted = _shifted(array)
        if shifted is not None:
            return shifted
    found, codes = distinct_labels(array)
    return Codes(codes, len(found), found)


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


def nonnegative(values: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return finite nonnegative numbers of a given shape, a mask or weights, as float64."""
    array = real_array(values, name)
    if array.shape != shape:
        raise InvalidInputError(f"{name} must have shape {shape}, got {array.shape}")
    array = array.astype(np.float64)
    bad = np.argwhere(~(np.isfinite(array) & (array >= 0)))
    if len(bad):
        index = shown_index(bad[0])
        raise InvalidInputError(
            f"{name} must be finite and not negative, got {array[tuple(bad[0])]} at index {index}"
        )
    return array
