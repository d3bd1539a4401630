"""Everything that a run of the suite found, as one record on disk."""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import FileFormatError, InvalidInputError
from ..io.files import existing_file, text_of
from ..io.tables import columns_of, csv_bytes, json_text
from .table import WALL, Row, by_clock
from .work import row_of

NAME = "results.json"

_FORMAT = "screlax-bench-results-1"


@dataclass(frozen=True)
class Results:
    """Rows, and what they were measured with.

    Attributes
    ----------
    rows : tuple of Row
    accuracies : tuple of float
        Relative accuracies that methods are judged by, largest first.
    limit : float
        Seconds a run.
    repeats : int
        Runs of a case at most.
    found : int
        Rows that were there from an earlier call.
    wall_seconds, cpu_seconds : float
        Of this call, and the processor time of its processes.
    provenance : dict
        Machine, threads, versions.
    clock : {"wall", "processor"}
        What methods are judged by.
    """

    rows: tuple[Row, ...]
    accuracies: tuple[float, ...]
    limit: float
    repeats: int
    found: int
    wall_seconds: float
    cpu_seconds: float
    provenance: dict[str, str]
    clock: str = WALL

    @property
    def judged(self) -> tuple[Row, ...]:
        """The rows, `seconds` by the clock that is judged by."""
        return tuple(by_clock(row, self.clock) for row in self.rows)

    @property
    def busy(self) -> float:
        """Share of the wall time of all runs in which they had a processor."""
        wall = sum(row.seconds * row.runs for row in self.rows if row.cpu_seconds > 0)
        mine = sum(row.cpu_seconds * row.runs for row in self.rows if row.cpu_seconds > 0)
        return mine / wall if wall > 0 else math.nan

    @property
    def problems(self) -> list[str]:
        """Names of the problems, in order."""
        return list(dict.fromkeys(row.problem for row in self.rows))

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in order."""
        return list(dict.fromkeys(row.method for row in self.rows))

    def json(self) -> str:
        """Return the record as text; null stands for numbers that are NaN or infinite."""
        return json_text({"format": _FORMAT, **asdict(self)})

    def csv(self) -> bytes:
        """Return the rows as a table."""
        return csv_bytes(columns_of([asdict(row) for row in self.rows]))


def read_results(folder: Path) -> Results:
    """Read what an earlier run left in a folder.

    Raises
    ------
    InvalidInputError
        If there is nothing, or it is not what the suite writes.
    """
    path = folder / NAME
    if not path.is_file():
        raise InvalidInputError(f"{folder} has no {NAME}; name the folder of an earlier run")
    text = text_of(existing_file(path, suffixes=None))
    try:
        record = json.loads(text)
        if record.pop("format") != _FORMAT:
            raise ValueError("another version wrote it")
        rows = tuple(row_of(_with_numbers(row)) for row in record.pop("rows"))
        return Results(rows=rows, **{**record, "accuracies": tuple(record["accuracies"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileFormatError(f"{path} is no record of the suite: {error}") from None


def _with_numbers(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the numbers that null stands for: those that nothing is known of."""
    return {
        field.name: field.default
        if row[field.name] is None and isinstance(field.default, float)
        else row[field.name]
        for field in fields(Row)
    }
