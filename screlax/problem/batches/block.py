"""Rows that share their circles: generating functions of all of them as products of matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...types import Matrix, Vector
from .columns import MOST, Columns, chebyshev_columns, every_column, needed_columns
from .complex_numbers import exp_of, expm1_of
from .contour import Circles, Nodes, Spread, log_radii
from .draws import Array, Draws
from .exponential_sum import ExponentialSum

_CANCELLED = 30.0
"""Rows are taken apart where sums on shared circles lose more than this."""


class TooWide(Exception):
    """Rows differ too much to share circles and columns."""

    def __init__(self, key: Vector) -> None:
        super().__init__()
        self.key = key


@dataclass(frozen=True, eq=False)
class Block:
    """Rows, and the sum of exponentials that they share.

    Attributes
    ----------
    draws : Draws
        Of R rows.
    views : int
    rule : ExponentialSum
    log_normalizer : float
        Of all batches.
    """

    draws: Draws
    views: int
    rule: ExponentialSum
    log_normalizer: float

    @property
    def decay(self) -> Vector:
        """V t, shape (K,)."""
        return self.views * self.rule.nodes

    def log_radii(self, each: Matrix) -> Vector:
        """Return log r of the circles of all rows: those of one in the middle, (K,)."""
        if self.draws.degree is None:
            return np.zeros(len(self.decay))
        units = self.draws.units
        mean = (units * each).sum(axis=1) / np.maximum(units.sum(axis=1), 1e-300)
        middle = np.lexsort((self.draws.own_units, mean))[(len(mean) - 1) // 2]
        return log_radii(self.draws.rows([middle]), self.decay, each[middle])

    def columns(
        self, each: Matrix, circles: Circles, allowed: Vector, *, from_zero: bool = False
    ) -> Columns:
        """Return columns that are exact to an error on each circle."""
        exist = self.draws.units > 0
        values = each[exist] if exist.any() else np.zeros(1)
        ends = float(values.min()), float(values.max())
        count = needed_columns(self.draws, circles, ends, allowed, from_zero=from_zero)
        if len(each) == 1 and count > min(MOST, each.shape[1]):
            return every_column(each[0])
        if count > MOST:
            raise TooWide(np.where(exist, each, -np.inf).max(axis=1))
        return chebyshev_columns(np.where(exist, each, sum(ends) / 2), *ends, count)

    def terms(self, weights: Matrix, log_factor: Array, nodes: Nodes) -> Terms:
        """Return generating functions at the nodes.

        Parameters
        ----------
        weights : ndarray, shape (R, q)
        log_factor : ndarray, shape (M, q)
            Logarithms of the parts of other classes are weights @ log_factor.T.
        nodes : Nodes
        """
        draws, log_z = self.draws, nodes.log_z
        log_own = draws.log_factor(log_z - self.decay[nodes.term])
        logs, factor = draws.own(log_own, needed=self.views == 1)
        logs = logs + real_product(weights, log_factor.T)
        logs -= np.outer(self.views * (draws.own_fixed + 1) - 1, self.rule.nodes)[:, nodes.term]
        if draws.degree is not None:
            logs -= draws.degree * log_z + self.log_normalizer
        return Terms(logs, factor)

    def spread(self, log_radius: Vector, terms: Terms, mean: Matrix, variance: Matrix) -> Spread:
        """Return how many units there are on circles, from terms at real z.

        Parameters
        ----------
        log_radius : ndarray, shape (K,)
        terms : Terms
            Already weighted as they are in the result.
        mean, variance : ndarray, shape (R, K)
            Of the number of units of other classes.
        """
        draws = self.draws
        inside = draws.mean(log_radius - self.decay)
        own = draws.own_units[:, None]
        away = np.abs(mean + own * inside - (draws.degree or 0.0))
        most = variance + own * draws.variance_kernel(inside)
        size = np.abs(terms.values)
        near = size * np.exp(-(away**2) / (2 * (most + 1))) / np.sqrt(2 * math.pi * most + 1)
        total = near.sum(axis=1, keepdims=True)
        total = np.where(total > 0, total, 1.0)
        lost = (size / np.sqrt(2 * math.pi * most + 1)).sum(axis=1) / total[:, 0]
        if len(lost) > 1 and draws.degree is not None and lost.max() > _CANCELLED:
            worst = int((size / total).max(axis=0).argmax())
            raise TooWide(mean[:, worst] + own[:, 0] * inside[worst])
        importance = (size / total).max(axis=0)
        extra = float(draws.missing(needed=self.views == 1).any())
        return Spread(importance, away.max(axis=0), most.max(axis=0), variance.min(axis=0), extra)


@dataclass(frozen=True, eq=False)
class Terms:
    """Generating functions at nodes, relative to all batches, as exp(logs) factor, (R, M)."""

    logs: Array
    factor: Array

    @cached_property
    def values(self) -> Array:
        """Numbers whose real parts sum to E[1 e^{−tY}]."""
        return np.asarray(exp_of(self.logs) * self.factor)

    def weighted(self, weights: Array) -> Terms:
        """Return the terms times weights, (R, M) or (M,)."""
        return Terms(self.logs, self.factor * weights)

    def lost(self, change: Array) -> Array:
        """Return how much less they are where the logarithms change."""
        far = change.real > 0.5
        if not far.any():
            return np.asarray(-self.values * expm1_of(change))
        near = self.values * expm1_of(np.where(far, 0.0, change))
        away = self.factor * exp_of(np.where(far, self.logs + change, 0.0)) - self.values
        return np.asarray(-np.where(far, away, near))


def real_product(weights: Matrix, functions: Array) -> Array:
    """Return weights @ functions, the first real."""
    if not np.iscomplexobj(functions):
        return np.asarray(weights @ functions)
    flat = np.ascontiguousarray(functions).view(float)
    return np.asarray((weights @ flat).view(complex))


def real_sums(terms: Array, functions: Array) -> Matrix:
    """Return the real part of terms @ functions, (R, q)."""
    if not np.iscomplexobj(terms):
        return np.asarray(terms @ functions.real)
    both = np.stack([functions.real, -functions.imag], axis=1)
    return np.asarray(terms.view(float) @ both.reshape(2 * len(functions), -1))
