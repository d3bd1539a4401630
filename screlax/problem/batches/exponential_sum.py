"""1/Y and log Y as sums of exponentials e^{−tY}, whose expectations are generating functions.

    1/Y = ∫ e^{−tY} dt ≈ Σ_k w_k e^{−t_k Y},  log(Y/Y') ≈ Σ_k (w_k/t_k) (e^{−t_k Y'} − e^{−t_k Y})

by the double-exponential map t = exp(u − e^{−u}/R)/Y_low and the trapezoidal rule in u. The error
falls exponentially in 1/h whatever Y from Y_low to Y_high = R Y_low.

Source: Takahasi and Mori 1974 (double exponential formulas); Hackbusch 2019, "Computation of best
L^∞ exponential sums for 1/x by Remez' algorithm", for how few terms suffice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...errors import InvalidInputError
from ...gram.rounding import UNIT
from ...types import Vector

_ACCURACY = 2e-16
"""Aim of the rule, relative; what it reaches is bounded for each."""

_POINTS, _HEIGHT = 38, 1.4
"""Chebyshev points on intervals of log Y, and η of the ellipse about them."""

_EVALUATED = 8 * UNIT
"""Rounding of Y Σ w e^{−tY}, where the largest terms have t Y near one."""

_FARTHEST = 1e300
"""Most that Y, 1/Y and ratios of Y may be: nodes are 36 times as far."""


@dataclass(frozen=True, eq=False)
class ExponentialSum:
    """Nodes t_k and weights w_k of the rule, each of shape (K,).

    Attributes
    ----------
    nodes, weights : ndarray, shape (K,)
    least, most : float
        The range of Y that it is for.

    Source of the bound: Trefethen 2019, Approximation Theory and Approximation Practice, theorems
    8.2 and 15.2.
    """

    nodes: Vector
    weights: Vector
    least: float = 1.0
    most: float = 1.0

    @cached_property
    def error(self) -> float:
        """Bound of the relative error of 1/Y, and of log(Y/Y'), anywhere in the range.

        The error is an analytic function of x = log Y, for |Im x| ≤ η at most 1 + s/cos η, where s
        bounds Y Σ w_k e^{−t_k Y} for real Y. On intervals of at most two it is what interpolates
        it at n Chebyshev points, up to 4 (1 + s/cos η) ρ^{1−n}/(ρ − 1), and that is no more than
        1 + (2/π) log n times its largest value there. Only those are computed, to `_EVALUATED`.
        """
        length = math.log(self.most / self.least)
        count = max(1, math.ceil(length / 2))
        half = length / (2 * count)
        points = 1 + np.cos((2 * np.arange(_POINTS) + 1) * math.pi / (2 * _POINTS))
        y = self.least * np.exp(half * (2 * np.arange(count)[:, None] + points).ravel())
        found = y * (np.exp(-np.outer(y, self.nodes)) @ self.weights)
        lebesgue = 1 + 2 / math.pi * math.log(_POINTS)
        size = 1 + 2 * float(found.max()) / math.cos(_HEIGHT)
        rho = _HEIGHT + math.hypot(_HEIGHT, 1.0)
        between = 4 * size * rho ** (1 - _POINTS) / (rho - 1)
        return lebesgue * (float(np.abs(found - 1).max()) + _EVALUATED) + between


def require_range(least: float, most: float) -> None:
    """Refuse a range for which no rule for all Y in it is within double precision.

    Raises
    ------
    InvalidInputError
        In terms of the embeddings.
    """
    if not 1 / _FARTHEST <= least <= most <= _FARTHEST * min(least, 1.0):
        raise InvalidInputError(
            "the expected loss of batches is known where inner products of class means are at "
            "most about 700 τ above squared norms, and here they are further; normalise the "
            "embeddings, or take a higher temperature"
        )


def exponential_sum(least: float, most: float) -> ExponentialSum:
    """Return the rule for all Y from `least` to `most`."""
    ratio, log_accuracy = max(most / least, 1.0), -math.log(_ACCURACY)
    spacing = math.pi**2 / (log_accuracy + 2.3)
    end = math.log(log_accuracy)
    count = math.ceil((2 * end + math.log(ratio)) / spacing) + 1
    places = end - spacing * np.arange(count)[::-1]
    decay = np.exp(-places) / ratio
    nodes = np.exp(places - decay) / least
    weights = spacing * nodes * (1 + decay)
    return ExponentialSum(nodes, weights, least, least * ratio)
