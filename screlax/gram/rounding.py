"""What rounding can do to sums, from the sizes of what is summed.

Source: Higham, Accuracy and Stability of Numerical Algorithms, chapters 3, 4 and 10.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Matrix, Vector
from .cells import CellGram

UNIT = float(np.finfo(float).eps) / 2
"""Largest relative error of one rounded operation."""

TINY = 4 * float(np.finfo(float).smallest_subnormal)
"""Largest absolute error of what underflows."""

_SERIES = 0.5
"""Below this e^d − 1 − d is summed by its series, above it subtracts."""


def summation(count: int) -> float:
    """Return the largest error of a sum of so many rounded terms, relative to that of their sizes.

    Library sums keep at least sixteen partial sums.
    """
    return (8 + count / 16) * UNIT


def entry_sizes(gram: CellGram) -> Vector:
    """Return the largest entry of every row in size, and of its diagonal, shape (m,)."""
    return np.asarray(np.maximum(np.abs(gram.own), np.abs(gram.pair).max(axis=1)) + gram.own.max())


def product(first: CellGram, second: CellGram) -> float:
    """Return ⟨first, second⟩ over own and pair."""
    return float(first.own @ second.own + np.vdot(first.pair, second.pair))


def product_sizes(first: CellGram, second: CellGram) -> float:
    """Return the sum of the sizes of what `product` sums."""
    return float(
        np.abs(first.own) @ np.abs(second.own) + np.vdot(np.abs(first.pair), np.abs(second.pair))
    )


def exponential_remainder(values: Matrix) -> Matrix:
    """Return f(d) = e^d − 1 − d, to a few rounding units also where d is small."""
    with np.errstate(over="ignore"):
        far = np.expm1(values) - values
    small = np.clip(values, -_SERIES, _SERIES)
    tail: Any = np.ones_like(small)
    for power in range(16, 2, -1):
        tail = 1.0 + tail * small / power
    return np.where(np.abs(values) < _SERIES, small * small / 2 * tail, far)
