"""Sums over all classes of a smooth function of log Z_c − log Z_c', in time linear in their number.

Everything that couples classes in the slack-vector equations is a function of the difference of
two log normalisers β = log Z. These functions are analytic up to ±iπ, so that as functions of β_g
they are interpolated at q Chebyshev nodes to machine precision, with q fixed in advance by the
width of the range of β (Trefethen, Approximation Theory and Approximation Practice, theorem 8.2):
q is 7 to 15 for ridge and about 50 for a sphere of ρ/τ = 100, whatever the number of classes.
Where that would not save work the nodes are the β themselves.

All arrays have a leading batch axis, one problem per entry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..types import Vector

Array = Vector  # any number of axes

EXACT = 1e-16
"""Interpolation error that rounding hides."""

_ALWAYS_EXACT = 24


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Nodes on the range of β, and the way back to every β."""

    nodes: Array  # where a function of β is evaluated, shape (B, q)
    matrix: Array | None  # Lagrange polynomials at β, (B, m, q); None where the nodes are β itself

    @classmethod
    def of(cls, beta: Array, accuracy: float = EXACT) -> Interpolation:
        """Choose nodes for β, shape (B, m): Chebyshev, or β itself where that is no more work."""
        low, high = beta.min(axis=1), beta.max(axis=1)
        if (low == high).all():  # as at G = 0, which stays exactly zero
            return cls(beta[:, :1], np.ones((*beta.shape, 1)))
        width = high - low
        # a problem of the batch that has broken down must not decide for the others
        count = node_count(float(width.max(where=np.isfinite(width), initial=0.0)), accuracy)
        if beta.shape[1] <= max(_ALWAYS_EXACT, 2 * count):
            return cls(beta, None)
        margin = 1e-3 + 1e-12 * np.abs(high)  # keeps the map to [−1, 1] defined for equal β
        low, high = low - margin, high + margin
        middle, half = (low + high)[:, None] / 2, (high - low)[:, None] / 2
        angle = (2 * np.arange(count) + 1) * (math.pi / (2 * count))
        position = np.clip((beta - middle) / half, -1.0, 1.0)
        basis = np.polynomial.chebyshev.chebvander(position, count - 1)
        coefficients = np.cos(np.outer(np.arange(count), angle)) * (2 / count)
        coefficients[0] /= 2
        return cls(middle + half * np.cos(angle), basis @ coefficients)

    def extend(self, values: Array) -> Array:
        """Interpolate values at the nodes, shape (B, q), to every β, shape (B, m)."""
        if self.matrix is None:
            return values
        return np.asarray((self.matrix @ values[..., None])[..., 0])


def node_count(width: float, accuracy: float = EXACT) -> int:
    """Return how many Chebyshev nodes resolve the kernels on a range of that width.

    With poles at distance π from the real axis the error falls like r^−q,
    r = π/h + √(1 + (π/h)²) and h half the width.
    """
    if not math.isfinite(width):
        return 2  # nothing can resolve it
    ratio = 0.95 * math.pi / max(width / 2, 2e-3)
    return 2 + math.ceil(math.log(1 / accuracy) / math.asinh(ratio))


@dataclass(frozen=True, eq=False)
class Kernels:
    """The kernels between nodes b and all β, each of shape (B, q, m).

    The bend is half the squared distance that a difference in normalisers puts between two class
    means.
    """

    logistic: Array  # Z_h/(Z + Z_h) with Z = e^b
    bend: Array  # log cosh((b − β_h)/2)

    @classmethod
    def between(cls, nodes: Array, beta: Array) -> Kernels:
        """Evaluate the kernels at nodes (B, q) against β (B, m), with one exponential each."""
        difference = nodes[:, :, None] - beta[:, None, :]
        size = np.abs(difference)
        decay = np.exp(-size)
        smaller = decay / (1 + decay)
        logistic = np.where(difference > 0, smaller, 1 - smaller)
        return cls(logistic, size / 2 + np.log1p(decay) - math.log(2))


@dataclass(frozen=True, eq=False)
class SumKernels:
    """The kernels of a sum x + y between nodes x and all y, each of shape (B, q, m)."""

    share: Array  # e^{x+y}/(1 + e^{x+y})
    rise: Array  # log(1 + e^{x+y})

    @classmethod
    def between(cls, nodes: Array, numbers: Array) -> SumKernels:
        """Evaluate the kernels at nodes (B, q) against numbers (B, m), one exponential each."""
        total = nodes[:, :, None] + numbers[:, None, :]
        decay = np.exp(-np.abs(total))
        smaller = decay / (1 + decay)
        share = np.where(total > 0, 1 - smaller, smaller)
        return cls(share, np.maximum(total, 0.0) + np.log1p(decay))


def log_cosh_half(difference: Array) -> Array:
    """Return log cosh(x/2) without overflow."""
    size = np.abs(difference)
    return np.asarray(size / 2 + np.log1p(np.exp(-size)) - math.log(2))


def weighted(kernel: Array, weights: Array) -> Array:
    """Return Σ_h kernel_·h weights_h, shapes (B, q, m) and (B, m) to (B, q)."""
    return np.asarray((kernel @ weights[..., None])[..., 0])
