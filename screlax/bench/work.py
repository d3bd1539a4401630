"""Cases of the suite as tasks of the engine: a process each, whose row is kept."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any, NamedTuple

from ..extensions import loaded_modules
from ..problem.losses.supcon import SupCon
from ..tasks.work import Work
from .methods import Method
from .problems import BenchProblem
from .table import Row
from .worker import blank_row

_GRACE = 10.0
"""Seconds beyond the limit for start, warm-up and certificate before a process is stopped."""

_KEPT = ("ran", "time-out")
"""Outcomes that are kept; the others may go better next time."""

_MEASURED = ("outcome", "reason", "seconds", "relative_gap", "value", "lower", "megabytes")
"""Columns that a run adds to those that name its case."""


class Case(NamedTuple):
    """A method on a problem at a requested tolerance."""

    problem: BenchProblem
    method: Method
    tolerance: float


class BenchWork(Work[Case, Row]):
    """Run a case in a process of its own, which ends at the time limit whatever the method does."""

    mark = "screlax-bench-2"

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def run(self, task: Case) -> Row:
        """Return the row of a case; a crash and a time-out are rows too."""
        row, reason = blank_row(*task), task.method.why_not(task.problem.problem)
        if reason:
            return replace(row, outcome="skipped", reason=reason)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "screlax.bench.worker"],
                input=json.dumps(
                    {**self.identity(task), "parent": os.getpid(), "modules": loaded_modules()}
                ),
                capture_output=True,
                text=True,
                timeout=self.limit + _GRACE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            reason = f"stopped at {self.limit:g} s"
            return replace(row, outcome="time-out", seconds=self.limit, reason=reason)
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            return self.failure(task, f"process ended with {done.returncode}: {last[0]}")
        return Row(**json.loads(done.stdout.strip().splitlines()[-1]))

    def failure(self, task: Case, reason: str) -> Row:
        """Return a row that says so."""
        return replace(blank_row(*task), reason=reason)

    def place(self, task: Case) -> str:
        """Name files so that one finds them."""
        plain = re.sub(r"[^A-Za-z0-9.=]+", "-", f"{task.problem.name}_{task.method.name}")
        return f"{plain}_{task.tolerance:g}_{self.limit:g}s"

    def identity(self, task: Case) -> dict[str, Any]:
        """Return what the process is told; machine and versions are those of the whole folder."""
        loss = task.problem.problem.loss
        return {
            "problem": task.problem.name,
            "method": task.method.name,
            "tolerance": task.tolerance,
            "limit": self.limit,
            **({} if loss == SupCon() else {"loss": loss.text}),
        }

    def record(self, outcome: Row) -> dict[str, Any] | None:
        """Keep what was measured, if it ran."""
        kept = outcome.outcome in _KEPT
        return {name: getattr(outcome, name) for name in _MEASURED} if kept else None

    def restore(self, task: Case, record: dict[str, Any]) -> Row:
        """Return the row; its bounds are believed, as the Gram matrix behind them is not kept."""
        blank = blank_row(*task)
        for name in _MEASURED:
            if type(record[name]) is not type(getattr(blank, name)):
                raise ValueError(f"{name} is {record[name]!r}")
        possible = record["seconds"] > 0 and record["relative_gap"] >= 0  # not so of NaN
        if record["outcome"] not in _KEPT or not possible:
            raise ValueError("it says what no case can")
        return replace(blank, **{name: record[name] for name in _MEASURED})
