"""The smallest eigenvalue of a form, found by inverse iteration and proved by counting.

A shift below which no eigenvalue is counted, and the quotient of a change that was found, enclose
it; they are brought together to a relative 1e-9. What is proved is so up to the rounding of the
factorisation that counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...gram.cells import CellGram
from .symmetric_type import ShiftedType, SymmetricType

_WANTED = 1e-10
"""Relative width of the enclosure at which the search ends."""

_STEPS = 3
"""Inverse iterations for each factorisation."""

_MOST_SHIFTS = 60


@dataclass(frozen=True, eq=False)
class Enclosed:
    """An eigenvalue between `lower` and `value`, and a change whose quotient is `value`."""

    lower: float
    value: float
    change: CellGram


def smallest_symmetric(kind: SymmetricType, ceiling: float) -> Enclosed | None:
    """Return the smallest eigenvalue, None where it is not below a ceiling."""
    if kind.unknowns <= 0:
        return None
    if math.isfinite(ceiling) and kind.at(ceiling * (1 - _WANTED)).below == 0:
        return None
    shifted = kind.at(0.0)
    change = kind.random_change(np.random.default_rng(0))
    if shifted.below > 0:
        return Enclosed(0.0, 0.0, _improved(shifted, change)[0])
    lower, value, above, refuted = 0.0, math.inf, math.inf, False
    for _ in range(_MOST_SHIFTS):
        found, moved = math.inf, math.inf
        for _ in range(_STEPS):
            change, quotient = _improved(shifted, change)
            moved, found = abs(found - quotient), quotient
        value = min(value, found)
        if not value > 0 or value - lower <= _WANTED * value:
            break
        margin = max(_WANTED / 2 * value, min(value / 2, 2 * moved))
        target = value - margin
        if refuted or not lower < target < above:  # there are smaller ones than it comes near to
            target = (lower + min(above, value)) / 2
        if not lower < target:
            break
        tried = kind.at(target)
        if tried.below == 0:
            lower, shifted, refuted = target, tried, False
        else:
            above, refuted = target, True
    return Enclosed(lower, value, change)


def _improved(shifted: ShiftedType, change: CellGram) -> tuple[CellGram, float]:
    """Return the next change of an inverse iteration, of length one, and its quotient."""
    kind = shifted.of
    right = kind.metric(change)
    found = shifted.solve(right)
    largest = max(float(np.abs(found.own).max()), float(np.abs(found.pair).max()))
    if not 0 < largest < math.inf:
        return found, math.inf
    unit = found.scaled(1 / largest)  # curvatures may be so small that squares overflow
    length = kind.product(kind.metric(unit), unit)
    if not length > 0:
        return unit, math.inf
    quotient = shifted.value + kind.product(right, unit) / length / largest
    return unit.scaled(1 / math.sqrt(length)), quotient
