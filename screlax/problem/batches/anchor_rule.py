"""1/A of A anchors as a sum of powers, whose expectation is a generating function.

    1/A = ∫₀¹ y^{A−1} dy ≈ Σ_k w_k y_k^{A−1}

Gauss's rule for the weight y^{a−1}, a the least A there is, is exact for A up to a + 2K − 1 and
nearly so far beyond. A is a whole number: the error is computed for every A, which proves it.

Source: Golub and Welsch 1969, "Calculation of Gauss quadrature rules".
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ...types import Vector
from .exponential_sum import exponential_sum

_ACCURACY = 1e-14
"""Largest relative error of 1/A."""

_IDLE = 1e-18
"""Share of 1/A that a node may be left out for."""

_MOST_NODES, _MOST_ANCHORS = 48, 4096
"""Where more nodes are needed, or more numbers of anchors occur, a sum of exponentials is used."""


@lru_cache(maxsize=1024)
def anchor_rule(least: int, most: int) -> tuple[Vector, Vector]:
    """Return y and weights of a rule for all A from `least` to `most`.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.problem.batches.anchor_rule import anchor_rule
    >>> y, weights = anchor_rule(54, 64)
    >>> len(y), bool(abs(60 * np.sum(weights * y ** 59) - 1) < 1e-14)
    (6, True)
    """
    if most - least < _MOST_ANCHORS:
        for count in range(1, min(math.ceil((most - least + 1) / 2), _MOST_NODES) + 1):
            y, weights = _gauss(count, least - 1.0)
            if anchor_error(y, weights, least, most) <= _ACCURACY:
                return y, weights
    rule = exponential_sum(float(least), float(most))
    y, anchors = np.exp(-rule.nodes), np.clip(1 / rule.nodes, least, most)
    share = anchors * rule.weights * np.exp(-rule.nodes * anchors)  # largest, of any 1/A
    kept = (y > 0) & (share > _IDLE)
    return y[kept], rule.weights[kept] * y[kept]


def anchor_error(y: Vector, weights: Vector, least: int, most: int) -> float:
    """Return the largest relative error of 1/A for all A from `least` to `most`."""
    anchors = np.arange(least, most + 1.0)
    found = np.exp(np.outer(anchors - 1, np.log(y))) @ weights
    return float(np.abs(found * anchors - 1).max())


def _gauss(count: int, power: float) -> tuple[Vector, Vector]:
    """Return nodes and weights of ∫₀¹ f(y) dy that are exact for y^power times polynomials."""
    order = np.arange(count, dtype=float)
    total = 2 * order + power
    diagonal = np.full(count, 0.5)
    if power > 0:
        diagonal += power * power / (2 * total * (total + 2))
    order, total = order[1:], total[1:]
    beside = order * (order + power) / (total * np.sqrt(total * total - 1))
    y, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, -1))
    with np.errstate(over="ignore"):  # a node where powers underflow fails the check
        return y, vectors[0] ** 2 / (power + 1) / y**power
