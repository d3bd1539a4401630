"""The rest of an anchor's batch, as the generating function of how many of each class are in it.

    E[ 1 Π_j y_j^{b_j} ] = [z^d] F_own(z) Π_j exp( N_j φ(z y_j^{κ_j}) ) / normaliser,

N_j units of class j, each with κ_j embeddings, drawn until there are d of them; φ(y) = log(1 + y)
without replacement, φ(y) = y with it (then N_j are shares). Where units are drawn independently
there is no coefficient to take, and z is their odds.

Everything is relative to all batches, drawn at the odds z₀ that bring d units in the mean: factors
are functions of c = log(z y / z₀), and zero at c = 0, so that nothing large cancels.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Matrix, Vector
from .complex_numbers import Parts, circle, expm1_of, log1p_of, times

Array = NDArray[Any]

_FROM_ALL = 0.3
"""Where nearly all units are drawn, z₀ is where this many are left."""


_SMALL = -2.0
"""Logarithms of z up to which φ(z) is taken by itself."""

_FAR_LESS = 300.0
"""−log of what is neglected beside the term without positives."""


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
    chance : float or None
        q of units that are drawn independently, as it was given; `odds` are computed of it.
    """

    units: Matrix
    samples_each: Vector
    own_units: Vector
    own_fixed: Vector
    degree: float | None
    odds: float = 1.0
    replaced: bool = False
    chance: float | None = None

    def rows(self, index: Any) -> Draws:
        """Return some of the rows."""
        return dataclasses.replace(
            self,
            units=self.units[index],
            own_units=self.own_units[index],
            own_fixed=self.own_fixed[index],
        )

    @cached_property
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

    @cached_property
    def wanted(self) -> float:
        """The mean number of units at z₀."""
        if self.degree is None:
            return float(self.mean_units.max())
        if self.replaced:
            return self.degree
        return min(self.degree, float(self.everything.max()) - _FROM_ALL)

    @cached_property
    def rate(self) -> float:
        """The mean number of a single unit at z₀: z₀/(1 + z₀) without replacement, z₀ with it."""
        if self.degree is None:
            return self.odds / (1 + self.odds)
        return self.wanted / float(self.everything.max())

    @cached_property
    def log_odds(self) -> float:
        """Return log z₀."""
        if self.degree is None:
            return math.log(self.odds)
        return math.log(self.rate) - (0.0 if self.replaced else math.log1p(-self.rate))

    @property
    def log_none(self) -> float:
        """What a unit that is never drawn contributes, φ(0) − φ(z₀)."""
        return -self.rate if self.replaced else math.log1p(-self.rate)

    def mean(self, log_y: Array) -> Array:
        """Return y φ'(y) at y = z₀ e^c, the mean number of a unit, where c is real."""
        size = self.rate * np.exp(log_y)
        return size if self.replaced else size / ((1 - self.rate) + size)

    def unit(self, log_y: Array, angle: Array | None = None) -> tuple[Parts, Parts]:
        """Return what a unit contributes, and the mean number of it, entry by entry.

        They are φ(z₀ e^c) − φ(z₀) and its derivative by c = log_y + i angle.
        """
        rate, size = self.rate, self.rate * np.exp(log_y)
        grown = rate * np.expm1(log_y)
        if angle is None:
            if self.replaced:
                return grown[None], size[None]
            added = (1 - rate) + size
            return _log(grown, added)[None], (size / added)[None]
        turned, sine = circle(angle)
        x, y, drawn = grown - size * turned, size * sine, size * (1 - turned)
        if self.replaced:
            return np.stack([x, y]), np.stack([drawn, y])
        added, squared = (1 - rate) + drawn, y * y
        square = added * added + squared
        log = np.stack([_log(x * (2 + x) + squared, square) / 2, np.arctan2(y, added)])
        return log, np.stack([(drawn * added + squared) / square, (1 - rate) * y / square])

    def change(self, log_z: Array, angle: Array | None, growth: Array) -> Parts:
        """Return how φ(z₀ e^c) changes where e^c is multiplied by 1 + growth, accurately."""
        log_factor, mean = self.unit(log_z, angle)
        change = mean * growth
        if self.replaced:
            return change
        far = (change * change).sum(axis=0) > 0.25
        if not far.any():
            return log1p_of(change)
        with np.errstate(divide="ignore"):  # nothing is left of y
            decayed = log_z + np.log1p(np.where(far, growth, 0.0))
        away = self.unit(decayed, angle)[0] - log_factor
        return np.where(far, away, log1p_of(np.where(far, 0.0, change)))

    def variance(self, mean: Array) -> Array:
        """Return the derivative of a real mean by c."""
        return mean if self.replaced else mean * (1 - mean)

    def variance_parts(self, mean: Parts) -> Parts:
        """Return the derivative of the mean by c."""
        return mean if self.replaced else mean - times(mean, mean)

    def _from_none(self, log_factor: Parts, log_y: Array, angle: Array | None) -> Parts:
        """Return φ(z₀ e^c), with its digits also where it is far less than φ(z₀)."""
        found = log_factor.copy()
        found[0] -= self.log_none
        log_size = log_y + math.log(self.rate if self.replaced else self.rate / (1 - self.rate))
        small = log_size < _SMALL
        size = np.exp(np.where(small, log_size, _SMALL))
        parts = size[None]
        if angle is not None:
            turned, sine = circle(angle)
            parts = np.stack([size * (1 - turned), size * sine])
        return np.where(small, parts if self.replaced else log1p_of(parts), found)

    def own(
        self, log_factor: Parts, log_y: Array, angle: Array | None, *, needed: bool
    ) -> tuple[Parts, Parts]:
        """Return logarithm and a factor beside it of the own class's part, each (…, R, M).

        The logarithm of a unit's factor is that of `unit` at log_y and angle, each (M,).

        Where a positive is `needed` and none is fixed, that is all but the term without any: it
        neither cancels nor overflows.
        """
        logs = self.own_units[:, None] * log_factor[:, None, :]
        missing = self.missing(needed=needed)
        if not missing.any():
            return logs, np.ones((1, 1, 1))
        unit = self._from_none(log_factor, log_y, angle)
        drawn = np.where(missing, self.own_units, 0.0)[:, None] * unit[:, None, :]
        less = drawn[0] < -_FAR_LESS  # where 1 + z x is so near zero that only "none" is left
        if less.any():
            logs[:, less] -= drawn[:, less]
            drawn[:, less] *= -1
        factor = -expm1_of(-drawn)
        factor[:, less] *= -1
        if not missing.all():
            factor[0, ~missing] = 1.0
        return logs, factor

    def missing(self, *, needed: bool) -> NDArray[np.bool_]:
        """Whether an anchor can be without a positive, and is none then, shape (R,)."""
        return np.asarray(needed & (self.own_fixed == 0))


def _log(less: Array, whole: Array) -> Array:
    """Return log(whole), from whole − 1 where that is more accurate."""
    near = np.abs(less) < 0.5
    return np.where(near, np.log1p(np.where(near, less, 0.0)), np.log(np.where(near, 1.0, whole)))
