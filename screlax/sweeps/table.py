"""The result of a sweep: one row per point, columns of one kind each, CSV and Parquet."""

from __future__ import annotations

import csv
import io
import math
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidInputError
from ..solution.storage import atomic_file

TIMINGS = ("seconds",)
"""Columns that differ from run to run."""

COLUMNS: dict[str, type] = {
    "profile": str,
    "imbalance": float,
    "seed": int,
    "classes": int,
    "samples": int,
    "control": str,
    "parameter": float,
    "temperature": float,
    "dim": int,
    "status": str,
    "value": float,
    "lower": float,
    "upper": float,
    "gap": float,
    "rank": int,
    "norm_largest": float,
    "norm_smallest": float,
    "cosine_largest": float,
    "cosine_extremes": float,
    "cosine_smallest": float,
    "solver": str,
    "error": str,
    "seconds": float,
}
"""Name and kind of every column; None stands for what does not exist."""

SUFFIXES = (".csv", ".parquet")

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class SweepTable(Mapping[str, list[Any]]):
    """A sweep as columns of equal length; a mapping, so that `pandas.DataFrame(table)` takes it.

    Columns are profile, imbalance, seed, classes, samples, control, parameter (λ or ρ),
    temperature; status ("optimal", "inaccurate", "failed"); value (summed over anchors), lower,
    upper, gap; rank; the norms of a class of the largest and of the smallest size; the cosines
    between the two largest classes, the largest and the smallest, and the two smallest; solver;
    error; seconds. Entries are text, whole or real numbers; None where there is nothing to say.

    Attributes
    ----------
    rows : tuple of dict
        One dict per point, in the order of the points.
    """

    rows: tuple[Row, ...]

    def __getitem__(self, name: str) -> list[Any]:
        if name not in COLUMNS:
            raise KeyError(name)
        return [row[name] for row in self.rows]

    def __iter__(self) -> Iterator[str]:
        return iter(COLUMNS)

    def __len__(self) -> int:
        """Return the number of columns; `len(table.rows)` is that of points."""
        return len(COLUMNS)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each status."""
        return dict(Counter(row["status"] for row in self.rows))

    @property
    def all_optimal(self) -> bool:
        """Whether every point is certified."""
        return all(row["status"] == "optimal" for row in self.rows)

    def to_dict(self, *, timings: bool = True) -> dict[str, list[Any]]:
        """Return the columns, without those that differ from run to run if so wanted."""
        return {name: self[name] for name in COLUMNS if timings or name not in TIMINGS}

    def values_equal(self, other: SweepTable) -> bool:
        """Whether both tables are the same bit for bit, timings left out; NaN equals NaN."""
        if len(self.rows) != len(other.rows):
            return False
        names = [name for name in COLUMNS if name not in TIMINGS]
        return all(
            _bits(mine[name]) == _bits(theirs[name])
            for mine, theirs in zip(self.rows, other.rows, strict=True)
            for name in names
        )

    def write(self, path: str | Path, *, timings: bool = True) -> Path:
        """Write the table as .csv or .parquet, by the suffix; atomically.

        In CSV numbers have all their digits and an empty field is None.

        Raises
        ------
        InvalidInputError
            If the suffix is another, the folder cannot be written to, or pyarrow is missing.
        """
        target = Path(path)
        check_table_path(target)
        columns = self.to_dict(timings=timings)
        data = _csv(columns) if target.suffix == ".csv" else _parquet(columns)
        with atomic_file(target) as sink:
            sink.write(data)
        return target

    def __repr__(self) -> str:
        said = ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))
        return f"<SweepTable: {len(self.rows)} points{': ' if said else ''}{said}>"


def check_table_path(path: Path) -> None:
    """Raise an `InvalidInputError` unless a table could be written in the format of the suffix."""
    if path.suffix not in SUFFIXES:
        raise InvalidInputError(f"{path} must end in {' or '.join(SUFFIXES)}")
    if path.suffix == ".parquet":
        _pyarrow()


def _bits(value: Any) -> Any:
    return struct.pack("<d", value) if isinstance(value, float) and value == value else str(value)


def _csv(columns: dict[str, list[Any]]) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(columns)
    for entries in zip(*columns.values(), strict=True):
        writer.writerow([_field(entry) for entry in entries])
    return sink.getvalue().encode()


def _field(entry: Any) -> str:
    if entry is None:
        return ""
    if isinstance(entry, float):
        return "nan" if math.isnan(entry) else repr(entry)
    return str(entry)


def _parquet(columns: dict[str, list[Any]]) -> bytes:
    arrow, parquet = _pyarrow()
    kinds = {str: arrow.string(), int: arrow.int64(), float: arrow.float64()}
    arrays = {
        name: arrow.array(column, type=kinds[COLUMNS[name]], from_pandas=False)
        for name, column in columns.items()
    }
    sink = io.BytesIO()
    parquet.write_table(arrow.table(arrays), sink)
    return sink.getvalue()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InvalidInputError(
            "writing Parquet needs pyarrow: pip install pyarrow, or write .csv instead"
        ) from None
    return pyarrow, parquet
