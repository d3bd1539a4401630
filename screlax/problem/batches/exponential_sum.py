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

from ...types import Vector

_ACCURACY = 2e-16
"""Aim of the rule, relative; what it reaches is measured."""


@dataclass(frozen=True, eq=False)
class ExponentialSum:
    """Nodes t_k and weights w_k of the rule, each of shape (K,).

    Attributes
    ----------
    nodes, weights : ndarray, shape (K,)
    least, most : float
        The range of Y that it is for.
    """

    nodes: Vector
    weights: Vector
    least: float = 1.0
    most: float = 1.0

    @cached_property
    def error(self) -> float:
        """Twice the largest relative error of 1/Y that is found on a grid of the range."""
        grid = np.geomspace(self.least, self.most, 64)
        found = grid * (np.exp(-np.outer(grid, self.nodes)) @ self.weights)
        return 2 * float(np.abs(found - 1).max())


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
