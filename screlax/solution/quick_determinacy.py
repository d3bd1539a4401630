"""What a loss decides, where finding that takes no longer than a solve."""

from __future__ import annotations

from ..analysis.determinacy import Determinacy
from ..errors import ScrelaxError
from .solution import Solution

_FEW = 100
"""Distinct sizes up to which it is found in some hundredths of a second."""


def quick_determinacy(solution: Solution) -> Determinacy | None:
    """Return the determinacy of up to a hundred distinct sizes; None for more, or if not known."""
    if solution.problem.points.orbits > _FEW:
        return None
    try:
        return solution.determinacy()
    except ScrelaxError:
        return None
