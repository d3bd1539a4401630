"""Tables as CSV, Parquet, JSON, text, Markdown and HTML: one writer for all of them.

A table is a mapping of column names to columns of equal length, lists or arrays.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingExtraError
from .atomic import as_path, refuse_unwritable, write_bytes
from .shown import markdown_text, one_line, padded, spreadsheet_cell, width_of

Table = Mapping[str, Sequence[Any] | NDArray[Any]]

SUFFIXES = (".csv", ".parquet")


def write_table(table: Table, path: str | Path, kinds: Mapping[str, type] | None = None) -> Path:
    """Write a table as .csv or .parquet, by the suffix; atomically.

    `kinds` are those of the columns of a Parquet file, by default as pyarrow finds them.
    """
    target = as_path(path)
    check_table_path(target)
    data = csv_bytes(table) if target.suffix == ".csv" else _parquet(table, kinds or {})
    return write_bytes(data, target)


def check_table_path(path: Path | None) -> None:
    """Raise an `InvalidInputError` unless a table could be written there, by the suffix."""
    refuse_unwritable(path, *SUFFIXES)
    if path is not None and path.suffix == ".parquet":
        _pyarrow()


def csv_bytes(table: Table) -> bytes:
    """Return a table as CSV in UTF-8: numbers with all their digits, None as an empty field.

    Text is one line, with a ' before what a spreadsheet would compute (`spreadsheet_cell`).
    """
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(map(spreadsheet_cell, table))
    for entries in rows_of(table):
        writer.writerow(map(_field, entries))
    return sink.getvalue().encode()


def rows_of(table: Table) -> Iterable[tuple[Any, ...]]:
    """Return the rows of a table, numbers of arrays as Python's own."""
    columns = (
        column.tolist() if isinstance(column, np.ndarray) else column for column in table.values()
    )
    return zip(*columns, strict=True)


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return rows as columns, in order of appearance; None where a row has no such entry."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def json_text(record: Any) -> str:
    """Return JSON that every parser takes: null for numbers that are NaN or infinite."""
    return json.dumps(finite(record), indent=2, allow_nan=False)


def finite(value: Any) -> Any:
    """Return JSON-ready data with None for what is NaN or infinite: JSON has no such numbers."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def text_lines(header: Iterable[object], rows: Iterable[Iterable[object]]) -> list[str]:
    """Return a table as lines of a terminal, columns flush right and two spaces apart."""
    lines = [[one_line(cell) for cell in line] for line in (header, *rows)]
    widths = [max(map(width_of, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(padded, line, widths)) for line in lines]


def markdown_lines(header: Iterable[object], rows: Iterable[Iterable[object]]) -> list[str]:
    """Return a table as lines of Markdown, every cell as it is written."""
    lines = [[markdown_text(cell) for cell in line] for line in (header, *rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return ["| " + " | ".join(line) + " |" for line in lines]


def _field(entry: Any) -> str:
    if entry is None:
        return ""
    if isinstance(entry, float):
        return "nan" if math.isnan(entry) else repr(float(entry))
    return spreadsheet_cell(entry) if isinstance(entry, str) else str(entry)


def _parquet(table: Table, kinds: Mapping[str, type]) -> bytes:
    arrow, parquet = _pyarrow()
    types = {str: arrow.string(), int: arrow.int64(), float: arrow.float64()}
    known = {name: types[kind] for name, kind in kinds.items()}
    arrays = {
        name: arrow.array(column, type=known.get(name), from_pandas=False)
        for name, column in table.items()
    }
    sink = io.BytesIO()
    parquet.write_table(arrow.table(arrays), sink)
    return sink.getvalue()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError(
            "writing Parquet needs pyarrow: pip install 'screlax[parquet]', or write .csv instead"
        ) from None
    return pyarrow, parquet
