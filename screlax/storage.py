"""Solutions on disk: one .npz file, written atomically, without pickle, at orbit level.

k = 10,000 classes take the size of the m×m orbit Gram matrix (m distinct sizes, upper triangle,
compressed) plus one small integer a class.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .certificate import Certificate
from .class_sizes import ClassSizes
from .controls import CONTROLS
from .dual import DualPoint
from .exceptions import FileFormatError, InvalidInputError
from .partition import CellGram
from .problem import UFM
from .relaxation import RowWeights
from .solution import Solution

FORMAT = "screlax-solution-1"
_TEXT_FIELDS = ("solver", "solver_reason", "level", "level_reason", "solver_message")


def save_solution(solution: Solution, path: str | Path) -> Path:
    """Write a solution so that `load_solution` finds the same numbers, or leave no file at all.

    The bytes go to a temporary file beside the target, which is then renamed over it.
    Labels that are not text, numbers or booleans are stored as their `str`.

    Raises
    ------
    InvalidInputError
        If the suffix is not .npz or the folder cannot be written to.
    """
    target = Path(path)
    if target.suffix != ".npz":
        raise InvalidInputError(f"a solution is saved as .npz, got {target.name!r}")
    arrays = _to_arrays(solution)
    with atomic_file(target) as sink:
        np.savez_compressed(sink, **arrays)
    return target


@contextlib.contextmanager
def atomic_file(target: Path) -> Any:
    """Open a binary file that appears under its name only when it is complete.

    Raises
    ------
    InvalidInputError
        If the folder cannot be written to.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise InvalidInputError(f"cannot write {target}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        os.chmod(name, 0o666 & ~_current_umask())
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def load_solution(path: str | Path) -> Solution:
    """Read a solution that `save_solution` wrote.

    Raises
    ------
    FileFormatError
        If the file is missing, not a screlax solution, or damaged.
    """
    source = Path(path)
    try:
        with np.load(source, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except OSError as error:
        raise FileFormatError(f"cannot read {source}: {error.strerror or error}") from error
    except (ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise FileFormatError(f"{source} is not a screlax solution: {error}") from error
    if str(arrays.get("format")) != FORMAT:
        raise FileFormatError(f"{source} is not a screlax solution (no {FORMAT!r} mark in it)")
    try:
        return _from_arrays(arrays)
    except (KeyError, ValueError, TypeError) as error:
        raise FileFormatError(f"{source} is a damaged screlax solution: {error}") from error


def _to_arrays(solution: Solution) -> dict[str, Any]:
    problem, sizes = solution.problem, solution.problem.class_sizes
    record = {
        "control": [problem.control.name, problem.control.parameter],
        "temperature": problem.temperature,
        "certificate": asdict(solution.certificate),
        "tol": solution.tol,
        "iterations": solution.iterations,
        "seconds": dict(solution.seconds),
        "labels": None if problem.class_labels is None else list(problem.class_labels),
        **{name: getattr(solution, name) for name in _TEXT_FIELDS},
    }
    upper = np.triu_indices(sizes.orbits)
    arrays = {
        "format": np.array(FORMAT),
        "record": np.array(json.dumps(record, default=str)),
        "distinct_sizes": sizes.distinct,
        "multiplicities": sizes.multiplicities,
        "own": solution.orbit_gram.own,
        "pair_upper": solution.orbit_gram.pair[upper],
    }
    dual = solution.orbit_dual
    if dual is not None:
        arrays["dual_own"], arrays["dual_pair"] = dual.rows.own, dual.rows.pair
        if dual.multipliers is not None:
            arrays["dual_multipliers"] = dual.multipliers
    if sizes.orbit_of_class is not None:
        smallest = np.min_scalar_type(sizes.orbits)
        arrays["orbit_of_class"] = sizes.orbit_of_class.astype(smallest)
    return arrays


def _from_arrays(arrays: dict[str, Any]) -> Solution:
    record = json.loads(str(arrays["record"]))
    name, parameter = record["control"]
    labels = record["labels"]
    problem = UFM(
        _read_sizes(arrays), CONTROLS[name](parameter), record["temperature"], _as_labels(labels)
    )
    m = problem.class_sizes.orbits
    pair = np.zeros((m, m))
    pair[np.triu_indices(m)] = arrays["pair_upper"]
    pair = pair + np.triu(pair, 1).T
    own = np.asarray(arrays["own"], dtype=float)
    if own.shape != (m,):
        raise ValueError(f"{m} distinct sizes but {own.shape} squared norms")
    return Solution(
        problem=problem,
        orbit_gram=CellGram(own, pair),
        orbit_dual=_read_dual(arrays),
        certificate=Certificate(**record["certificate"]),
        tol=record["tol"],
        iterations=record["iterations"],
        seconds=record["seconds"],
        **{name: record[name] for name in _TEXT_FIELDS},
    )


def _read_dual(arrays: dict[str, Any]) -> DualPoint | None:
    if "dual_own" not in arrays:
        return None
    rows = RowWeights(arrays["dual_own"], arrays["dual_pair"])
    return DualPoint(rows, arrays.get("dual_multipliers"))


def _read_sizes(arrays: dict[str, Any]) -> ClassSizes:
    distinct, multiplicities = arrays["distinct_sizes"], arrays["multiplicities"]
    if "orbit_of_class" in arrays:
        sizes = ClassSizes.from_counts(distinct[arrays["orbit_of_class"]])
    else:
        sizes = ClassSizes.from_pairs(distinct, multiplicities)
    if not np.array_equal(sizes.multiplicities, multiplicities):
        raise ValueError("class sizes and their multiplicities do not agree")
    return sizes


def _as_labels(labels: list[Any] | None) -> list[Any] | None:
    return None if labels is None else [tuple(x) if isinstance(x, list) else x for x in labels]


def _current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
