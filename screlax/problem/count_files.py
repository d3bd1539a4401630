"""Files of class counts, with labels or without, and of class sizes with multiplicities."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import FileFormatError
from ..io.class_folders import class_folder_counts
from ..io.contents.in_file import in_file
from ..io.contents.names import LABEL_HEADERS
from ..io.contents.opened import FORMATS
from ..io.files import SUFFIXES, JsonObject, Row, array_of, existing_file, json_of
from ..io.text_tables import filled_rows
from .count_numbers import (
    COUNT_HEADERS,
    SIZE_HEADERS,
    THOUSANDS,
    count_of,
    counts_from_array,
    digits,
    number_of,
    refuse_thousands,
)
from .label_files import is_folder, refuse_name
from .named_counts import column_counts, counts_in_contents
from .text_labels import repeated, typed_labels

MULTIPLICITY_HEADERS = frozenset(
    {"multiplicity", "multiplicities", "classes", "copies", "n_classes", "num_classes", "k"}
)
"""Headers of a column that says how many classes have a size, whatever their case."""


def read_counts(path: str | os.PathLike[str]) -> NDArray[np.int64]:
    """Read the number of samples of each class, in file order.

    Parameters
    ----------
    path : str or path-like
        - .csv, .tsv, .txt: one count a line, or two columns of different labels and counts,
          separated by commas, semicolons or tabs. Blank lines are skipped. A first line whose last
          column is one of `COUNT_HEADERS` is a header, and what pandas writes, 'y,0'; no other word
          is, so that a misspelt first count is never dropped.
          `geometry.InFile` names the column of counts among several; that of labels is the other
          one, or the one whose header says so, if there is one.
        - .npy: a one-dimensional integer array.
        - .json: a list of counts, or an object that maps labels to counts.
        - .npz, .pt, .safetensors, .parquet: arrays or columns with such names.
        - a folder of class folders: the number of files in each, of images where there are any.

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
    if is_folder(path):
        found = class_folder_counts(Path(path))
        return list(found), np.array(list(found.values()), dtype=np.int64)
    file, place = existing_file(path, (*SUFFIXES, *FORMATS)), in_file(path)
    suffix = file.suffix.lower()
    if suffix in FORMATS:
        return counts_in_contents(place)
    if suffix in (".npy", ".json"):
        refuse_name(place)
    if suffix == ".npy":
        return None, counts_from_array(file, array_of(file))
    if place.name is not None:
        labels, counts = column_counts(file, place.name)
    else:
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
        sizes.append(count_of(fields[0], file, f"line {line}"))
        multiplicities.append(count_of(fields[1], file, f"line {line}"))
    if not sizes:
        raise FileFormatError(f"{file} holds no pairs; give one 'size,multiplicity' a line")
    return np.array(sizes, dtype=np.int64), np.array(multiplicities, dtype=np.int64)


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
    if first is None or any(number_of(field) is not None for field in first[1]):
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
        counts.append(digits(text) or count_of(text, file, f"line {line}", first=line == start))
        if columns == 2:
            labels.append(fields[0])
            if text[0] == "0" and len(text) == 3 and fields[0].isdigit():
                refuse_thousands(f"{file}, line {line}: {','.join(fields)!r}")
    if columns < 2:
        return None, counts
    typed = typed_labels(labels, lambda position: f"{file}, {_line_of(file, position)}")
    _refuse_repeated(file, labels, typed)
    return typed, counts


def _line_of(file: Path, position: int) -> str:
    """Say on which line an entry is, by reading the file again."""
    rows = _after_header(file, filled_rows(file))
    return f"line {next(line for number, (line, _) in enumerate(rows) if number == position)}"


def _refuse_repeated(file: Path, labels: list[str], typed: list[int] | list[str]) -> None:
    """Refuse two counts of a class: '1,280' and '1,100' look like a class '1' twice."""
    twice = repeated(typed)
    if twice is not None:
        first, again = twice
        raise FileFormatError(
            f"{file}, {_line_of(file, again)}: label {labels[again]!r} already has a count on "
            f"{_line_of(file, first)}; merge the two (or drop thousands separators)"
        )


def _json_counts(file: Path) -> tuple[list[int] | list[str] | None, array[int]]:
    content = json_of(file, lambda text: text if THOUSANDS.fullmatch(text) else float(text))
    if isinstance(content, JsonObject):
        labels = [label for label, _ in content]
        typed = typed_labels(labels, lambda n: f"{file}, entry {n} (from 0)")
        twice = repeated(typed)
        if twice is not None:
            again = labels[twice[1]]
            raise FileFormatError(f"{file}: label {again!r} occurs twice; merge its counts")
        counts = [count_of(value, file, f"label {label!r}") for label, value in content]
        return typed, array("q", counts)
    if not isinstance(content, list):
        raise FileFormatError(
            f"{file} holds a single {type(content).__name__}; write a list of counts or an object "
            "that maps labels to counts"
        )
    counts = [count_of(value, file, f"entry {n} (from 0)") for n, value in enumerate(content)]
    return None, array("q", counts)
