"""Sums over classes of functions of log Z, enclosed in balls.

With X = e^x and Z_h = e^{ζ_h} they are, for x at every ζ_g,

    share(x) = Σ c_h Z_h/(X + Z_h),     logs(x) = Σ c_h log(X + Z_h),
    flow(x)  = Σ c_h Z_h/(X + Z_h) (log(X + Z_h) + w_h).

Where there are many classes they are summed at q Chebyshev points only and interpolated: all are
analytic for |Im x| < π, so that inside an ellipse around the interval of the ζ, r the sum of its
half axes by that of the interval, the error is at most 4 M r^{1−q}/(r−1) with M a bound there
(Trefethen 2013, Approximation Theory and Approximation Practice, theorem 8.2), a ball that is
added.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from flint import arb, arb_mat

from .balls import Balls, total

_HEIGHT = 2.5
"""Of the ellipse above the real line, below π."""

_BITS = 68
"""Accuracy of interpolation, relative to the bound."""

_ROOM = 2.0**-30
"""By so much the interval is wider than all ζ, and the ellipse smaller than it may be."""

_EXACT = 24
"""Up to this many classes sums are formed as they stand."""


class Sums:
    """Sums over classes at each of them, a class itself left out.

    Parameters
    ----------
    log_normalizer : list of arb, length m
        ζ.
    copies : list of arb
        κ, how many classes there are of each kind.
    """

    def __init__(self, log_normalizer: Balls, copies: Balls) -> None:
        self._zeta, self._copies = log_normalizer, copies
        self._z = [zeta.exp() for zeta in log_normalizer]
        middles = [float(zeta.mid()) for zeta in log_normalizer]
        low, high = min(middles), max(middles)
        half = max((high - low) / 2 * (1 + _ROOM), 2.0**-10)
        self._centre, self._half = arb((low + high) / 2), arb(half)
        y = _HEIGHT / half
        ratio = (1 - _ROOM) * (y + math.sqrt(y * y + 1))
        wide = ratio < 1.01
        self._ratio = arb(ratio)
        self._count = 0 if wide else 2 + math.ceil(_BITS * math.log(2) / math.log(ratio))
        self.is_exact = wide or len(middles) <= max(_EXACT, self._count)

    def over_others(self, weights: Balls, extra: Balls) -> tuple[Balls, Balls, Balls]:
        """Return share, logs and flow at every ζ, one class of the own kind left out.

        Parameters
        ----------
        weights : list of arb
            c of one class of each kind.
        extra : list of arb
            w.
        """
        if self.is_exact:
            return self._summed(weights, extra)
        found = self._interpolated(weights, extra)
        alone = self._own_terms(weights, extra)
        share, logs, flow = (
            [whole - own for whole, own in zip(*parts, strict=True)]
            for parts in zip(found, alone, strict=True)
        )
        return share, logs, flow

    def share(self, weights: Balls) -> Balls:
        """Return share alone."""
        if self.is_exact:
            return self._summed(weights, [arb(0)] * len(weights))[0]
        whole = [count * c for count, c in zip(self._copies, weights, strict=True)]
        found = self._at_classes(self._kernels[0] * arb_mat([[c] for c in whole]))
        error = arb(0, self._errors(whole, [arb(0)] * len(whole))[0])
        return [found[g, 0] + error - c / 2 for g, c in enumerate(weights)]

    def _own_terms(self, weights: Balls, extra: Balls) -> tuple[Balls, Balls, Balls]:
        log_two = arb(2).log()
        logs = [c * (zeta + log_two) for c, zeta in zip(weights, self._zeta, strict=True)]
        share = [c / 2 for c in weights]
        flow = [
            c / 2 * (zeta + log_two + w)
            for c, zeta, w in zip(weights, self._zeta, extra, strict=True)
        ]
        return share, logs, flow

    def _summed(self, weights: Balls, extra: Balls) -> tuple[Balls, Balls, Balls]:
        share: Balls = []
        logs: Balls = []
        flow: Balls = []
        for g, at in enumerate(self._z):
            parts = [arb(0), arb(0), arb(0)]
            for h, (z, c, w, count) in enumerate(
                zip(self._z, weights, extra, self._copies, strict=True)
            ):
                number = count - 1 if h == g else count
                total = at + z
                log, weight = total.log(), number * c
                part = weight * z / total
                parts[0] += part
                parts[1] += weight * log
                parts[2] += part * (log + w)
            for into, part in zip((share, logs, flow), parts, strict=True):
                into.append(part)
        return share, logs, flow

    def _interpolated(self, weights: Balls, extra: Balls) -> list[Balls]:
        """Return sums over all classes, a class itself among them."""
        whole = [count * c for count, c in zip(self._copies, weights, strict=True)]
        columns = arb_mat([[c, c * w] for c, w in zip(whole, extra, strict=True)])
        logistic, log, both = self._kernels
        share, product = logistic * columns, log * columns
        flow = both * columns
        count = self._count
        at_nodes = arb_mat(
            [[share[i, 0], product[i, 0], flow[i, 0] + share[i, 1]] for i in range(count)]
        )
        found = self._at_classes(at_nodes)
        errors = self._errors(whole, extra)
        return [
            [found[g, column] + arb(0, error) for g in range(len(whole))]
            for column, error in enumerate(errors)
        ]

    @cached_property
    def _nodes(self) -> Balls:
        return chebyshev_points(self._count)

    @cached_property
    def _kernels(self) -> tuple[arb_mat, arb_mat, arb_mat]:
        """Z/(X + Z), log(X + Z) and their product at the nodes, q × m."""
        logistic, log = [], []
        for node in self._nodes:
            at = (self._centre + self._half * node).exp()
            totals = [at + z for z in self._z]
            logistic.append([z / total for z, total in zip(self._z, totals, strict=True)])
            log.append([total.log() for total in totals])
        both = [
            [a * b for a, b in zip(*rows, strict=True)] for rows in zip(logistic, log, strict=True)
        ]
        return arb_mat(logistic), arb_mat(log), arb_mat(both)

    def _at_classes(self, at_nodes: arb_mat) -> arb_mat:
        """Return polynomials at every ζ from their values at the nodes, a column each."""
        return self._polynomials * (self._coefficients * at_nodes)

    @cached_property
    def _coefficients(self) -> arb_mat:
        return chebyshev_coefficients(self._nodes)

    @cached_property
    def _polynomials(self) -> arb_mat:
        """Chebyshev polynomials at every ζ, m × q."""
        places = [(zeta - self._centre) / self._half for zeta in self._zeta]
        return arb_mat([chebyshev(place, self._count) for place in places])

    def _errors(self, weights: Balls, extra: Balls) -> Balls:
        """Largest errors of the interpolated sums, from bounds on the ellipse."""
        ratio = self._ratio
        reach = self._half * (ratio + 1 / ratio) / 2
        size = total(abs(c) for c in weights)
        far = max((abs(zeta - self._centre) for zeta in self._zeta), key=lambda ball: ball.upper())
        logistic = 1 / arb(_HEIGHT).sin()
        log = far + abs(self._centre) + reach + arb(2).log() + far + _HEIGHT
        most = total(abs(c * w) for c, w in zip(weights, extra, strict=True))
        shrink = 4 * ratio ** (1 - self._count) / (ratio - 1)
        bounds = size * logistic, size * log, logistic * (size * log + most)
        return [(shrink * bound).upper() for bound in bounds]


def chebyshev(place: Any, count: int) -> Balls:
    """T_0 … T_{count−1} at a place, by doubling: the three-term recurrence blows balls up."""
    found = [arb(1), place]
    for k in range(2, count):
        one, other = k // 2, k - k // 2
        twice = 2 * found[one] * found[other]
        found.append(twice - (place if other > one else arb(1)))
    return found[:count]


def chebyshev_points(count: int) -> Balls:
    """Chebyshev points of [−1, 1]."""
    return [(arb(2 * i + 1) / (2 * count)).cos_pi() for i in range(count)]


def chebyshev_coefficients(points: Balls) -> arb_mat:
    """Chebyshev coefficients of values at all the points, q × q."""
    count = len(points)
    rows = [chebyshev(point, count) for point in points]
    scale = [arb(1 if k == 0 else 2) / count for k in range(count)]
    return arb_mat([[scale[k] * row[k] for row in rows] for k in range(count)])
