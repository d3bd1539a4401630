"""The result of a sweep: one row per point, columns of one kind each, CSV and Parquet."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from ..checks import check_rows
from ..io.tables import write_table
from .notebook import sweep_card

TIMINGS = ("seconds",)
"""Columns that differ from run to run."""

COLUMNS: dict[str, type] = {
    "profile": str,
    "imbalance": float,
    "seed": int,
    "classes": int,
    "samples": int,
    "loss": str,
    "features": str,
    "control": str,
    "numbers": str,
    "parameter": float,
    "temperature": float,
    "constraints": str,
    "dim": int,
    "status": str,
    "value": float,
    "lower": float,
    "upper": float,
    "gap": float,
    "relative_gap": float,
    "rounding": float,
    "rank": int,
    "norm_largest": float,
    "norm_smallest": float,
    "cosine_largest": float,
    "cosine_extremes": float,
    "cosine_smallest": float,
    "classifier_norm_largest": float,
    "classifier_norm_smallest": float,
    "classifier_cosine_largest": float,
    "classifier_cosine_extremes": float,
    "classifier_cosine_smallest": float,
    "within_class_variability": float,
    "solver": str,
    "error": str,
    "seconds": float,
}
"""Name and kind of every column; None stands for what does not exist."""

Row = dict[str, Any]


class SweepTable(dict[str, list[Any]]):
    """A sweep as columns of equal length: a dict, so that `pandas.DataFrame(table)` takes it.

    Columns are profile, imbalance, seed, classes, samples, loss (its text, in full), control,
    numbers (all of the control, as text), parameter (λ or ρ; of several numbers the geometric mean,
    which logits depend on), temperature, constraints (its own, in words), dim; status ("optimal",
    "inaccurate", "failed", "time limit"); value (summed over anchors), lower, upper, gap,
    relative_gap, rounding (the part of the gap for rounding errors); rank; the norms of a class of
    the largest and of the smallest size; the cosines between the two largest classes, the largest
    and the smallest, and the two smallest, all of class means, and of the rows of a classifier
    where there is one; the mean squared distance from class means, zero where classes collapse;
    solver; error; seconds.
    Entries are text, whole or real numbers; None where there is nothing to say.
    The dict is read-only; `dict(table)` and `to_dict` make one to change.

    Parameters
    ----------
    rows : iterable of dict
        One dict per point, with an entry for each column.

    Attributes
    ----------
    rows : tuple of dict
        One dict per point, in the order of the points; `len(table.rows)` is their number.

    Examples
    --------
    >>> import screlax
    >>> table = screlax.sweep(screlax.grid({"mine": [50, 20, 5]}, ridge=[0.1, 0.01]))
    >>> table["parameter"], table["status"]
    ([0.1, 0.01], ['optimal', 'optimal'])
    >>> table.counts, table.all_optimal, table.rows[0]["classes"]
    ({'optimal': 2}, True, 3)
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(check_rows(rows, "rows", "mappings, one a point"))
        super().__init__({name: [row[name] for row in self.rows] for name in COLUMNS})

    def __reduce__(self) -> tuple[type[SweepTable], tuple[tuple[Row, ...]]]:
        return SweepTable, (self.rows,)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a sweep table cannot be changed; dict(table) makes columns that can")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each status."""
        return dict(Counter(row["status"] for row in self.rows))

    @property
    def all_optimal(self) -> bool:
        """Whether every point is certified."""
        return all(row["status"] == "optimal" for row in self.rows)

    def to_dict(self, *, timings: bool = True) -> dict[str, list[Any]]:
        """Return the columns, without those that differ from run to run if so wanted.

        Examples
        --------
        >>> import screlax
        >>> table = screlax.sweep(screlax.grid({"mine": [50, 20, 5]}, ridge=[0.1, 0.01]))
        >>> "seconds" in table.to_dict(), "seconds" in table.to_dict(timings=False)
        (True, False)
        """
        return {name: self[name] for name in COLUMNS if timings or name not in TIMINGS}

    def values_equal(self, other: SweepTable) -> bool:
        """Whether both tables are the same bit for bit, timings left out; NaN equals NaN.

        Examples
        --------
        >>> import screlax
        >>> points = screlax.grid({"mine": [50, 20, 5]}, ridge=[0.1, 0.01])
        >>> screlax.sweep(points).values_equal(screlax.sweep(points))
        True
        """
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

        Examples
        --------
        >>> import screlax
        >>> table = screlax.sweep(screlax.grid({"mine": [50, 20, 5]}, ridge=[0.1, 0.01]))
        >>> table.write("sweep.csv").read_text().splitlines()[0].split(",")[:3]
        ['profile', 'imbalance', 'seed']
        """
        return write_table(self.to_dict(timings=timings), path, COLUMNS)

    def _repr_html_(self) -> str:
        return sweep_card(self)

    def __repr__(self) -> str:
        said = ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))
        return f"<SweepTable: {len(self.rows)} points{': ' if said else ''}{said}>"


def _bits(value: Any) -> Any:
    return struct.pack("<d", value) if isinstance(value, float) and value == value else str(value)
