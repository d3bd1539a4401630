"""Class counts and sample labels from text, NumPy and JSON files."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FileFormatError
from ..problem.class_sizes import MAX_SIZE
from .files import JsonObject, as_array, as_json, as_rows, as_text, load_bytes

COUNT_HEADERS = frozenset(
    {"count", "counts", "n", "size", "sizes", "samples", "frequency", "number"}
    | {"class_size", "class_sizes", "num_samples", "n_samples"}
)
"""First lines taken for a header by `read_counts`, whatever their case."""

LABEL_HEADERS = frozenset({"label", "labels", "class", "classes", "target", "targets", "y"})
"""First lines taken for a header by `read_labels`, whatever their case."""

PAIR_HEADERS = COUNT_HEADERS | frozenset(
    {"multiplicity", "multiplicities", "classes", "copies", "n_classes", "num_classes", "k"}
)
"""Second columns of a header of `read_pairs`, whatever their case; the first is a count's."""

# Leading zeros or a plus sign make a label text: '007' and '7' may be two classes.
_CANONICAL_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")


def read_counts(path: str | os.PathLike[str]) -> NDArray[np.int64]:
    """Read the number of samples of each class, in file order.

    Parameters
    ----------
    path : str or path-like
        - .csv, .txt: one count a line, or two columns 'label,count' with different labels. Blank
          lines are skipped. A first line whose last column is one of `COUNT_HEADERS` is a header;
          no other word is, so that a misspelt first count is never dropped.
        - .npy: a one-dimensional integer array.
        - .json: a list of counts, or an object that maps labels to counts.

    Returns
    -------
    ndarray of int64, shape (k,)

    Raises
    ------
    FileFormatError
        If the file cannot be read as this, or a count is not a positive whole number.
    """
    return read_labelled_counts(path)[1]


def read_labelled_counts(
    path: str | os.PathLike[str],
) -> tuple[list[int] | list[str] | None, NDArray[np.int64]]:
    """Read the number of samples of each class, and the label of each where the file has them.

    Parameters
    ----------
    path : str or path-like
        As for `read_counts`.

    Returns
    -------
    labels : list of int, list of str, or None
        In file order; int if all are plain integers, as those of `read_labels` are. None for a file
        of counts only.
    counts : ndarray of int64, shape (k,)

    Raises
    ------
    FileFormatError
        If the file cannot be read as this, or a count is not a positive whole number.
    """
    file, data = load_bytes(path)
    suffix = file.suffix.lower()
    if suffix == ".npy":
        return None, _counts_from_array(file, as_array(file, data))
    entries = _json_counts(file, data) if suffix == ".json" else _text_counts(file, data)
    if not entries:
        raise FileFormatError(f"{file} holds no counts; give one positive whole number per class")
    counts = np.array([_count(value, where) for where, _, value in entries], dtype=np.int64)
    labels = [label for _, label, _ in entries if label is not None]
    return (_plain_integers(labels) if labels else None), counts


def read_pairs(path: str | os.PathLike[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read class sizes with the number of classes of each, for `UFM.from_pairs`.

    Parameters
    ----------
    path : str or path-like
        .csv or .txt with two columns 'size,multiplicity'. Blank lines are skipped. A first line
        of one of `COUNT_HEADERS` and one of `PAIR_HEADERS` is a header.

    Returns
    -------
    sizes, multiplicities : ndarray of int64, shape (p,)

    Raises
    ------
    FileFormatError
        If the file cannot be read as this, or a number is not a positive whole number.
    """
    file, data = load_bytes(path)
    if file.suffix.lower() not in (".csv", ".txt"):
        raise FileFormatError(f"{file}: pairs of size and multiplicity are read from .csv or .txt")
    rows = [row for row in as_rows(file, data) if row[1]]
    if rows and _is_pair_header(rows[0][1]):
        rows = rows[1:]
    if not rows:
        raise FileFormatError(f"{file} holds no pairs; give one 'size,multiplicity' a line")
    for line, fields in rows:
        if len(fields) != 2:
            raise FileFormatError(
                f"{file}, line {line}: {len(fields)} columns in {','.join(fields)!r}; every line "
                "needs a class size and how many classes have it"
            )
        if line == rows[0][0] and any(_number(field) is None for field in fields):
            raise FileFormatError(
                f"{file}, line {line}: {','.join(fields)!r} is neither two numbers nor a header "
                "such as 'size,multiplicity'"
            )
    pairs = [[_count(field, f"{file}, line {line}") for field in fields] for line, fields in rows]
    sizes, multiplicities = np.array(pairs, dtype=np.int64).T.copy()
    return sizes, multiplicities


def read_labels(path: str | os.PathLike[str]) -> list[int] | list[str]:
    """Read the class label of each sample, in file order.

    Parameters
    ----------
    path : str or path-like
        - .csv, .txt: one label a line; a blank line before the last label is an error, because a
          sample without a label cannot be told from an accident. The first line is a header if it
          is one of `LABEL_HEADERS` and does not occur again (so 'y', 'n', 'y' are three labels).
          Labels are int if all are plain integers without leading zeros, else all are str.
        - .npy: a one-dimensional array of integers, booleans or text.
        - .json: a list of integers or a list of strings.

    Returns
    -------
    list of int or list of str, length n

    Raises
    ------
    FileFormatError
        If the file cannot be read as this.
    """
    file, data = load_bytes(path)
    suffix = file.suffix.lower()
    if suffix == ".npy":
        labels: list[Any] = _labels_from_array(file, as_array(file, data))
    elif suffix == ".json":
        labels = _json_labels(file, data)
    else:
        labels = _text_labels(file, data)
    if not labels:
        raise FileFormatError(f"{file} holds no labels; give one label per sample")
    return labels


def _is_pair_header(fields: list[str]) -> bool:
    names = [field.lower() for field in fields]
    return len(names) == 2 and names[0] in COUNT_HEADERS and names[1] in PAIR_HEADERS


Entry = tuple[str, str | None, Any]
"""Where a count is, the label of its class if it has one, and the count as written."""


def _text_counts(file: Path, data: bytes) -> list[Entry]:
    rows = [row for row in as_rows(file, data) if row[1]]
    if rows and rows[0][1][-1].lower() in COUNT_HEADERS:
        rows = rows[1:]
    first_line: dict[str, int] = {}
    for line, fields in rows:
        if len(fields) > 2 or len(fields) != len(rows[0][1]):
            raise FileFormatError(
                f"{file}, line {line}: {len(fields)} columns in {','.join(fields)!r}; every line "
                "needs one count, or every line a label and a count"
            )
        # Also catches thousands separators: '1,280' and '1,100' look like a class '1' twice.
        if len(fields) == 2 and first_line.setdefault(fields[0], line) != line:
            raise FileFormatError(
                f"{file}, line {line}: label {fields[0]!r} already has a count on line "
                f"{first_line[fields[0]]}; merge the two (or drop thousands separators)"
            )
    return [
        (f"{file}, line {line}", fields[0] if len(fields) == 2 else None, fields[-1])
        for line, fields in rows
    ]


def _text_labels(file: Path, data: bytes) -> list[int] | list[str]:
    if file.suffix.lower() == ".csv":
        rows = as_rows(file, data)
    else:
        lines = io.StringIO(as_text(file, data), newline=None)
        rows = [(n, [line.strip()] if line.strip() else []) for n, line in enumerate(lines, 1)]
    while rows and not rows[-1][1]:
        rows.pop()
    for line, fields in rows:
        if len(fields) != 1:
            problem = f"{len(fields)} columns, keep the label only" if fields else "blank, no label"
            raise FileFormatError(f"{file}, line {line}: {problem}; write one label per line")
    labels = [fields[0] for _, fields in rows]
    if labels and labels[0].lower() in LABEL_HEADERS and labels[0] not in labels[1:]:
        labels = labels[1:]
    return _plain_integers(labels)


def _plain_integers(labels: list[str]) -> list[int] | list[str]:
    """Return integers if all labels are plain ones, else the labels as they are."""
    if all(_CANONICAL_INTEGER.fullmatch(label) for label in labels):
        return [int(label) for label in labels]
    return labels


def _json_counts(file: Path, data: bytes) -> list[Entry]:
    content = as_json(file, data)
    if isinstance(content, JsonObject):
        labels = [label for label, _ in content]
        if len(set(labels)) != len(labels):
            repeated = next(label for label in labels if labels.count(label) > 1)
            raise FileFormatError(f"{file}: label {repeated!r} occurs twice; merge its counts")
        return [(f"{file}, label {label!r}", label, value) for label, value in content]
    if not isinstance(content, list):
        raise FileFormatError(
            f"{file} holds a single {type(content).__name__}; write a list of counts or an object "
            "that maps labels to counts"
        )
    return [(f"{file}, entry {index} (from 0)", None, value) for index, value in enumerate(content)]


def _json_labels(file: Path, data: bytes) -> list[Any]:
    content = as_json(file, data)
    if isinstance(content, JsonObject) or not isinstance(content, list):
        raise FileFormatError(f"{file}: labels in JSON must be a list with one label per sample")
    for index, label in enumerate(content):
        if type(label) not in (int, str) or type(label) is not type(content[0]):
            raise FileFormatError(
                f"{file}, entry {index} (from 0): {_shown(label)} does not fit; labels must all be "
                "integers or all be strings"
            )
    return content


def _count(value: Any, where: str) -> int:
    """Check one count; whole floats such as 5e3 pass, because numpy.savetxt writes those."""
    number = _number(value)
    if number is None:
        fix = (
            "a count must be a whole number (a header line must be 'count', a label needs a comma)"
        )
    elif not number <= MAX_SIZE:  # also NaN, and integers too large for math.isfinite
        fix = f"a count must be finite and at most {MAX_SIZE:.0e}"
    elif number <= 0:
        fix = "a count must be positive; leave out classes without samples"
    elif number != int(number):
        fix = "a count cannot be fractional; give the number of samples, not a share"
    else:
        return int(number)
    raise FileFormatError(f"{where}: {_shown(value)} is not a class count; {fix}")


def _number(value: Any) -> float | None:
    if not isinstance(value, str):
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    try:
        return float(value)  # exact for every whole number up to MAX_SIZE
    except ValueError:
        return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _counts_from_array(file: Path, array: NDArray[Any]) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        raise FileFormatError(
            f"{file} holds {array.dtype} values; counts must be integers, save "
            "counts.astype(numpy.int64)"
        )
    if not array.size:
        raise FileFormatError(f"{file} holds no counts; give one positive whole number per class")
    wrong = (array <= 0) | (array > MAX_SIZE)
    if wrong.any():
        index = int(np.argmax(wrong))
        _count(int(array[index]), f"{file}, entry {index} (from 0)")
    return array.astype(np.int64)


def _labels_from_array(file: Path, array: NDArray[Any]) -> list[Any]:
    if array.dtype.kind not in "iubU":
        raise FileFormatError(
            f"{file} holds {array.dtype} values; labels must be integers, booleans or text"
        )
    labels: list[Any] = (array.astype(np.int64) if array.dtype.kind == "b" else array).tolist()
    return labels
