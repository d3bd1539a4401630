"""Rows that share their circles: generating functions of all of them as products of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...types import Matrix, Vector
from .columns import MOST, Columns, chebyshev_columns, every_column, needed_columns
from .complex_numbers import Parts, exp_of, expm1_of, times
from .contour import Circles, Nodes, log_radii
from .draws import Draws
from .exponential_sum import ExponentialSum
from .profile import Profile

_LARGEST = 300.0
"""Logarithm of terms that are far too large on circles that are not their own."""


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
        """Return columns that are exact to an error on each circle, or all."""
        exist = self.draws.units > 0
        values = each[exist] if exist.any() else np.zeros(1)
        ends = float(values.min()), float(values.max())
        count = needed_columns(self.draws, circles, ends, allowed, from_zero=from_zero)
        if len(each) == 1 and count > min(MOST, each.shape[1]):
            return every_column(each[0])
        if count > MOST:
            raise TooWide(np.where(exist, each, -np.inf).max(axis=1))
        return chebyshev_columns(np.where(exist, each, sum(ends) / 2), *ends, count)

    def terms(self, weights: Matrix, log_factor: Parts, nodes: Nodes) -> Terms:
        """Return generating functions at the nodes.

        Parameters
        ----------
        weights : ndarray, shape (R, q)
        log_factor : ndarray, shape (…, M, q)
            Logarithms of the parts of other classes are sums of these by the weights.
        nodes : Nodes
        """
        draws = self.draws
        decay = self.decay[nodes.term]
        (log_own, _), angle = nodes.unit(draws, -decay[:, None]), nodes.angles
        log_y, angle = nodes.log_radius - decay, None if angle is None else angle[:, 0]
        logs, factor = draws.own(log_own[..., 0], log_y, angle, needed=self.views == 1)
        logs += weights @ np.swapaxes(log_factor, 1, 2)
        always = self.views * (draws.own_fixed + 1) - 1
        if always.any():
            logs[0] -= np.outer(always, self.rule.nodes)[:, nodes.term]
        if draws.degree is not None:
            logs -= draws.degree * nodes.log_z[:, None, :]
            logs[0] -= self.log_normalizer
        return Terms(logs, factor)

    def profile(
        self, terms: Terms, weights: Matrix, log_radius: Vector, mean: Matrix, variance: Matrix
    ) -> Profile:
        """Return how large terms are on the circles.

        Parameters
        ----------
        terms : Terms
            At real z.
        weights : ndarray, shape (R, K)
            Of the terms in the result.
        log_radius : ndarray, shape (K,)
        mean, variance : ndarray, shape (R, K)
            Of the number of units of other classes.
        """
        draws, own = self.draws, self.draws.own_units[:, None]
        (log_own,), (inside,) = draws.unit(log_radius - self.decay)
        units = mean + own * inside
        if len(own) > 1 and terms.logs.max() > _LARGEST:
            raise TooWide(units[:, int(terms.logs[0].max(axis=0).argmax())])
        degree, missing = draws.degree or 0.0, draws.missing(needed=self.views == 1)
        always = (self.views * (draws.own_fixed + 1) - 1)[:, None] * self.rule.nodes
        parts = np.abs(own * log_own) + always + degree * np.abs(log_radius)
        profile = Profile(
            draws,
            np.abs(terms.values[0]) * weights,
            np.abs(terms.logs[0]) + 2 * (parts + abs(self.log_normalizer)),
            np.abs(units - degree) if draws.degree is not None else np.zeros_like(units),
            variance + own * draws.variance(inside),
            variance,
            np.where(missing[:, None], -own * (log_own - draws.log_none), -np.inf),
            float(missing.any()),
        )
        lost = profile.cancelled
        if len(lost) > 1 and lost.max() > 1:
            raise TooWide(units[:, int(profile.importance.argmax())])
        return profile


@dataclass(frozen=True, eq=False)
class Terms:
    """Generating functions at nodes, relative to all batches, as exp(logs) factor, (…, R, M)."""

    logs: Parts
    factor: Parts

    @cached_property
    def values(self) -> Parts:
        """Numbers whose real parts sum to E[1 e^{−tY}]."""
        return times(exp_of(self.logs), self.factor)

    def lost(self, change: Parts) -> Parts:
        """Return how much less they are where the logarithms change."""
        far = change[0] > 0.5
        if not far.any():
            return times(self.values, -expm1_of(change))
        near = times(self.values, -expm1_of(np.where(far, 0.0, change)))
        moved = exp_of(np.where(far, self.logs + change, 0.0))
        return np.where(far, self.values - times(self.factor, moved), near)
