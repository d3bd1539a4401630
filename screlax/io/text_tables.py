"""Tables of text: rows cut at the separator of the file, one column by name, all as numbers."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import shown
from ..errors import FileFormatError
from .contents.in_file import InFile
from .contents.names import LABEL_HEADERS
from .files import SEPARATORS, Row, existing_file, rows_of, separators_of, widths_of
from .shown import is_number

SUFFIXES = (".csv", ".tsv", ".txt")


def filled_rows(file: Path) -> Iterator[Row]:
    """Yield the rows that are not blank, cut at the separator of the file."""
    return (row for row in rows_of(file, separator_of(file)) if row[1])


def separator_of(file: Path) -> str:
    """Return what cuts the rows into columns; of one column, a comma."""
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
    return next(iter(found), None) or next(cuts, ",")


def named_column(file: Path, name: str) -> tuple[list[str] | None, int, Iterator[Row]]:
    """Return the header, None where columns have numbers (from 1), the place of a column, and rows.

    Rows below the header; all have as many fields as the first, and none is blank but the last.
    """
    rows = _even(file, rows_of(file, separator_of(file)))
    first = next(rows, None)
    fields = [] if first is None else first[1]
    if fields.count(name) == 1:
        return fields, fields.index(name), rows
    if first is not None and name.isdecimal() and 1 <= int(name) <= len(fields):
        return None, int(name) - 1, chain([first], rows)
    again = "several columns" if name in fields else "no column"
    raise FileFormatError(
        f"{file} has {again} {name!r}; its first line is {shown(', '.join(fields))}, so give one "
        "of these, or the number of a column, from 1"
    )


def _even(file: Path, rows: Iterator[Row]) -> Iterator[Row]:
    columns, blank = 0, 0
    for line, fields in rows:
        if not fields:
            blank = blank or line
            continue
        columns = columns or len(fields)
        if blank or len(fields) != columns:
            what = f"blank, or {len(fields)} columns" if blank else f"{len(fields)} columns"
            raise FileFormatError(
                f"{file}, line {blank or line}: {what}, where the first line has {columns}"
            )
        yield line, fields


def text_matrix(place: InFile) -> NDArray[np.float64]:
    """Read a table of numbers, one row per sample, with a header or not; labels are left out."""
    file = existing_file(place, SUFFIXES)
    cuts: str | None = separator_of(file)
    first = next(filled_rows(file), (1, []))
    fields = first[1]
    if len(fields) == 1 and len(fields[0].split()) > 1:  # as numpy.savetxt writes it
        cuts, fields = None, fields[0].split()
    header = not all(map(is_number, fields))
    wanted = [n for n, name in enumerate(fields) if not (header and name.lower() in LABEL_HEADERS)]
    if place.name is not None:
        wanted = [named_column(file, place.name)[1]]
    reading: dict[str, Any] = {"delimiter": cuts, "skiprows": first[0] if header else 0}
    try:
        return np.loadtxt(
            file, usecols=wanted, ndmin=2, comments=None, encoding="utf-8-sig", quotechar='"',
            **reading,
        )  # fmt: skip
    except ValueError as error:
        raise FileFormatError(
            f"{file} is no table of numbers: {error} (rows from 0, below a header); embeddings are "
            "one row per sample, with a column for each feature and, if any other, one of labels "
            "called 'label'"
        ) from None
