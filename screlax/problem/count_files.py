"""Files of class counts, with labels or without, and of class sizes with multiplicities."""

from __future__ import annotations

import math
import os
import re
from array import array
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import shown
from ..errors import FileFormatError
from ..io.files import (
    SEPARATORS,
    JsonObject,
    Row,
    array_of,
    existing_file,
    json_of,
    rows_of,
    separators_of,
    widths_of,
)
from ..problem.class_sizes import MAX_SIZE
from ..problem.label_files import LABEL_HEADERS, MISSING, typed_labels

SIZE_HEADERS = frozenset(
    {"size", "sizes", "samples", "class_size", "class_sizes", "num_samples", "n_samples"}
)
"""Headers of a column of class sizes, whatever their case."""

COUNT_HEADERS = SIZE_HEADERS | {"count", "counts", "n", "frequency", "number"}
"""Headers taken for one by `read_counts`: a count may be one of samples, or of classes."""

MULTIPLICITY_HEADERS = frozenset(
    {"multiplicity", "multiplicities", "classes", "copies", "n_classes", "num_classes", "k"}
)
"""Headers of a column that says how many classes have a size, whatever their case."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf(inity)?", re.I)
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}([.,'’_\s][0-9]{3})+")


def read_counts(path: str | os.PathLike[str]) -> NDArray[np.int64]:
    """Read the number of samples of each class, in file order.

    Parameters
    ----------
    path : str or path-like
        - .csv, .tsv, .txt: one count a line, or two columns of different labels and counts,
          separated by commas, semicolons or tabs. Blank lines are skipped. A first line whose last
          column is one of `COUNT_HEADERS` is a header, and what pandas writes, 'y,0'; no other word
          is, so that a misspelt first count is never dropped.
        - .npy: a one-dimensional integer array.
        - .json: a list of counts, or an object that maps labels to counts.

    Returns
    -------
    ndarray of int64, shape (k,)

    Raises
    ------
    FileFormatError
        If the file cannot be read as this, or a count is not a positive whole number. Thousands
        separators are refused, a dot before exactly three digits among them.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> np.savetxt("counts.csv", [["cat", 50], ["dog", 5]], fmt="%s", delimiter=",")
    >>> screlax.read_counts("counts.csv")
    array([50,  5])
    """
    return read_labelled_counts(path)[1]


def read_labelled_counts(
    path: str | os.PathLike[str],
) -> tuple[list[int] | list[str] | None, NDArray[np.int64]]:
    """Read the label of each class, None in a file of counts only, and its number of samples.

    As `read_counts`, in file order; labels are int if all are whole numbers, as in `read_labels`.
    """
    file = existing_file(path)
    suffix = file.suffix.lower()
    if suffix == ".npy":
        return None, _counts_from_array(file)
    labels, counts = _json_counts(file) if suffix == ".json" else _text_counts(file)
    if not counts:
        raise FileFormatError(f"{file} holds no counts; give one positive whole number per class")
    return labels, np.array(counts, dtype=np.int64)


def read_pairs(path: str | os.PathLike[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read class sizes with the number of classes of each, two of shape (p,), for `UFM.from_pairs`.

    A .csv, .tsv or .txt file with two columns, size and multiplicity, separated by commas,
    semicolons or tabs. Blank lines are skipped. A header must name the columns in this order: one
    of `SIZE_HEADERS` (or 'count', where the second is a multiplicity), then one of
    `MULTIPLICITY_HEADERS` (or 'count', where the first is a size).
    """
    file = existing_file(path)
    if file.suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise FileFormatError(f"{file}: pairs of size and multiplicity are read from .csv or .txt")
    sizes, multiplicities = array("q"), array("q")
    for line, fields in _after_pair_header(file, filled_rows(file)):
        if len(fields) != 2:
            raise FileFormatError(
                f"{file}, line {line}: {len(fields)} columns in {','.join(fields)!r}; every line "
                "needs a class size and how many classes have it"
            )
        sizes.append(_count(fields[0], file, f"line {line}"))
        multiplicities.append(_count(fields[1], file, f"line {line}"))
    if not sizes:
        raise FileFormatError(f"{file} holds no pairs; give one 'size,multiplicity' a line")
    return np.array(sizes, dtype=np.int64), np.array(multiplicities, dtype=np.int64)


def filled_rows(file: Path) -> Iterator[Row]:
    """Yield the rows that are not blank, cut at the separator of the file."""
    found = separators_of(file)
    if len(found) > 1:
        names = " and ".join(SEPARATORS[separator] for separator in found)
        raise FileFormatError(
            f"{file}: {names} both cut every line into columns, so which one separates is not "
            "clear; put labels in quotation marks, and write counts without thousands separators"
        )
    cuts = (
        separator for separator, widths in widths_of(file).items() if max(widths, default=0) > 1
    )
    separator = next(iter(found), None) or next(cuts, ",")
    return (row for row in rows_of(file, separator) if row[1])


def _after_header(file: Path, rows: Iterator[Row]) -> Iterator[Row]:
    """Leave out a header of counts."""
    first = next(rows, None)
    if first is None:
        return iter(())
    names = [field.lower() for field in first[1]]
    if len(names) == 2 and names[0] in COUNT_HEADERS and names[1] in COUNT_HEADERS | LABEL_HEADERS:
        raise FileFormatError(
            f"{file}, line {first[0]}: of {','.join(first[1])!r} the first column must be the "
            "label and the second the count (sizes with multiplicities are pairs)"
        )
    from_pandas = len(names) == 2 and names[0] in LABEL_HEADERS | {""} and names[1] == "0"
    return rows if names[-1] in COUNT_HEADERS or from_pandas else chain([first], rows)


def _after_pair_header(file: Path, rows: Iterator[Row]) -> Iterator[Row]:
    """Leave out a header of pairs, and refuse one whose columns are in another order."""
    first = next(rows, None)
    if first is None or any(_number(field) is not None for field in first[1]):
        return iter(()) if first is None else chain([first], rows)
    names = [field.lower() for field in first[1]]
    known = [
        (one in SIZE_HEADERS and two in MULTIPLICITY_HEADERS | COUNT_HEADERS - SIZE_HEADERS)
        or (one in COUNT_HEADERS and two in MULTIPLICITY_HEADERS)
        for one, two in [(names[0], names[-1])]
    ]
    if len(names) == 2 and known[0]:
        return rows
    raise FileFormatError(
        f"{file}, line {first[0]}: {','.join(first[1])!r} is neither two numbers nor a header such "
        "as 'size,multiplicity'; the size of a class comes first, how many classes have it second"
    )


def _text_counts(file: Path) -> tuple[list[int] | list[str] | None, array[int]]:
    counts, labels = array("q"), list[str]()
    columns, start = 0, 0
    for line, fields in _after_header(file, filled_rows(file)):
        columns, start = columns or len(fields), start or line
        if len(fields) > 2 or len(fields) != columns:
            raise FileFormatError(
                f"{file}, line {line}: {len(fields)} columns in {','.join(fields)!r}; every line "
                "needs one count, or every line a label and a count"
            )
        text = fields[-1]
        counts.append(_digits(text) or _count(text, file, f"line {line}", first=line == start))
        if columns == 2:
            labels.append(fields[0])
            if text[0] == "0" and len(text) == 3 and fields[0].isdigit():
                _refuse_thousands(f"{file}, line {line}: {','.join(fields)!r}")
    if columns < 2:
        return None, counts
    _refuse_repeated(file, labels)
    return typed_labels(labels, lambda position: f"{file}, {_line_of(file, position)}"), counts


def _line_of(file: Path, position: int) -> str:
    """Say on which line an entry is, by reading the file again."""
    rows = _after_header(file, filled_rows(file))
    return f"line {next(line for number, (line, _) in enumerate(rows) if number == position)}"


def _refuse_repeated(file: Path, labels: list[str]) -> None:
    """Refuse two counts of a class: '1,280' and '1,100' look like a class '1' twice."""
    if len(set(labels)) == len(labels):
        return
    seen: dict[str, int] = {}
    again = next(n for n, label in enumerate(labels) if seen.setdefault(label, n) != n)
    raise FileFormatError(
        f"{file}, {_line_of(file, again)}: label {labels[again]!r} already has a count on "
        f"{_line_of(file, seen[labels[again]])}; merge the two (or drop thousands separators)"
    )


def _json_counts(file: Path) -> tuple[list[int] | list[str] | None, array[int]]:
    content = json_of(file, lambda text: text if _THOUSANDS.fullmatch(text) else float(text))
    if isinstance(content, JsonObject):
        labels = [label for label, _ in content]
        if len(set(labels)) != len(labels):
            repeated = next(label for label in labels if labels.count(label) > 1)
            raise FileFormatError(f"{file}: label {repeated!r} occurs twice; merge its counts")
        counts = [_count(value, file, f"label {label!r}") for label, value in content]
        return typed_labels(labels, lambda n: f"{file}, entry {n} (from 0)"), array("q", counts)
    if not isinstance(content, list):
        raise FileFormatError(
            f"{file} holds a single {type(content).__name__}; write a list of counts or an object "
            "that maps labels to counts"
        )
    counts = [_count(value, file, f"entry {n} (from 0)") for n, value in enumerate(content)]
    return None, array("q", counts)


def _digits(text: str) -> int:
    """Return the count that digits are, without what all other counts need; else 0."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 13 else 0


def _count(value: Any, file: Path, where: str, *, first: bool = False) -> int:
    """Check one count; whole floats such as 5e3 pass, because numpy.savetxt writes those."""
    number = _number(value)
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
    if isinstance(value, str) and _THOUSANDS.fullmatch(value):
        _refuse_thousands(f"{file}, {where}: {value!r}")
    raise FileFormatError(f"{file}, {where}: {shown(value)} is not a class count; {fix}")


def _refuse_thousands(what: str) -> None:
    raise FileFormatError(
        f"{what} looks like a number with a thousands separator; write counts as digits only, 5000"
    )


def _number(value: Any) -> float | None:
    """Return the number that is meant, None if it is none or has a thousands separator."""
    if not isinstance(value, str):
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if _THOUSANDS.fullmatch(value) or not _NUMBER.fullmatch(value):
        return None
    number = float(value)  # exact for every whole number up to MAX_SIZE
    return number if not math.isnan(number) else None


def _counts_from_array(file: Path) -> NDArray[np.int64]:
    values = array_of(file)
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
        _count(int(values[index]), file, f"entry {index} (from 0)")
    return values.astype(np.int64)
