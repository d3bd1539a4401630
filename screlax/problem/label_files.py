"""Files of labels, one per sample, and what labels written as text are."""

import itertools
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import shown
from ..errors import FileFormatError, HeaderWarning, InvalidInputError
from ..io.files import (
    SEPARATORS,
    JsonObject,
    array_of,
    existing_file,
    json_of,
    rows_of,
    separators_of,
)
from ..io.shown import is_number
from ..problem.labels import label_array

LABEL_HEADERS = frozenset({"label", "labels", "class", "classes", "target", "targets", "y"})
"""First lines taken for a header by `read_labels`, whatever their case."""

MISSING = frozenset({"", "nan", "na", "n/a", "<na>", "nat", "null", "none"})
"""How a missing entry among numbers is written, whatever the case."""

# Leading zeros or a plus sign make a label text: '007' and '7' may be two classes.
_CANONICAL_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_WITH_A_DOT = re.compile(r"[+-]?[0-9]+\.[0-9]*([eE][+-]?[0-9]+)?")

_NO_SEPARATOR = "\x1f"
"""What no label has, to read quotes without cutting at commas."""


def read_labels(path: str | os.PathLike[str]) -> list[int] | list[str]:
    """Read the class label of each sample, in file order.

    Parameters
    ----------
    path : str or path-like
        - .csv, .tsv, .txt: one label a line, in quotation marks or not; a blank line before the
          last label is an error, because a sample without a label cannot be told from an accident.
          The first line is a header if it is one of `LABEL_HEADERS` and does not occur again (so
          'y', 'n', 'y' are three labels). Labels are int if all are whole numbers, as
          `numpy.savetxt` writes them too, without leading zeros, else all are str.
        - .npy: a one-dimensional array of integers, booleans or text.
        - .json: a list of integers or a list of strings.

    Returns
    -------
    list of int or list of str, length n

    Raises
    ------
    FileFormatError
        If the file cannot be read as this, has more than one column, has a missing label among
        numbers, or a first line that alone is no number.

    Warns
    -----
    HeaderWarning
        If the first line occurs only once, other lines more often, so that it may be a header.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> np.savetxt("labels.csv", ["label", "cat", "dog", "cat"], fmt="%s")
    >>> screlax.read_labels("labels.csv")
    ['cat', 'dog', 'cat']
    """
    labels = _labels_in(path)
    return labels if isinstance(labels, list) else labels.tolist()


def as_labels(source: Any, count: int) -> NDArray[Any]:
    """Return labels, one per sample, as an array, shape (n,).

    Parameters
    ----------
    source : array-like, torch tensor, or path
        A path is read by `read_labels`, anything else by `screlax.problem.labels.label_array`.
    count : int
        How many there must be.

    Raises
    ------
    InvalidInputError
        If there is another number of them, or one is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import as_labels
    >>> np.savetxt("labels.csv", [3, 1, 3], fmt="%d")
    >>> as_labels("labels.csv", 3)
    array([3, 1, 3])
    """
    from_file = isinstance(source, str | os.PathLike)
    labels = label_array(_labels_in(source) if from_file else source)
    if len(labels) != count:
        raise InvalidInputError(
            f"there are {count:,} embeddings but {len(labels):,} labels; give one label per row"
        )
    return labels


def _labels_in(path: str | os.PathLike[str]) -> list[Any] | NDArray[Any]:
    """Read a file; an array stays one: a million Python objects take most of a second."""
    file = existing_file(path)
    suffix = file.suffix.lower()
    if suffix == ".npy":
        labels: list[Any] | NDArray[Any] = _labels_from_array(file)
    else:
        labels = _json_labels(file) if suffix == ".json" else _text_labels(file)
    if len(labels) == 0:
        raise FileFormatError(f"{file} holds no labels; give one label per sample")
    return labels


def typed_labels(labels: list[str], place: Callable[[int], str]) -> list[int] | list[str]:
    """Return integers if all labels are whole numbers, else the labels as they are.

    None may be missing if all others are numbers; `place` says where the label of a position is.
    """
    different = set(labels)
    whole = {label: number for label in different if (number := _whole(label)) is not None}
    if len(whole) == len(different):
        return [whole[label] for label in labels]
    others = [label for label in different if label.lower() not in MISSING]
    if others and len(others) < len(different) and all(map(is_number, others)):
        first = next(n for n, label in enumerate(labels) if label.lower() in MISSING)
        raise FileFormatError(
            f"{place(first)}: the label {labels[first]!r} is missing, and the others are numbers; "
            "every sample needs a class, so leave that sample out or give it one"
        )
    return labels


def _whole(label: str) -> int | None:
    """Return the whole number that a label is, None if it is none."""
    if _CANONICAL_INTEGER.fullmatch(label):
        return int(label)
    if _WITH_A_DOT.fullmatch(label):
        number = float(label)
        return int(number) if abs(number) < 2**53 and number == int(number) else None
    return None


def _text_labels(file: Path) -> list[int] | list[str]:
    _refuse_columns(file)
    separator = _NO_SEPARATOR if file.suffix.lower() == ".txt" else ","
    same: dict[str, str] = {}  # one object for all equal labels
    labels: list[str] = []
    lines: list[int] = []  # where labels are, if that is not one a line
    blank = 0
    for line, fields in rows_of(file, separator):
        if not fields:
            blank = blank or line
            continue
        if blank or len(fields) != 1:
            what = "blank, no label" if blank else f"{len(fields)} columns, keep the label only"
            raise FileFormatError(f"{file}, line {blank or line}: {what}; write one label per line")
        if lines or line != len(labels) + 1:  # a label of several lines
            lines = lines or list(range(1, len(labels) + 1))
            lines.append(line)
        labels.append(same.setdefault(fields[0], fields[0]))

    def place(position: int) -> str:
        return f"{file}, line {lines[position] if lines else position + 1}"

    header = _has_header(labels, place)
    return typed_labels(labels[header:], lambda position: place(position + header))


def _has_header(labels: list[str], place: Callable[[int], str]) -> bool:
    """Whether the first line is a header; refuse or warn where it may be one."""
    if not labels or labels[0] in itertools.islice(labels, 1, None):
        return False
    first, others = labels[0], set(labels[1:])
    if first.lower() in LABEL_HEADERS:
        return True
    numbers = [label for label in others if label.lower() not in MISSING]
    alone = not is_number(first) and first.lower() not in MISSING
    if alone and numbers and all(map(is_number, numbers)):
        raise FileFormatError(
            f"{place(0)}: {first!r} is the only line that is no number; if it is a header, leave "
            "it out or call it 'label'"
        )
    if len(others) < len(labels) - 1:
        warnings.warn(
            f"{place(0)}: {shown(first)} occurs only once and was read as a label; if it is a "
            "header, leave it out or call it 'label'",
            HeaderWarning,
            stacklevel=5,
        )
    return False


def _refuse_columns(file: Path) -> None:
    """Refuse a file whose lines all have several columns, naming the separator."""
    for separator, columns in separators_of(file).items():
        raise FileFormatError(
            f"{file}, line 1: {columns} columns, keep the label only; a {SEPARATORS[separator]} "
            "separates columns in every line, so put labels that have one in quotation marks"
        )


def _json_labels(file: Path) -> list[Any]:
    content = json_of(file)
    if isinstance(content, JsonObject) or not isinstance(content, list):
        raise FileFormatError(f"{file}: labels in JSON must be a list with one label per sample")
    for index, label in enumerate(content):
        if type(label) not in (int, str) or type(label) is not type(content[0]):
            raise FileFormatError(
                f"{file}, entry {index} (from 0): {shown(label)} does not fit; labels must all be "
                "integers or all be strings"
            )
    return content


def _labels_from_array(file: Path) -> NDArray[Any]:
    array = array_of(file)
    if array.dtype.kind not in "iubU":
        raise FileFormatError(
            f"{file} holds {array.dtype} values; labels must be integers, booleans or text, so "
            "save labels.astype(int)"
        )
    try:
        array = label_array(array)
    except InvalidInputError as error:
        raise FileFormatError(f"{file}: {error}") from None
    return array.astype(np.int64) if array.dtype.kind == "b" else array
