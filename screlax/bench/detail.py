"""What came of every method on every problem, and of every run."""

import math
from collections.abc import Sequence

from .content import Shown, seconds_in_words
from .results import Results
from .table import FAILED, RAN, TIMEOUT, Row, suboptimality

Reasons = dict[str, int]
"""Numbers of what is said under a table, by its text."""


def problem_table(results: Results) -> tuple[Shown, Reasons]:
    """Return what came of each method on each problem; reasons are numbered."""
    reasons: Reasons = {}
    body = []
    for name in results.problems:
        mine = [row for row in results.judged if row.problem == name]
        cells = [
            _cell([row for row in mine if row.method == method], reasons)
            for method in results.methods
        ]
        size = f"{mine[0].classes:,} / {mine[0].distinct_sizes:,}"
        body.append([mine[0].group, name, size, *cells])
    shown = Shown(
        "Every problem",
        "The least gap that each method's own points certify, and the time of that run; of native "
        "also what ran. Numbers in brackets are reasons, below.",
        ["set", "problem", "classes / sizes", *results.methods],
        body,
    )
    return shown, reasons


def _cell(rows: Sequence[Row], reasons: Reasons) -> str:
    """Return what came of one method on one problem."""
    ended = [row for row in rows if row.outcome == RAN]
    if not ended:
        first = rows[0]
        number = reasons.setdefault(first.reason, len(reasons) + 1)
        return f"{first.outcome} [{number}]"
    best = min(ended, key=lambda row: (row.relative_gap, row.seconds))
    gap = f"{best.relative_gap:.0e}" if math.isfinite(best.relative_gap) else "no bound"
    ran = f", {best.ran}" if best.method == "native" else ""
    return f"{gap} in {seconds_in_words(best.seconds)}{ran}"


def runs_table(results: Results) -> Shown:
    """Return every case with all that was measured."""
    excess = suboptimality(results.rows)
    header = ["set", "problem", "method", "asked", "outcome", "proved gap", "gap by value"]
    header += ["seconds", "runs", "processor s", "memory MB", "iterations", "what ran, or why not"]
    body = [
        [
            *(row.group, row.problem, row.method, f"{row.tolerance:g}", row.outcome),
            *(_number(row.relative_gap, ".1e"), _number(excess[row], ".1e")),
            *(_number(row.seconds, ".3g"), str(row.runs or ""), _number(row.cpu_seconds, ".3g")),
            _number(row.megabytes, ".1f"),
            *("" if row.iterations is None else str(row.iterations), row.reason or row.ran),
        ]
        for row in results.rows
    ]
    caption = (
        "Processor time is of the whole call, the certificate included. Memory is the peak above "
        "what the process had before."
    )
    return Shown("Every run", caption, header, body, is_long=True)


def trouble(results: Results) -> list[str]:
    """Return every failure and timeout with its message, and values that contradict a bound."""
    found: dict[str, list[str]] = {}
    for row in results.rows:
        if row.outcome in (FAILED, TIMEOUT):
            said = f"{row.method}, asked for {row.tolerance:g}: {row.outcome}: {row.reason}"
            found.setdefault(said, []).append(row.problem)
    excess = suboptimality(results.rows)
    for row in results.rows:
        if row.outcome == RAN and math.isinf(excess[row]):
            said = f"{row.method}, asked for {row.tolerance:g}: no value, no bound, or below one"
            found.setdefault(said, []).append(row.problem)
    return [f"{said} ({'; '.join(dict.fromkeys(names))})" for said, names in found.items()]


def _number(number: float, kind: str) -> str:
    return format(number, kind) if math.isfinite(number) else ""
