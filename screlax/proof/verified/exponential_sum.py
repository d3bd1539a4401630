"""1/Y and log Y as sums of exponentials, with an error that is proved.

The rule is that of `screlax.problem.batches.exponential_sum`, of more terms. Its nodes and weights
are taken as the exact numbers they are; the error E(x) = 1 − Y Σ w_k e^{−t_k Y}, Y = e^x, is
analytic for |Im x| < π/2 and there at most 1 + Σ (w_k/t_k) / (e cos Im x), for y e^{−y} ≤ 1/e.
On an interval of length two it is what interpolates it at q Chebyshev points, up to
4 M r^{1−q}/(r − 1), and that is at most 1 + (2/π) log(q + 1) times its largest value there.

Source: Trefethen 2013, Approximation Theory and Approximation Practice, theorems 8.2 and 15.2.
"""

from __future__ import annotations

import math
from typing import Any

from flint import arb

from .balls import Balls, largest, total

_LOG_ACCURACY = 66 * math.log(2)
"""−log of the relative error that the rule aims at."""

_HEIGHT, _POINTS = 1.4, 52
"""Of the ellipse, and Chebyshev points on each interval."""

_ROOM = 2.0**-10
"""By so much the range of Y is wider than what was computed in doubles."""


class BallSum:
    """Nodes t and weights w for all Y of a range.

    Parameters
    ----------
    least, most : float
        Bounds of Y, of which a few digits are right.

    Attributes
    ----------
    nodes, weights : list of arb, length K
    least : arb
    error : arb
        Bound of the relative error of 1/Y anywhere in the range.
    log_error : arb
        Bound of the error of log(Y/least).
    """

    def __init__(self, least: float, most: float) -> None:
        least, most = least * (1 - _ROOM), most * (1 + _ROOM)
        ratio = max(most / least, 1.0)
        spacing = arb(math.pi**2 / (_LOG_ACCURACY + 2.3))
        end = arb(math.log(_LOG_ACCURACY))
        count = math.ceil(float((2 * end + arb(ratio).log()) / spacing)) + 1
        self.least = arb(least)
        self.nodes: Balls = []
        self.weights: Balls = []
        for place in range(count - 1, -1, -1):
            u = end - spacing * place
            decay = (-u).exp() / ratio
            node = ((u - decay).exp() / self.least).mid()
            self.nodes.append(node)
            self.weights.append((spacing * node * (1 + decay)).mid())
        self.error = self._error(math.log(most / least))
        self.log_error = self.error * (arb(most) / self.least).log()

    def _error(self, length: float) -> Any:
        count = max(1, math.ceil(length / 2))
        half = arb(length) / (2 * count) * (1 + arb(_ROOM))
        worst = largest(
            abs(1 - self._at(self.least * (half * (2 * i + 1 + point)).exp()))
            for i in range(count)
            for point in _chebyshev_points()
        )
        most = 1 + total(w / t for w, t in zip(self.weights, self.nodes, strict=True)) / (
            arb(1).exp() * arb(_HEIGHT).cos()
        )
        height = arb(_HEIGHT) / half
        ratio = height + (height * height + 1).sqrt()
        between = 4 * most * ratio ** (1 - _POINTS) / (ratio - 1)
        lebesgue = 1 + 2 * arb(_POINTS + 1).log() / arb.pi()
        return (lebesgue * worst + between).upper()

    def _at(self, y: Any) -> Any:
        """Return Y Σ w e^{−tY}."""
        return y * total(w * (-t * y).exp() for w, t in zip(self.weights, self.nodes, strict=True))


def _chebyshev_points() -> Balls:
    return [(arb(2 * i + 1) / (2 * _POINTS)).cos_pi() for i in range(_POINTS)]
