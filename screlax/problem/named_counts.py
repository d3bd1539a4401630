"""Counts in one column or array of several, with the labels beside them."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import as_numpy
from ..errors import FileFormatError
from ..io.contents.base import Contents, Entry
from ..io.contents.in_file import InFile, say_which
from ..io.contents.names import LABEL_HEADERS
from ..io.contents.opened import entries_of
from ..io.text_tables import named_column
from .count_numbers import COUNT_HEADERS, count_of, counts_from_array
from .labels import label_array
from .text_labels import repeated, typed_labels


def column_counts(file: Path, name: str) -> tuple[list[int] | list[str] | None, array[int]]:
    """Read a column of counts among several, and that of labels if there is one."""
    header, column, rows = named_column(file, name)
    counts, labels, lines = array("q"), list[str](), list[int]()
    beside: int | None = None
    for line, fields in rows:
        if not lines:
            beside = labels_beside(header or [""] * len(fields), column)
        lines.append(line)
        counts.append(count_of(fields[column], file, f"line {line}"))
        if beside is not None:
            labels.append(fields[beside])
    if beside is None:
        return None, counts
    typed = typed_labels(labels, lambda position: f"{file}, line {lines[position]}")
    twice = repeated(typed)
    if twice is not None:
        again = twice[1]
        raise FileFormatError(
            f"{file}, line {lines[again]}: label {labels[again]!r} already has a count; merge them"
        )
    return typed, counts


def labels_beside(names: list[str], column: int) -> int | None:
    """Return the place of the labels beside counts: of their name, or the only other column."""
    known = [n for n, name in enumerate(names) if n != column and name.lower() in LABEL_HEADERS]
    if len(known) == 1:
        return known[0]
    return 1 - column if len(names) == 2 else None


def counts_in_contents(
    place: InFile,
) -> tuple[list[int] | list[str] | None, NDArray[np.int64]]:
    """Read an array or column of counts, and that of labels if there is one."""
    labels, counts = numbers_in_contents(place, COUNT_HEADERS, "count")
    return labels, counts_from_array(Path(place), counts)


def numbers_in_contents(
    place: InFile, usual: Collection[str], what: str, option: str = "--column"
) -> tuple[list[int] | list[str] | None, NDArray[Any]]:
    """Read an array or column of numbers, one per class, and that of labels if there is one.

    `usual` are its names, `what` one of the numbers, `option` that which names it otherwise.
    """

    def choose(contents: Contents) -> list[Entry]:
        remedy = f"name that of {what}s {what} or {what}s, or {say_which(option)}"
        chosen = (
            contents.meant(usual, f"{what}s", remedy)
            if place.name is None
            else contents.named(place.name)
        )
        contents.check_labels(f"{what}s", LABEL_HEADERS)
        names = [name for name, one in contents.entries.items() if one.shape == chosen.shape]
        column = next(n for n, name in enumerate(names) if contents.entries[name] is chosen)
        beside = labels_beside(names, column)
        return [chosen, *([] if beside is None else [contents.entries[names[beside]]])]

    file = Path(place)
    numbers, *labels = (as_numpy(values, str(place)) for values in entries_of(place, choose))
    if not labels:
        return None, numbers
    names = label_array(labels[0], what=f"labels of {file}", one_per=what).tolist()
    if len(names) != len(numbers) or len(set(names)) < len(names):
        raise FileFormatError(
            f"{file} holds {len(numbers):,} {what}s of {len(set(names)):,} different labels; give "
            f"one {what} per class"
        )
    return names, numbers
