"""Tables in Parquet: columns of numbers and text, and columns of lists, which are rows."""

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FileFormatError, MissingExtraError
from .base import Contents, Entry


def parquet_contents(file: Path, allow_pickle: bool = False) -> Contents:
    """Return the columns of a Parquet file; each is read when it is asked for."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError(
            f"{file}: reading Parquet needs pyarrow: pip install 'screlax[parquet]', or write .csv "
            "instead"
        ) from None
    try:
        found = parquet.ParquetFile(file)
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from None
    rows = found.metadata.num_rows
    entries = {
        field.name: _entry(file, parquet, field, rows)
        for field in found.schema_arrow
        if not field.name.startswith("__index_level_")  # what pandas adds
    }
    return Contents(file, entries, columns=True)


def _entry(file: Path, parquet: Any, field: Any, rows: int) -> Entry:
    kind = getattr(field.type, "storage_type", field.type)
    inner = getattr(kind, "value_type", None) if not hasattr(kind, "index_type") else None
    width = getattr(kind, "list_size", None)

    def read() -> Any:
        column = parquet.read_table(file, columns=[field.name]).column(0)
        if hasattr(field.type, "storage_type"):
            column = column.cast(kind)
        column = column.combine_chunks()
        if hasattr(kind, "index_type"):
            column = column.dictionary_decode()
        if inner is not None:
            return _rows_of_lists(file, field.name, column)
        _refuse_missing(file, field.name, column)
        text = str(column.type).endswith("string") or str(column.type) == "string_view"
        return column.to_pylist() if text else column.to_numpy(zero_copy_only=False)

    if inner is None:
        return Entry((rows,), _named(kind), read)
    return Entry((rows, *([] if width is None else [width])), f"lists of {_named(inner)}", read)


def _rows_of_lists(file: Path, name: str, column: Any) -> Any:
    """Return lists of equal length as the rows of a matrix."""
    from pyarrow import compute

    _refuse_missing(file, name, column)
    lengths = compute.list_value_length(column).to_numpy(zero_copy_only=False)
    if len(lengths) and lengths.min() < lengths.max():
        other = int(np.argmax(lengths != lengths[0]))
        raise FileFormatError(
            f"{file}, column {name!r}, row {other} (from 0): a list of {lengths[other]}, and those "
            f"before it of {lengths[0]}; embeddings all have the same number of features"
        )
    values = column.flatten()
    _refuse_missing(file, name, values)
    if hasattr(values.type, "value_type"):
        raise FileFormatError(f"{file}, column {name!r} holds lists of lists; one vector a row")
    return values.to_numpy(zero_copy_only=False).reshape(len(column), -1)


def _refuse_missing(file: Path, name: str, column: Any) -> None:
    if column.null_count:
        first = column.is_null().to_pylist().index(True)
        raise FileFormatError(
            f"{file}, column {name!r}: {column.null_count} entries are missing, the first at "
            f"position {first} (from 0); leave those rows out"
        )


def _named(kind: Any) -> str:
    names = {"double": "float64", "float": "float32", "halffloat": "float16"}
    return names.get(str(kind), str(kind))
