"""A design in words: what each knob buys, and the alternatives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..io.shown import one_line
from ..io.tables import text_lines
from ..problem.ufm import UFM
from ..solution.solution import Solution

if TYPE_CHECKING:
    from .result import Design, DesignStep

TOGETHER = "all together"

_EXCESS = 1e-6
"""Excess of the loss, relative to its value, that networks of single precision come to."""

_MOST_CLASSES = 40
"""Classes up to which what a loss leaves open is found in a fraction of a second."""

_LISTED = 20
"""Classes up to which text has the numbers of each."""


def left_open(solution: Solution) -> float | None:
    """Return `Determinacy.distance` of a millionth; None beyond forty classes, or of a zero matrix.

    A design whose loss does not determine its geometry promises nothing of a network.
    """
    if solution.problem.classes > _MOST_CLASSES or not solution.orbit_gram.own.any():
        return None
    return solution.determinacy().distance(_EXCESS)


def design_text(design: Design) -> str:
    """Return what each knob buys as a table, and the alternatives."""
    parts = (_head, _knob_lines, _alternative_lines, _class_lines)
    return "\n".join(line for part in parts for line in part(design))


def _head(design: Design) -> list[str]:
    problem = design.before.problem
    gap, status = design.solution.certificate.gap_in_words, design.solution.status
    reached = "reached" if design.is_reached else "not reached"
    return [
        f"target {design.target.name}; k={problem.classes:,}, {problem.description}, "
        f"temperature {problem.temperature:g}",
        f"distance {_shown(design.distance_before)} before, {_shown(design.distance)} designed "
        f"({reached} within {design.tolerance:g}; {status}, certified relative gap {gap})",
    ]


def _knob_lines(design: Design) -> list[str]:
    whole, opened = design.distance_before, _opened(left_open(design.before))
    rows, words = [["as given", _shown(whole), "100 %", opened]], [_words(design.before.problem)]
    for step in design.steps:
        left = step.distance / whole if whole > 0 else 0.0
        name = TOGETHER if len(step.knobs) > 1 else step.name
        rows.append([name, _shown(step.distance), f"{100 * left:.0f} %", _opened(step.left_open)])
        words.append(_words(step.solution.problem) + _ends(step))
    columns = text_lines(["turned", "distance", "left", "open"], rows)
    lines = [f"{line}  {to}" for line, to in zip(columns, ["to", *words], strict=True)]
    lines.append("open: the distance that an excess of a millionth of the loss allows")
    lines += [one_line(f"{s.name} stopped: {s.stopped}") for s in design.steps if s.stopped]
    if design.enough_prototypes is not None:
        lines.append(
            f"with the same number of prototypes for all classes, {design.enough_prototypes:,} "
            f"are enough for {design.tolerance:g}"
        )
    return lines


def _alternative_lines(design: Design) -> list[str]:
    if not design.alternatives:
        return []
    found = [one for one in design.alternatives if one.distance is not None]
    found.sort(key=lambda one: (one.choice, one.distance))
    rows = [[one.choice, _shown(one.distance)] for one in found]
    columns = text_lines(["choice", "distance"], rows)
    texts = ["of", *(one.text for one in found)]
    refused = [one for one in design.alternatives if one.distance is None]
    return [
        *(f"{line}  {text}" for line, text in zip(columns, texts, strict=True)),
        *(one_line(f"{one.text} refused: {one.reason}") for one in refused),
    ]


def _class_lines(design: Design) -> list[str]:
    """Return the designed numbers of every class, where there are few."""
    problem, options = design.problem, design.problem.loss.orbit_options
    if not options or problem.classes > _LISTED:
        return []
    orbit = problem.class_sizes.orbit_index()
    names = problem.class_labels or range(problem.classes)
    columns = [[f"{number:.5g}" for number in numbers[orbit]] for numbers in options.values()]
    header = ["class", "size", *(name.replace("_", " ") for name in options)]
    rows = zip(names, np.asarray(problem.class_sizes), *columns, strict=True)
    return text_lines(header, rows)


def _shown(distance: float | None) -> str:
    """Return a distance with four digits, and none for what is zero by rounding."""
    if distance is None:
        return "-"
    return "0" if distance < 1e-9 else f"{distance:.4g}"


def _opened(distance: float | None) -> str:
    if distance is None:
        return "-"
    return f"{distance:.2g}" if math.isfinite(distance) else "all"


def _ends(step: DesignStep) -> str:
    return f"; at the limit of {', '.join(step.at_limit)}" if step.at_limit else ""


def _words(problem: UFM) -> str:
    """Say what a problem is set to."""
    return f"{problem.loss}, temperature {problem.temperature:.4g}"
