"""How many units of its own class an anchor meets, and the loss where it meets nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...gram.rounding import UNIT
from ...types import Matrix, Vector
from .draws import Draws

_DEVIATIONS, _BESIDE = 10.0, 50.0
"""Counts further from the likeliest than this are together less likely than rounding."""

_RATIO = 8.0
"""Units of rounding of a ratio of neighbouring probabilities."""


@dataclass(frozen=True, eq=False)
class OwnCounts:
    """The distribution of the number b of units, for one row.

    Attributes
    ----------
    counts, chances : ndarray, shape (B,)
    errors : ndarray, shape (B,)
        Bounds of the relative errors of the chances.
    """

    counts: Vector
    chances: Vector
    errors: Vector

    @classmethod
    def of(cls, draws: Draws, row: int) -> OwnCounts:
        """Multiply ratios of neighbouring probabilities, from the likeliest count on.

        They are hypergeometric, or binomial with replacement or of independent draws; dividing by
        their sum is all the normalisation that they need.
        """
        own, everything = float(draws.own_units[row]), float(draws.everything[row])
        degree = draws.degree
        if degree is None:
            least, most, odds = 0.0, own, draws.odds
            mean = own * odds / (1 + odds)
        elif draws.replaced:
            least, most, odds = 0.0, degree if own > 0 else 0.0, own / (everything - own)
            mean = degree * own / everything
        else:
            others = everything - own
            least, most = max(0.0, degree - others), min(own, degree)
            mean = degree * own / max(everything, 1.0)
        mode = min(max(math.floor(mean), least), most)
        width = _DEVIATIONS * math.sqrt(mean + 1) + _BESIDE
        start, end = max(least, mode - math.ceil(width)), min(most, mode + math.ceil(width))
        b = np.arange(start, end + 1)
        if degree is None or draws.replaced:
            total = own if degree is None else degree
            ratio = (total - b[:-1]) / (b[:-1] + 1) * odds
        else:
            ratio = (own - b[:-1]) * (degree - b[:-1]) / ((b[:-1] + 1) * (others - degree + b[1:]))
        at = int(mode - start)
        above, below = np.cumprod(ratio[at:]), np.cumprod(1 / ratio[:at][::-1])[::-1]
        chances = np.concatenate([below, [1.0], above])
        total = float(chances.sum())
        errors = UNIT * _RATIO * (2 + np.abs(b - mode))
        return cls(b, chances / total, errors + float(errors @ chances) / total)


def floors(draws: Draws, views: int) -> Matrix:
    """Return E[1 log(V b_c + V − 1)] of each row and bounds of their errors, shape (R, 2).

    Sums of positive numbers, V b_c + V − 1 being at least one.
    """
    found = []
    for row, fixed in enumerate(draws.own_fixed):
        own = OwnCounts.of(draws, row)
        others = views * (fixed + own.counts) + views - 1
        terms = own.chances * np.log(np.where(others > 0, others, 1.0))
        found.append((float(terms.sum()), float((own.errors + 8 * UNIT) @ terms)))
    return np.array(found).reshape(-1, 2)
