"""The rest of an anchor's batch, as the generating function of how many of each class are in it.

    E[ 1 Π_j y_j^{b_j} ] = [z^d] F_own(z) Π_j exp( N_j φ(z y_j^{κ_j}) ) / normaliser,

N_j units of class j, each with κ_j embeddings, drawn until there are d of them; φ(y) = log(1 + y)
without replacement, φ(y) = y with it (then N_j are shares). Where units are drawn independently
there is no coefficient to take, and z is their odds.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Matrix, Vector
from .complex_numbers import expm1_of, log1p_of

Array = NDArray[Any]

_SMALL = 4.0
"""Up to this |y| a quotient (1 + y(1+g))/(1 + y) loses at most a digit."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Generating functions, one for the anchors of each orbit of classes: R rows.

    Attributes
    ----------
    units : ndarray, shape (R, m)
        N_j of all other classes of orbit j together.
    samples_each : ndarray, shape (m,)
        κ_j, how many samples a unit of orbit j has.
    own_units : ndarray, shape (R,)
        N of the anchor's own class, besides the anchor itself.
    own_fixed : ndarray, shape (R,)
        Further samples of its class that are always there.
    degree : float or None
        d; None where units are drawn independently, with `odds`.
    odds : float
        z where there is no coefficient to take.
    replaced : bool
        Whether units are drawn with replacement.
    """

    units: Matrix
    samples_each: Vector
    own_units: Vector
    own_fixed: Vector
    degree: float | None
    odds: float = 1.0
    replaced: bool = False

    def rows(self, index: Any) -> Draws:
        """Return some of the rows."""
        return dataclasses.replace(
            self,
            units=self.units[index],
            own_units=self.own_units[index],
            own_fixed=self.own_fixed[index],
        )

    @property
    def everything(self) -> Vector:
        """All units there are, shape (R,)."""
        return np.asarray(self.units.sum(axis=1) + self.own_units)

    @property
    def most_units(self) -> Vector:
        """Largest number of units that can be drawn, shape (R,)."""
        if self.degree is None:
            return self.everything
        return np.full(len(self.units), self.degree)

    @property
    def mean_units(self) -> Vector:
        """Mean number of units that are drawn, shape (R,)."""
        if self.degree is None:
            return np.asarray(self.everything * self.odds / (1 + self.odds))
        return np.full(len(self.units), self.degree)

    def log_factor(self, drawn: Array) -> Array:
        """Return φ of z y^κ, entry by entry."""
        return drawn if self.replaced else log1p_of(drawn)

    def change_of_log_factor(self, drawn: Array, growth: Array) -> Array:
        """Return φ(y(1+g)) − φ(y), accurate where g is small."""
        change = drawn * growth
        if self.replaced:
            return change
        if np.abs(drawn).max() < _SMALL:
            return log1p_of(change / (1 + drawn))
        far = growth < -0.5  # where 1 + y(1+g) is so much less than 1 + y that it would be lost
        near = log1p_of(np.where(far, 0.0, change / (1 + drawn)))
        return np.where(far, log1p_of(drawn + change) - log1p_of(drawn), near)

    def mean(self, drawn: Array) -> Array:
        """Return y φ'(y), the mean number of a unit at z."""
        return drawn if self.replaced else drawn / (1 + drawn)

    def variance_kernel(self, mean: Array) -> Array:
        """Return the derivative of the mean by log y."""
        return mean if self.replaced else mean - mean * mean

    def own(self, drawn: Array, *, needed: bool) -> tuple[Array, Array]:
        """Return logarithm and a factor beside it of the own class's part, each (R, K, L).

        Where a positive is `needed` and none is fixed, that is all but the term without any: it
        neither cancels nor overflows.
        """
        units = self.own_units[:, None, None]
        logs = units * self.log_factor(drawn)
        missing = needed & (self.own_fixed == 0)[:, None, None]
        large = ~missing | (logs.real > 0)
        factor = expm1_of(np.where(missing, np.where(large, -logs, logs), 0.0))
        factor = np.where(missing, np.where(large, -factor, factor), 1.0)
        return np.where(large, logs, 0.0), factor
