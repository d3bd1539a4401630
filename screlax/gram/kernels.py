"""Sums over all classes of a smooth function of log Z_c − log Z_c', in time linear in their number.

Everything that couples classes in the slack-vector equations is a function of the difference of
two log normalisers β = log Z. These functions are analytic up to ±iπ, so that as functions of β_g
they are interpolated at q Chebyshev nodes to machine precision, with q fixed in advance by the
width of the range of β: q is 7 to 15 for ridge and about 50 for a sphere of ρ/τ = 100, whatever
the number of classes. Where that would not save work the nodes are the β themselves.

What interpolation leaves out is bounded from the nodes that there are, however they were chosen:
inside an ellipse around the interval, r the sum of its half axes by half the interval, it is at
most 4 M r^{1−q}/(r−1) with M a bound there (Trefethen, Approximation Theory and Approximation
Practice, theorem 8.2).

All arrays have a leading batch axis, one problem per entry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..types import Vector

Array = Vector  # any number of axes

EXACT = 1e-16
"""Interpolation error that rounding hides."""

CERTAIN = 1e-18
"""Interpolation error asked for where its bound is to be hidden by rounding."""

_ALWAYS_EXACT = 24

_MARGIN = 1e-3
"""By which the interval of the nodes is wider than that of β, which may be a point."""


_HEIGHTS = np.array([2.0, 2.4, 2.7, 2.9, 3.0, 3.05])
"""Of ellipses above the real line, below the poles at π: each gives a bound, the least counts."""


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Nodes on the range of β, and the way back to every β."""

    nodes: Array  # where a function of β is evaluated, shape (B, q)
    matrix: Array | None  # Lagrange polynomials at β, (B, m, q); None where the nodes are β itself
    half: Array | None = None  # half the width of the interval of the nodes, shape (B,)

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
        half = np.asarray(width / 2 + _MARGIN + 1e-12 * np.abs(high), dtype=float)
        angle = (2 * np.arange(count) + 1) * (math.pi / (2 * count))
        nodes = ((low + high) / 2)[:, None] + half[:, None] * np.cos(angle)
        return cls(nodes, _lagrange(beta, nodes, np.sin(angle)), half)

    def extend(self, values: Array) -> Array:
        """Interpolate values at the nodes, shape (B, q), to every β, shape (B, m)."""
        if self.matrix is None:
            return values
        return np.asarray((self.matrix @ values[..., None])[..., 0])

    @cached_property
    def left_out(self) -> LeftOut:
        """What interpolation leaves out of each kernel at most, each of shape (B, 1)."""
        if self.half is None:
            nothing = np.zeros((len(self.nodes), 1))
            return LeftOut(nothing, nothing, nothing)
        half, count = self.half[:, None], self.nodes.shape[1]
        shrink, reach = _shrink(half, count)
        within, sine = reach + half, np.sin(_HEIGHTS)
        far = 2 * np.abs(self.nodes).max(axis=1, keepdims=True) + within
        bend = np.maximum(within / 2, -np.log(np.cos(_HEIGHTS / 2))) + _HEIGHTS / 2
        rise = np.maximum(far + math.log(2), -np.log(sine)) + _HEIGHTS
        return LeftOut(
            *((shrink * most).min(axis=1, keepdims=True) for most in (1 / sine, bend, rise))
        )

    @property
    def lebesgue(self) -> float:
        """By how much errors at the nodes can grow in between."""
        return 1.0 if self.matrix is None else 1 + 2 / math.pi * math.log(self.nodes.shape[1])


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Largest errors of interpolated kernels, and so of sums over classes of unit weight."""

    logistic: Array
    bend: Array
    rise: Array  # of `SumKernels`, with all numbers in the interval of the nodes


def node_count(width: float, accuracy: float = EXACT) -> int:
    """Return how many Chebyshev nodes resolve the kernels on a range of that width.

    With poles at distance π from the real axis the error falls like r^−q,
    r = π/h + √(1 + (π/h)²) and h half the width.
    """
    if not math.isfinite(width):
        return 2  # nothing can resolve it
    ratio = 0.95 * math.pi / max(width / 2, 2e-3)
    return 2 + math.ceil(math.log(1 / accuracy) / math.asinh(ratio))


def _shrink(half: Array, count: int) -> tuple[Array, Array]:
    """Return 4 r^{1−q}/(r−1) of every ellipse, and how far it reaches along the real line."""
    log_ratio = np.arcsinh(_HEIGHTS / half)
    shrink = 4 * np.exp((1 - count) * log_ratio) / np.expm1(log_ratio)
    return np.asarray(shrink), np.asarray(half * np.cosh(log_ratio))


def _lagrange(beta: Array, nodes: Array, sine: Array) -> Array:
    """Return the Lagrange polynomials of Chebyshev nodes at β, (B, m, q), by their poles.

    `sine` is that of the angles whose cosines place the nodes.

    Source: Berrut and Trefethen 2004, Barycentric Lagrange interpolation, SIAM Review 46.
    """
    matrix = beta[:, :, None] - nodes[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(np.where(np.arange(len(sine)) % 2, -sine, sine), matrix, out=matrix)
        total = matrix.sum(axis=2, keepdims=True)
        at_node = np.isinf(total[..., 0])  # all weight is its own
        matrix[at_node] = np.isinf(matrix[at_node])
        total[at_node] = 1.0
        matrix /= total
    return matrix


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
