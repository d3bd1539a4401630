"""A landscape survey in a notebook: a row for each dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..io.notebook import card
from ..problem.averaging import averaged_over

if TYPE_CHECKING:
    from .result import Landscape

_COLUMNS = {
    "dim": "dimension",
    "starts": "starts",
    "reached": "reached",
    "best_gap": "best gap",
    "median_gap": "median",
    "worst_gap": "worst",
    "values": "different values",
    "global": "global",
    "strict_saddle": "strict saddles",
    "spurious": "spurious",
    "not_stationary": "not stationary",
}


def landscape_card(landscape: Landscape) -> str:
    """Return the HTML of a survey."""
    problem, table = landscape.problem, landscape.table()
    rows = [
        [f"{table[name][number]:.3g}" for name in _COLUMNS] for number in range(len(table["dim"]))
    ]
    gap = landscape.solution.certificate.gap_in_words
    facts = [
        (
            "problem",
            f"{problem.classes:,} classes, {problem.description}, "
            f"{problem.control.in_words}, temperature {problem.temperature:g}",
        ),
        ("loss", f"of {averaged_over(problem)}; features {problem.features.value}"),
        ("descents", f"{len(landscape.points):,} at level {landscape.level}"),
        (
            "gaps",
            f"relative, proved, to the optimum over all dimensions ({landscape.solution.status}, "
            f"certified relative gap {gap})",
        ),
    ]
    return card("Landscape", facts, list(_COLUMNS.values()), rows)
