"""Reading saved solutions; nothing in a file is trusted.

Whatever is wrong with a file, from a damaged archive to a number of the wrong shape, is a
`FileFormatError`; so is a Gram matrix that is not feasible up to rounding, and a certificate that
is not what its points prove (`verify.py`).
"""

from __future__ import annotations

import io
import lzma
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import real_number
from ..errors import FileFormatError
from ..gram.cells import Level
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.norms import control_named
from ..problem.losses.registry import loss_of_record
from ..problem.losses.softmax_rows import RowWeights
from ..problem.own_constraints.linear import linear_of_record
from ..problem.parts import parts_of
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.dual import DualPoint
from .components import Component, joined
from .solution import Solution
from .solver_statistics import statistics_of_record
from .stored_arrays import MOST_BYTES, StoredArrays, positive
from .stored_gram import stored_gram
from .verify import require_agreement, verified

FORMAT = "screlax-solution-2"
"""The mark in every file; its number counts the releases that changed what a file holds."""

READABLE = ("screlax-solution-1", FORMAT)
"""Marks of files that are read: those of 0.1 have no loss, rounding or slack vector in them."""

TEXT_FIELDS = ("solver", "solver_reason", "level", "level_reason", "solver_message")
"""Attributes of a solution that are stored as they are."""


# What zipfile, its decompressors and NumPy's header parser raise on bytes of any kind.
_UNREADABLE = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError),
    *(lzma.LZMAError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


def load_solution(path: str | Path) -> Solution:
    """Read a solution that `save_solution` wrote.

    Raises
    ------
    FileFormatError
        If the file is missing, not a screlax solution, or damaged.
    """
    try:
        handle = Path(path).open("rb")  # noqa: SIM115  (its errors are not those of reading)
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror or error}") from error
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"a path must be text or a Path, got {path!r}") from error
    with handle:
        try:
            arrays = StoredArrays(handle)
        except _UNREADABLE as error:
            raise FileFormatError(f"{path} is not a screlax solution: {error}") from error
    mark = str(arrays.get("format"))
    if mark not in READABLE:
        newer = mark.startswith(FORMAT[:-1])
        remedy = f"{mark!r} is of a newer screlax: install that" if newer else f"no {FORMAT!r} mark"
        raise FileFormatError(f"{path} is not a screlax solution that can be read ({remedy})")
    try:
        return _solution(arrays)
    except _UNREADABLE as error:
        raise FileFormatError(f"{path} is a damaged screlax solution: {error}") from error


def as_label(stored: Any) -> Any:
    """Turn a label as JSON has it back into the label: lists, at any depth, were tuples."""
    return tuple(map(as_label, stored)) if isinstance(stored, list) else stored


def _solution(arrays: StoredArrays) -> Solution:
    record = arrays.record
    name, *numbers = record["control"]
    sizes = _sizes(arrays)
    labels = None if record["labels"] is None else as_label(record["labels"])
    loss = loss_of_record(record.get("loss", "supcon"))
    problem = UFM(
        sizes,
        control_named(name, *numbers),
        record["temperature"],
        labels,
        loss=loss,
        features=record.get("features", "real"),
        constraints=[linear_of_record(one) for one in record.get("constraints", [])],
    )
    if loss.is_apart:
        return _apart(problem, arrays)
    return _of_problem(problem, arrays)


def _of_problem(problem: UFM, arrays: StoredArrays) -> Solution:
    """Return the solution of a problem from the arrays of its points, proved again."""
    record = arrays.record
    dual = _dual(arrays, problem.points.orbits, len(problem.constraints))
    claimed = _certificate(record["certificate"])
    certificate, gram = verified(problem, stored_gram(arrays, problem), dual, claimed)
    return Solution(
        problem=problem,
        point_gram=gram,
        orbit_dual=dual,
        certificate=certificate,
        **_told(record),
    )


def _told(record: dict[str, Any]) -> dict[str, Any]:
    """Return how a solution came about, which nothing is proved by."""
    return {
        "tol": positive(record["tol"], "tol"),
        "iterations": _count(record["iterations"]),
        "seconds": {str(phase): real_number(v) for phase, v in record["seconds"].items()},
        "solver_statistics": tuple(
            statistics_of_record(run) for run in record.get("solver_statistics", ())
        ),
        **{name: _text(record[name], name) for name in TEXT_FIELDS},
    }


def _apart(problem: UFM, arrays: StoredArrays) -> Solution:
    """Return the solution of a problem that falls apart, its components proved one by one."""
    data = io.BytesIO(arrays.whole("components").astype(np.uint8).tobytes())
    with zipfile.ZipFile(data) as archive:
        members = {name: archive.getinfo(name) for name in archive.namelist()}
        if sum(member.file_size for member in members.values()) > MOST_BYTES:
            raise ValueError("its components would unpack to more than they can take")
        read: dict[Any, Solution] = {}
        components = []
        for part in parts_of(problem):
            if part.problem is not None and part.key not in read:
                inner = StoredArrays(io.BytesIO(archive.read(f"{len(read)}.npz")))
                read[part.key] = _of_problem(part.problem, inner)
            components.append(Component(part, read.get(part.key)))
    solution = joined(problem, components, **_told(arrays.record))
    claimed = _certificate(arrays.record["certificate"])
    if claimed is not None:
        require_agreement(claimed, solution.certificate)
    return solution


def _sizes(arrays: StoredArrays) -> ClassSizes:
    distinct, multiplicities = arrays.whole("distinct_sizes"), arrays.whole("multiplicities")
    ClassSizes.from_pairs(distinct, multiplicities)  # refuses what are no numbers of samples
    if (np.diff(distinct) > 0).any():
        raise ValueError("class sizes are not in order")
    orbit = None
    if "orbit_of_class" in arrays:
        orbit = arrays.whole("orbit_of_class")
        if orbit.size and not 0 <= orbit.min() <= orbit.max() < len(distinct):
            raise ValueError(f"a class of a size that is not among the {len(distinct)} listed")
        if not np.array_equal(np.bincount(orbit, minlength=len(distinct)), multiplicities):
            raise ValueError("class sizes and their multiplicities do not agree")
    return ClassSizes(distinct, multiplicities, orbit)


def _dual(arrays: StoredArrays, cells: int, constraints: int) -> DualPoint | None:
    rows = entries = None
    if "dual_own" in arrays:
        own = arrays.numbers("dual_own", (cells,))
        rows = RowWeights(own, arrays.numbers("dual_pair", (cells, cells)))
    if "dual_entries" in arrays:
        entries = arrays.symmetric("dual_entries", cells)
    multipliers = arrays.numbers_if_there("dual_multipliers", (cells,))
    linear = arrays.numbers_if_there("dual_linear", (constraints,))
    if rows is None and entries is None and linear is None:
        return None
    return DualPoint(rows, multipliers, entries, linear)


def _certificate(fields: dict[str, Any]) -> Certificate | None:
    """Return the certificate that is claimed; None in files that have no rounding in it."""
    if "relative_gap" in fields and "rounding" not in fields:
        return None
    level = Level(fields["level"]).value
    words = ("level", "is_verified")  # what a file says of the latter proves nothing
    numbers = {name: real_number(value) for name, value in fields.items() if name not in words}
    return Certificate(level=level, is_verified=False, **numbers)


def _count(value: Any) -> int | None:
    if value is not None and type(value) is not int:
        raise TypeError(f"iterations must be a whole number, got {value!r}")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, got {value!r}")
    return value
