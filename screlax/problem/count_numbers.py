"""What is a count, written or in an array, and how columns of counts are called."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import shown
from ..errors import FileFormatError
from .class_sizes import MAX_SIZE
from .text_labels import MISSING

SIZE_HEADERS = frozenset(
    {"size", "sizes", "samples", "class_size", "class_sizes", "num_samples", "n_samples"}
)
"""Headers of a column of class sizes, whatever their case."""

COUNT_HEADERS = SIZE_HEADERS | {"count", "counts", "n", "len", "frequency", "number"}
"""Headers taken for one by `read_counts`: a count may be one of samples, or of classes."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf(inity)?", re.I)
THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}([.,'’_\s][0-9]{3})+")


def digits(text: str) -> int:
    """Return the count that digits are, without what all other counts need; else 0."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 13 else 0


def count_of(value: Any, file: Path, where: str, *, first: bool = False) -> int:
    """Check one count; whole floats such as 5e3 pass, because numpy.savetxt writes those."""
    number = number_of(value)
    if number is None:
        fix = "a count must be a whole number"
        if isinstance(value, str) and value.lower() in MISSING:
            fix = "it is missing, and every class needs its count"
        elif isinstance(value, list):
            fix += '; write [120, 45] or {"cat": 120, "dog": 45}'
        elif first:
            fix += (
                "; if this line is a header, leave it out or call the column 'count'; a label and "
                "its count are separated by a comma, a semicolon or a tab"
            )
    elif not number <= MAX_SIZE:  # also NaN, and integers too large for math.isfinite
        fix = f"a count must be finite and at most {MAX_SIZE:.0e}"
    elif number <= 0:
        fix = "a count must be positive; leave out classes without samples"
    elif number != int(number):
        fix = "a count cannot be fractional; give the number of samples, not a share"
    else:
        return int(number)
    if isinstance(value, str) and THOUSANDS.fullmatch(value):
        refuse_thousands(f"{file}, {where}: {value!r}")
    raise FileFormatError(f"{file}, {where}: {shown(value)} is not a class count; {fix}")


def refuse_thousands(what: str) -> None:
    """Refuse a number with a separator: which it is cannot be known."""
    raise FileFormatError(
        f"{what} looks like a number with a thousands separator; write counts as digits only, 5000"
    )


def number_of(value: Any) -> float | None:
    """Return the number that is meant, None if it is none or has a thousands separator."""
    if not isinstance(value, str):
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if THOUSANDS.fullmatch(value) or not _NUMBER.fullmatch(value):
        return None
    number = float(value)  # exact for every whole number up to MAX_SIZE
    return number if not math.isnan(number) else None


def counts_from_array(file: Path, values: NDArray[Any]) -> NDArray[np.int64]:
    """Check an array of counts."""
    if values.ndim != 1:
        raise FileFormatError(
            f"{file} holds an array of shape {values.shape}; it must be one-dimensional"
        )
    if values.dtype.kind not in "iu":
        raise FileFormatError(
            f"{file} holds {values.dtype} values; counts must be integers, save "
            "counts.astype(numpy.int64)"
        )
    if not values.size:
        raise FileFormatError(f"{file} holds no counts; give one positive whole number per class")
    wrong = (values <= 0) | (values > MAX_SIZE)
    if wrong.any():
        index = int(np.argmax(wrong))
        count_of(int(values[index]), file, f"entry {index} (from 0)")
    return values.astype(np.int64)
