"""Which sums Y of a batch can occur."""

from __future__ import annotations

import numpy as np

from ...types import Matrix, Vector
from .draws import Draws
from .exponential_sum import require_range


def least_sum(draws: Draws, views: int, e: float) -> Vector:
    """Return the smallest Y of a batch with a positive, all others having at least e, (R,)."""
    own = views * draws.own_fixed + views - 1
    missing = own == 0
    others = draws.most_units if draws.degree is not None else np.zeros(len(own))
    rest = np.maximum(0.0, others - missing)
    return np.asarray(np.where(missing, 1.0, own) + rest * views * min(e, 1.0))


def range_of_sums(draws: Draws, views: int, least: Matrix, each: Matrix) -> tuple[float, float]:
    """Return the smallest and the largest Y that can occur from `least` to κ e.

    Raises
    ------
    InvalidInputError
        If they are too large for numbers.
    """
    most = views * np.maximum(each.max(axis=1, initial=0.0), 1.0)
    top = views * (draws.own_fixed + 1) + draws.most_units * most
    require_range(1.0, float(top.max()))
    low = least_sum(draws, views, float(least.min()))
    return float(low.min()), float(top.max())
