"""A sweep as a TOML file: the arguments of `grid`, or several of them; checked before any work.

    profiles = ["cifar10-lt", "cifar100-lt"]
    imbalance = [10, 50, 100]
    sphere = 1.0
    temperature = { start = 0.05, stop = 1.0, points = 10 }
    loss = ["supcon:views=2", "supcon:class_weights=balanced"]
    batches = ["all", "shuffle:size=64", "classes:classes=8,samples=4"]
    weight-decay = [[0.5, 0.5], [0.1, 1.0]]  # with loss = "cross-entropy"

or as many tables `[[grid]]` with such entries as wanted. `counts = { name = "counts.csv" }` adds
class sizes from files, found from the folder of the TOML file. `constraints = "own.json"` names a
file of linear constraints there (`screlax.constraints.read_constraints`), or lists them:
``constraints = [{ terms = [[0, 1, 1.0]], upper = 0.2 }]``. `time_limit`, in seconds for each point,
is of the whole file and stands before all tables.
"""

import inspect
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import MOST_TASKS, positive_number, whole_number
from ..errors import FileFormatError, InvalidInputError
from ..io.atomic import as_path
from ..io.files import existing_file, text_of
from ..problem.constraints.norms import CONTROLS
from ..problem.count_files import read_counts
from ..problem.own_constraints.files import read_constraints
from ..spelling import hint
from .grid import grid
from .point import SweepPoint

_LIMIT = "time_limit"

_RANGE_KEYS = {"start", "stop", "points", "scale"}


def read_sweep(path: str | Path) -> list[SweepPoint]:
    """Read the points of a sweep from a TOML file; a message names the file and the entry.

    A number may be a list, or a range ``{start, stop, points}``, in geometric progression unless
    ``scale = "linear"``.
    """
    file = as_path(path)
    content = _load(file)
    content.pop(_LIMIT, None)
    several = content.get("grid")
    if several is None:
        return _points(content, file, str(file))
    if len(content) > 1 or not isinstance(several, list):
        other = next((key for key in content if key != "grid"), "grid")
        raise InvalidInputError(
            f"{file}: {other!r} stands outside; with [[grid]] every entry belongs to one of them"
        )
    points = []
    for number, entries in enumerate(several, start=1):
        points += _points(entries, file, f"{file}, grid {number}")
    return points


def read_time_limit(path: str | Path) -> float | None:
    """Read how many seconds a point of a sweep may take, None where the file does not say."""
    limit = _load(Path(path)).get(_LIMIT)
    return None if limit is None else positive_number(limit, f"{path}: {_LIMIT}, in seconds,")


def _load(file: Path) -> dict[str, Any]:
    text = text_of(existing_file(file, suffixes=None))
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileFormatError(f"{file} is not valid TOML: {error}") from None


def _points(entries: Any, file: Path, where: str) -> list[SweepPoint]:
    if not isinstance(entries, dict):
        raise InvalidInputError(f"{where}: must be a table of entries, got {entries!r}")
    _refuse_unknown(entries, where)
    try:
        profiles = _profiles(entries.get("profiles"), entries.get("counts"), file.parent)
        rest = {key: value for key, value in entries.items() if key not in ("profiles", "counts")}
        own = _constraints(rest.pop("constraints", []), file.parent)
        values = {key: _values(key, value) for key, value in rest.items()}
        return grid(profiles, constraints=own, **values)
    except InvalidInputError as error:
        raise type(error)(f"{where}: {error}") from None


def _refuse_unknown(entries: dict[str, Any], where: str) -> None:
    """Refuse what is no argument of `grid`, no files of counts and no control."""
    named = [name for name in inspect.signature(grid).parameters if name != "controls"]
    known = list(dict.fromkeys(["counts", *named, *CONTROLS, _LIMIT]))
    for key in entries:
        if key == _LIMIT:
            raise InvalidInputError(
                f"{where}: {key} is of the whole file; write it before [[grid]]"
            )
        if key not in known and key.replace("_", "-") not in CONTROLS:
            raise InvalidInputError(
                f"{where}: unknown entry {key!r}{hint(key, known)}; there are {', '.join(known)}"
            )


def _profiles(named: Any, files: Any, folder: Path) -> dict[str, Any] | list[Any]:
    """Return profiles by name: a name stands for itself, a file for the counts in it."""
    if named is None and files is None:
        raise InvalidInputError(
            'no class sizes: give profiles = ["cifar10-lt"] or counts = { mine = "counts.csv" }'
        )
    listed = [] if named is None else [named] if isinstance(named, str) else named
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise InvalidInputError(f"profiles must be a list of names, got {named!r}")
    found: dict[str, Any] = {name: name for name in listed}
    if files is None:
        return found
    if not isinstance(files, dict) or not all(isinstance(name, str) for name in files.values()):
        raise InvalidInputError(
            f'counts must be a table such as {{ mine = "counts.csv" }}: {files!r}'
        )
    for name, path in files.items():
        if name in found:
            raise InvalidInputError(f"{name!r} names both a profile and a file of counts")
        found[name] = read_counts(folder / path)
    return found


def _constraints(given: Any, folder: Path) -> Any:
    """Return constraints as `grid` takes them: those of a file, or as they are listed."""
    return read_constraints(folder / given) if isinstance(given, str) else given


def _values(key: str, value: Any) -> Any:
    """Return what `grid` takes: a range written out, anything else as it is."""
    if not isinstance(value, dict):
        return value
    if key not in ("imbalance", "temperature", *CONTROLS):
        raise InvalidInputError(f"{key} must not be a table, got {value!r}")
    if not {"start", "stop", "points"} <= set(value) <= _RANGE_KEYS:
        raise InvalidInputError(
            f"{key}: a range is {{ start = …, stop = …, points = … }}, optionally with "
            f'scale = "linear"; got {value!r}'
        )
    start, stop, points = value["start"], value["stop"], value["points"]
    scale = value.get("scale", "log")
    if not all(isinstance(number, int | float) and number > 0 for number in (start, stop)):
        raise InvalidInputError(f"{key}: start and stop must be positive numbers, got {value!r}")
    points = whole_number(points, f"{key}: points", 2, MOST_TASKS)
    if scale not in ("log", "linear"):
        raise InvalidInputError(f'{key}: scale must be "log" or "linear", got {scale!r}')
    space = np.geomspace if scale == "log" else np.linspace
    return space(start, stop, points).tolist()
