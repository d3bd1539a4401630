"""Finished networks in a file: a line of JSON each, found again by its cell."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from screlax.io.atomic import write_bytes

from .cells import Cell
from .classifier_cells import ClassifierCell
from .classifier_measures import ClassifierMeasurement
from .measures import Measurement

DIGITS = 5
"""Significant digits of a stored number."""


CellKind = TypeVar("CellKind", Cell, ClassifierCell)
MeasuredKind = TypeVar("MeasuredKind", Measurement, ClassifierMeasurement)


@dataclass(frozen=True)
class Result(Generic[CellKind, MeasuredKind]):
    """What was measured of one network, how many steps it was trained, and processor seconds."""

    cell: CellKind
    steps: int
    seconds: float
    measured: MeasuredKind

    @property
    def key(self) -> str:
        """What its line is found by."""
        return key_of(self.cell, self.steps)


def key_of(cell: Cell | ClassifierCell, steps: int) -> str:
    """Return what tells a network from all others."""
    return f"{cell.key}/{steps}"


ContrastiveResult = Result[Cell, Measurement]
ClassifierResult = Result[ClassifierCell, ClassifierMeasurement]

CONTRASTIVE = (Cell, Measurement)
CLASSIFIER = (ClassifierCell, ClassifierMeasurement)
"""What a file is of: networks of `trained_network.py`, or of `classifier_network.py`."""


def read(path: Path | None, kinds: tuple[type, type] = CONTRASTIVE) -> dict[str, Result[Any, Any]]:
    """Return the results of a file by key; none where there is no file yet."""
    if path is None or not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {result.key: result for result in (_parsed(line, *kinds) for line in lines)}


def write(results: Iterable[Result[Any, Any]], path: Path) -> None:
    """Write a file that is there only when it is complete."""
    write_bytes("".join(_line(result) + "\n" for result in results).encode(), path)


def _line(result: Result[Any, Any]) -> str:
    record = {
        "cell": asdict(result.cell),
        "steps": result.steps,
        "seconds": _stored(result.seconds),
        "measured": {name: _stored(value) for name, value in asdict(result.measured).items()},
    }
    return json.dumps(record, allow_nan=False)


def _stored(value: float) -> float | None:
    """Return a rounded number; infinity, which JSON lacks, is none."""
    return None if math.isinf(value) else float(f"{value:.{DIGITS}g}")


def _parsed(line: str, cell: type, measurement: type) -> Result[Any, Any]:
    record = json.loads(line)
    measured = {name: math.inf if v is None else v for name, v in record["measured"].items()}
    return Result(
        cell(**record["cell"]), record["steps"], record["seconds"], measurement(**measured)
    )
