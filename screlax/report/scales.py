"""Axes: where a number is on them, and which numbers are written beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..plots.canvas import short_count

_FLAT = 1e-9
"""Relative range below which differences are rounding."""


@dataclass(frozen=True)
class Scale:
    """One axis: its ends, whether it is logarithmic, and whether its numbers are counts."""

    low: float
    high: float
    is_log: bool = False
    counts: bool = False

    def place(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return positions, 0 at the low end and 1 at the high one; NaN for what is not on it."""
        of = np.asarray(values, dtype=float)
        if not self.is_log:
            return np.asarray((of - self.low) / (self.high - self.low))
        logarithm = np.log10(of, out=np.full_like(of, np.nan), where=of > 0)
        low, high = math.log10(self.low), math.log10(self.high)
        return np.asarray((logarithm - low) / (high - low))

    def ticks(self) -> list[tuple[float, str]]:
        """Return some five numbers on the axis with their text."""
        found = self._log_ticks() if self.is_log else self._linear_ticks()
        margin = 1e-9 * (self.high - self.low)
        inside = [x for x in found if self.low - margin <= x <= self.high + margin]
        return [(x, self._text(x)) for x in inside]

    def _linear_ticks(self) -> list[float]:
        step = _nice((self.high - self.low) / 5)
        if self.counts:
            step = max(step, 1.0)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]

    def _log_ticks(self) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = max(1, math.ceil((last - first) / 6))
        within = (1,) if math.log10(self.high / self.low) > 2.3 else (1, 2, 5)
        if math.log10(self.high / self.low) < 0.7:
            return self._linear_ticks()
        return [m * 10.0**e for e in range(first, last + 1, every) for m in within]

    def _text(self, value: float) -> str:
        if self.counts:
            return short_count(value)
        if value == 0 or abs(value) < 1e-12 * max(abs(self.low), abs(self.high)):
            return "0"
        return f"{value:.4g}".replace("-", "−", 1) if value < 0 else f"{value:.4g}"


def sizes_scale(values: ArrayLike) -> Scale:
    """Return the axis of class sizes: logarithmic where they span a factor of ten."""
    of = np.asarray(values, dtype=float)
    low, high = float(of.min()), float(of.max())
    if low == high:
        return Scale(max(low - 1, 0), high + 1, counts=True)
    is_log = low > 0 and high >= 10 * low
    if is_log:
        return Scale(low / 1.08, high * 1.08, is_log=True, counts=True)
    margin = 0.03 * (high - low)
    return Scale(low - margin, high + margin, counts=True)


def fitting_scale(columns: Iterable[ArrayLike], *, zero: bool = False, log: bool = False) -> Scale:
    """Return an axis for all numbers that are finite: what is flat stays flat, zero where asked."""
    found = np.concatenate([np.ravel(np.asarray(column, dtype=float)) for column in columns])
    found = found[np.isfinite(found)]
    if not found.size:
        return Scale(0.0, 1.0)
    low, high = float(found.min()), float(found.max())
    if log and low > 0 and high >= 10 * low:
        return Scale(low / 1.15, high * 1.15, is_log=True)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    size = max(abs(low), abs(high))
    is_flat = high - low <= _FLAT * max(size, _FLAT)
    margin = (0.1 * size or 1.0) if is_flat else 0.05 * (high - low)
    return Scale(0.0 if zero and low == 0 else low - margin, high + margin)


def _nice(step: float) -> float:
    """Return the nearest of 1, 2, 2.5, 5 times a power of ten that is no smaller."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= step * (1 - 1e-9))
