"""Running the suite: one process a case, a file a row, nothing done twice."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InvalidInputError
from ..io.atomic import atomic_file
from .methods import Method, all_methods
from .problems import BenchProblem, problem_sets
from .provenance import provenance_line
from .table import Row
from .worker import blank_row

_GRACE = 10.0
"""Seconds beyond the limit for start, warm-up and certificate before a process is stopped."""


@dataclass(frozen=True)
class BenchSettings:
    """What to run.

    Attributes
    ----------
    folder : Path
        Where rows are kept; what is there already is not run again.
    quick : bool
        The part of the suite for two minutes.
    limit : float
        Seconds a method may take for one case.
    methods, groups : tuple of str
        Only these; empty for all.
    """

    folder: Path
    quick: bool = False
    limit: float = 60.0
    methods: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def run_suite(
    settings: BenchSettings, progress: Callable[[int, int, Row], None] | None = None
) -> list[Row]:
    """Run every case that has no row yet and return all rows.

    Parameters
    ----------
    settings : BenchSettings
    progress : callable, optional
        Called as progress(done, total, row) after every case.

    Raises
    ------
    InvalidInputError
        If a method or set does not exist, the limit is not positive, or the folder holds rows of
        another machine or version.
    """
    if not (math.isfinite(settings.limit) and settings.limit > 0):
        raise InvalidInputError(f"the time limit must be positive, got {settings.limit}")
    cases = list(_cases(settings))
    rows = []
    _open_folder(settings.folder)
    for case, method, tolerance in cases:
        path = settings.folder / _file_name(case, method, tolerance, settings.limit)
        row = _stored(path)
        if row is None:
            row = _run(case, method, tolerance, settings.limit)
            if row.outcome in ("ran", "time-out"):  # the others may go better next time
                _store(path, row)
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(cases), row)
    return rows


def _open_folder(folder: Path) -> None:
    """Create the folder, or see that its rows are of this machine and these versions."""
    from .. import __version__

    here = f"screlax {__version__}; {provenance_line()}"
    note = folder / "measured-on.txt"
    folder.mkdir(parents=True, exist_ok=True)
    there = note.read_text(encoding="utf-8") if note.exists() else None
    if there is None and any(folder.glob("*.json")):
        there = "an unknown machine"
    if there not in (None, here):
        raise InvalidInputError(
            f"the rows in {folder} are of {there}; this is {here}; name another folder"
        )
    with atomic_file(note) as sink:
        sink.write(here.encode())


def _cases(settings: BenchSettings) -> Iterator[tuple[BenchProblem, Method, float]]:
    """Yield problem by problem, so that the methods of each run side by side in time."""
    methods, problems = all_methods(), problem_sets(quick=settings.quick)
    _check_names("method", settings.methods, [method.name for method in methods])
    _check_names("set", settings.groups, [case.group for case in problems])
    for case in problems:
        if settings.groups and case.group not in settings.groups:
            continue
        for method in methods:
            if settings.methods and method.name not in settings.methods:
                continue
            tolerances = method.tolerances or (math.nan,)
            if settings.quick:
                tolerances = tolerances[-2:-1] or tolerances
            if method.why_not(case.problem):
                tolerances = tolerances[:1]
            for tolerance in tolerances:
                yield case, method, tolerance


def _check_names(what: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InvalidInputError(
            f"no {what} is called {unknown[0]!r}; there are {', '.join(dict.fromkeys(known))}"
        )


def _run(case: BenchProblem, method: Method, tolerance: float, limit: float) -> Row:
    row = blank_row(case, method, tolerance)
    reason = method.why_not(case.problem)
    if reason:
        return replace(row, outcome="skipped", reason=reason)
    wanted = {
        "problem": case.name,
        "method": method.name,
        "tolerance": tolerance,
        "limit": limit,
        "parent": os.getpid(),
    }
    command = [sys.executable, "-m", "screlax.bench.worker"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=limit + _GRACE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return replace(row, outcome="time-out", seconds=limit, reason=f"stopped at {limit:g} s")
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return replace(row, reason=f"process ended with {done.returncode}: {last[0]}")
    return Row(**json.loads(done.stdout.strip().splitlines()[-1]))


def _file_name(case: BenchProblem, method: Method, tolerance: float, limit: float) -> str:
    plain = re.sub(r"[^A-Za-z0-9.=]+", "-", f"{case.name}_{method.name}")
    return f"{plain}_{tolerance:g}_{limit:g}s.json"


def _stored(path: Path) -> Row | None:
    """Return a row from an earlier run; a file that is none is run again."""
    try:
        record: Any = json.loads(path.read_text(encoding="utf-8"))
        return Row(**record)
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _store(path: Path, row: Row) -> None:
    with atomic_file(path) as sink:
        sink.write(json.dumps(asdict(row)).encode())
