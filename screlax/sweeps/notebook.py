"""A sweep in a notebook: what all points have in common, and the first rows of all else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..io.notebook import card
from ..io.shown import shortened

if TYPE_CHECKING:
    from .table import SweepTable

_SETTINGS = (
    *("profile", "imbalance", "seed", "classes", "samples", "loss", "features"),
    *("control", "numbers", "temperature", "constraints", "dim"),
)
_RESULTS = ("status", "value", "relative_gap", "rank", "cosine_largest", "cosine_smallest")

_MOST_ROWS = 10


def sweep_card(table: SweepTable) -> str:
    """Return the HTML of a sweep; a loss "in" a sampler is an expectation over its batches."""
    varying = [name for name in _SETTINGS if len({str(entry) for entry in table[name]}) > 1]
    common = {name: table[name][0] for name in _SETTINGS if name not in varying and table.rows}
    said = ", ".join(f"{count} {status}" for status, count in sorted(table.counts.items()))
    facts = [("points", f"{len(table.rows):,}{': ' if said else ''}{said}")]
    known = [f"{name} {_cell(entry)}" for name, entry in common.items() if entry is not None]
    if known:
        facts.append(("in common", ", ".join(known)))
    facts.append(("loss", _meaning(table)))
    columns = [*varying, *_RESULTS]
    rows = [[_cell(row[name]) for name in columns] for row in table.rows[:_MOST_ROWS]]
    rest = len(table.rows) - _MOST_ROWS
    note = f"and {rest:,} more rows; pandas.DataFrame(table) has them all" if rest > 0 else ""
    header = [name.replace("_", " ") for name in columns]
    return card("SweepTable", facts, header, rows, note=note)


def _meaning(table: SweepTable) -> str:
    """Say what values are of: of all samples, or an expectation over batches."""
    of_batches = {" in " in str(loss) for loss in table["loss"]}
    if of_batches == {True}:
        return "of the expectation over mini-batches, not a single one; sums, no means"
    if of_batches == {False} or not of_batches:
        return "of all samples at once; sums, no means"
    return "of all samples, or where it is one in a sampler of the expectation over its batches"


def _cell(entry: Any) -> str:
    if entry is None:
        return "–"
    return f"{entry:.5g}" if isinstance(entry, float) else shortened(entry, 40)
