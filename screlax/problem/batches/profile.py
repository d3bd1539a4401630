"""How large generating functions are on their circles: what is needed, and what is left out.

On the circle |z| = z₀ r the terms of a row are, for the angle θ, at most

    |A(z)| ≤ A(z₀ r) exp(−2 v sin²(θ/2)),    v the variance of the number of units of other classes,

since |1 + p(e^{iθ} − 1)|² = 1 − 4 p(1 − p) sin²(θ/2): so real numbers, K for each row, bound all
errors of a sum over nodes, relative to what comes out.

*Proved*: the sum of exponentials (`ExponentialSum.error`); coefficients that the rule on a circle
takes for that of z^d, by Bennett's inequality, and the arc that is cut off; interpolation over
classes (`columns`). *Counted, not proved by intervals*: rounding, a few units for each operation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...gram.rounding import UNIT
from ...types import Matrix, Vector
from .contour import LOG_ACCURACY, Spread
from .draws import Draws

_OPERATIONS = 6.0
"""Rounded operations behind each number, on the path to a logarithm and back."""

_SUMMED = 40.0
"""Units of rounding of sums over nodes and of weights."""

_CANCELLED = 30.0
"""Rows are taken apart where sums on shared circles lose more than this."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Terms of rows on their circles, where z is real.

    Attributes
    ----------
    draws : Draws
        Of R rows.
    size : ndarray, shape (R, K)
        The terms as they are weighted in the result.
    logs : ndarray, shape (R, K)
        Sizes of the logarithms that they were summed from.
    away : ndarray, shape (R, K)
        Distance of the mean number of units from d.
    most, least : ndarray, shape (R, K)
        Its variance, and that without the own class.
    log_none : ndarray, shape (R, K)
        See `Spread`.
    extra : float
        Units that are always there.
    """

    draws: Draws
    size: Matrix
    logs: Matrix
    away: Matrix
    most: Matrix
    least: Matrix
    log_none: Matrix
    extra: float

    @cached_property
    def _expected(self) -> Vector:
        """What comes out, roughly, (R, 1)."""
        near = np.exp(-(self.away**2) / (2 * (self.most + 1))) / self._wide
        total = (self.size * near).sum(axis=1, keepdims=True)
        return np.where(total > 0, total, 1.0)

    @cached_property
    def _wide(self) -> Matrix:
        """By how much terms are larger than their mean over the circle, (R, K)."""
        if self.draws.degree is None:
            return np.ones_like(self.most)
        return np.sqrt(2 * math.pi * self.most + 1)

    @property
    def cancelled(self) -> Vector:
        """How much larger terms are than what comes out, beyond what they are on own circles."""
        return np.asarray((self.size / self._wide).sum(axis=1) / self._expected[:, 0] / _CANCELLED)

    @cached_property
    def importance(self) -> Vector:
        """Largest share, over the rows, that the terms of a circle have in the result, (K,)."""
        return np.asarray((self.size / self._expected).max(axis=0))

    @property
    def spread(self) -> Spread:
        """What the choice of nodes rests on."""
        importance = self.size / self._expected
        return Spread(importance, self.away, self.most, self.least, self.log_none, self.extra)

    def errors(self, found: Vector, interpolated: Vector, uneven: float = 1.0) -> Vector:
        """Bound the relative errors of what was found, without that of the exponential sum, (R,).

        Parameters
        ----------
        found : ndarray, shape (R,)
            What came out: sums with the weights of `size`.
        interpolated : ndarray, shape (K,)
            Errors of logarithms by interpolation.
        uneven : float
            Ratio of the largest κ e to its mean, by which rare batches weigh more.
        """
        kept, angle, units = self.size, np.zeros_like(self.size), np.zeros_like(self.size)
        missed: Vector = np.zeros(len(found))
        if self.draws.degree is not None:
            least = np.maximum(self.least - 0.25, 0.0)  # one of the units is the marked one
            kept = self.size / np.sqrt(1 + 2 * least)
            angle = self.size * np.minimum(math.pi / 2, math.pi / np.maximum(4 * least, 1e-300))
            units = self.draws.degree + self.away
            missed = 2 * uneven * math.exp(-LOG_ACCURACY) * self._expected[:, 0]
        rounded = _OPERATIONS * ((_SUMMED / _OPERATIONS + self.logs) * kept + 3 * units * angle)
        lost = np.asarray((UNIT * rounded + 2 * kept * interpolated).sum(axis=1) + missed)
        return np.asarray(np.divide(lost, found, out=np.zeros_like(lost), where=found > 0))
