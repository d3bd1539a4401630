"""Roots of many rising functions of one number at once: Newton between brackets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...types import Vector

_MOST_STEPS = 200
_LONGEST = 8.0
_CLOSE = 1e-13


def rising_roots(
    function: Callable[[Vector], tuple[Vector, Vector]], start: Vector, highest: float = np.inf
) -> Vector:
    """Return where each rising function is zero, to rounding.

    Parameters
    ----------
    function : callable
        Values and slopes of all functions, each at its own number.
    start : ndarray, shape (m,)
    highest : float
        What no root is beyond.
    """
    at = start
    low, high = np.full_like(start, -np.inf), np.full_like(start, highest)
    for _ in range(_MOST_STEPS):
        value, slope = function(at)
        low, high = np.where(value <= 0, at, low), np.where(value >= 0, at, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.nan_to_num(-value / slope, nan=0.0)
            middle = low + (high - low) / 2
        after = at + np.clip(step, -_LONGEST, _LONGEST)
        middle = np.where(np.isfinite(middle), middle, after)
        outside = (after < low) | (after > high)
        after = np.where(outside, middle, after)
        moved, at = np.abs(after - at), after
        if (moved <= _CLOSE * (1 + np.abs(at))).all():
            break
    return at
