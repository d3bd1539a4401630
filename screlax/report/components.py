"""An optimum that falls apart: batches that are drawn once, each set that meets on its own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from ..gram.geometry import cosines_of
from ..io.shown import one_line
from ..solution.components import APART, Component
from ..solution.solution import Solution
from .geometry import MOST_DRAWN
from .heat_map import HeatMap
from .markup import Markup, details, joined, table, tag
from .numbers import Sheet, number

_MOST_LISTED, _MOST_DRAWN = 500, 4
"""Components in the table, and those that are drawn."""


def component_parts(sheet: Sheet, solution: Solution) -> Markup | None:
    """Return what there is to say of components; None where there are none."""
    parts = solution.components
    if not parts:
        return None
    used = sum(len(part.samples) for part in parts)
    left = solution.problem.samples - used
    alone = f" {left:,} samples are in no batch." if left else ""
    said = (
        f"The batches are drawn once, and {len(parts):,} set{'s' * (len(parts) > 1)} of samples "
        f"meet{'' if len(parts) > 1 else 's'}, directly or through others: {APART}.{alone} "
        "Every such component has an optimum, and a geometry, of its own."
    )
    largest = sorted(parts, key=lambda part: -len(part.samples))
    drawn = [part for part in largest if part.solution is not None][:_MOST_DRAWN]
    labels = solution.problem.class_labels
    figures = [tag("div", *(_figure(sheet, part, labels) for part in drawn), class_="figures")]
    return joined([tag("p", said), *(figures if drawn else []), _listed(parts)])


def _figure(sheet: Sheet, part: Component, labels: Sequence[Hashable] | None) -> Markup:
    gram = part.class_gram
    numbers = np.unique(part.classes).tolist()
    names = [one_line(f"class {n}" if labels is None else labels[n]) for n in numbers]
    kept = np.arange(min(len(gram), MOST_DRAWN))
    cosines = cosines_of(gram[np.ix_(kept, kept)])
    np.fill_diagonal(cosines, np.nan)
    shown = "" if len(kept) == len(gram) else f", the first {len(kept)} of {len(gram):,}"
    return HeatMap.of(cosines, [names[k] for k in kept], f"classes by number{shown}").figure(
        sheet, "Cosines between class means", f"Of {part}."
    )


def _listed(parts: tuple[Component, ...]) -> Markup:
    rows = (
        [str(place), str(part).partition(":")[0], f"{len(part.samples):,}",
         f"{len(np.unique(part.classes)):,}", number(part.upper, 8), number(part.lower, 8)]
        for place, part in enumerate(parts[:_MOST_LISTED])
    )  # fmt: skip
    header = ["component", "batches", "samples", "classes", "objective", "lower bound"]
    rest = len(parts) - _MOST_LISTED
    more = f", the first {_MOST_LISTED}; {rest:,} more are not listed" if rest > 0 else ""
    title = f"All {len(parts):,} components{more}"
    return details(title, table(title, header, rows), is_open=len(parts) <= 20)
