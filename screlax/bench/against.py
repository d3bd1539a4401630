"""Two runs of the suite next to each other: what is worse than it was, and what is better."""

from collections.abc import Sequence
from dataclasses import dataclass

from .content import Shown
from .results import Results
from .table import RAN, Row

SLOWER = 2.0
"""Ratio of processor times from which on a change is told; wall time is as others let it be."""

_SHORTEST = 3e-3
"""Seconds below which times are not compared."""

_FURTHER = 100.0
"""Ratio of certified gaps from which on a change is told."""

_ROUNDING = 1e-11
"""Gaps up to this are alike."""


@dataclass(frozen=True)
class Change:
    """A case that went another way than in an earlier run, and how."""

    problem: str
    method: str
    tolerance: float
    what: str
    is_worse: bool
    ratio: float


def changes(now: Results, then: Results) -> tuple[list[Change], int]:
    """Return the cases that changed, the worse ones first, and how many cases both runs have."""
    old = {_key(row): row for row in then.rows}
    pairs = [(row, old[_key(row)]) for row in now.rows if _key(row) in old]
    found = [change for row, former in pairs if (change := _change(row, former)) is not None]
    return sorted(found, key=lambda one: (not one.is_worse, -one.ratio)), len(pairs)


def _key(row: Row) -> tuple[str, str, float]:
    return row.problem, row.method, row.tolerance


def _change(row: Row, former: Row) -> Change | None:
    """Return what changed, by what matters most: the outcome, the certified gap, the time."""
    both = row.cpu_seconds > 0 and former.cpu_seconds > 0
    ratio = row.cpu_seconds / former.cpu_seconds if both else 1.0
    what, is_worse = "", False
    if row.outcome != former.outcome:
        what, is_worse = f"{row.outcome}, was {former.outcome}", row.outcome != RAN
    elif row.outcome == RAN:
        gaps = max(row.relative_gap, _ROUNDING), max(former.relative_gap, _ROUNDING)
        if max(gaps) > _FURTHER * min(gaps):
            what = f"gap {row.relative_gap:.0e}, was {former.relative_gap:.0e}"
            is_worse = gaps[0] > gaps[1]
        elif (
            max(ratio, 1 / ratio) >= SLOWER and max(row.cpu_seconds, former.cpu_seconds) > _SHORTEST
        ):
            what = f"{row.cpu_seconds:.3g} s, was {former.cpu_seconds:.3g} s"
            is_worse = ratio > 1
    if not what:
        return None
    return Change(row.problem, row.method, row.tolerance, what, is_worse, ratio)


def changes_table(changes: Sequence[Change], shared: int, against: str) -> Shown:
    """Return what went another way than in an earlier run."""
    worse = sum(change.is_worse for change in changes)
    body = [
        [
            *("worse" if change.is_worse else "better", change.problem, change.method),
            *(f"{change.tolerance:g}", change.what, f"{change.ratio:.2f}"),
        ]
        for change in changes
    ]
    return Shown(
        f"Against {against}",
        f"Of {shared} cases that both runs have, {worse} are worse and {len(changes) - worse} "
        "better: another outcome, a gap a hundred times as large, or a processor time of "
        f"{SLOWER:g} times.",
        ["", "problem", "method", "asked", "what changed", "time ratio"],
        body,
    )
