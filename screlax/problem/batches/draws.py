"""The rest of an anchor's batch, as the generating function of how many of each class are in it.

    E[ 1 Π_j y_j^{b_j} ] = [z^d] F_own(z) Π_j exp( N_j φ(z y_j^{κ_j}) ) / normaliser,

N_j units of class j, each with κ_j embeddings, drawn until there are d of them; φ(y) = log(1 + y)
without replacement, φ(y) = y with it (then N_j are shares). Where units are drawn independently
there is no coefficient to take, and z is their odds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...types import Matrix, Vector
from .complex_numbers import expm1_of, log1p_of


@dataclass(frozen=True, eq=False)
class Draw:
    """The generating function for the anchors of one class (or orbit of classes).

    Attributes
    ----------
    units : ndarray, shape (m,)
        N_j for the other classes of every orbit j.
    samples_each : ndarray, shape (m,)
        κ_j, how many samples a unit of orbit j has.
    own_units : float
        N of the anchor's own class, besides the anchor itself.
    own_fixed : float
        Further samples of its class that are always there.
    degree : float or None
        d; None where units are drawn independently, with `odds`.
    odds : float
        z where there is no coefficient to take.
    replaced : bool
        Whether units are drawn with replacement.
    """

    units: Vector
    samples_each: Vector
    own_units: float
    own_fixed: float
    degree: float | None
    odds: float = 1.0
    replaced: bool = False

    def log_factor(self, drawn: Matrix) -> Matrix:
        """Return φ of z y^κ, entry by entry."""
        return drawn if self.replaced else log1p_of(drawn)

    def change_of_log_factor(self, drawn: Matrix, growth: Matrix) -> Matrix:
        """Return φ(y(1+g)) − φ(y), accurate where g is small."""
        change = drawn * growth
        if self.replaced:
            return change
        far = growth < -0.5
        near = log1p_of(np.where(far, 0.0, change / (1 + drawn)))
        return np.where(far, log1p_of(drawn + change) - log1p_of(drawn), near)

    def mean(self, drawn: Matrix) -> Matrix:
        """Return y φ'(y), the mean number of a unit at z."""
        return drawn if self.replaced else drawn / (1 + drawn)

    def variance_kernel(self, mean: Matrix) -> Matrix:
        """Return the derivative of the mean by log y."""
        return mean if self.replaced else mean - mean**2

    def own(self, drawn: Matrix, *, needed: bool) -> tuple[Matrix, Matrix]:
        """Return logarithm and a factor beside it of the own class's part.

        Where a positive is `needed` and none is fixed, that is all but the term without any: it
        neither cancels nor overflows.
        """
        needed = needed and self.own_fixed == 0
        if self.own_units == 0:
            return np.zeros_like(drawn), np.full_like(drawn, 0.0 if needed else 1.0)
        logs = self.own_units * self.log_factor(drawn)
        if not needed:
            return logs, np.ones_like(drawn)
        large = logs.real > 0
        factor = expm1_of(np.where(large, -logs, logs))
        return np.where(large, logs, 0.0), np.where(large, -factor, factor)

    @property
    def most_units(self) -> float:
        """Largest number of units that can be drawn."""
        everything = float(self.units.sum()) + self.own_units
        return everything if self.degree is None else self.degree
