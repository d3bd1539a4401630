"""The part of one class in a generating function, for any loss of the family.

N units of κ samples, F(w) = (1 + w)^N, or e^{N w} with replacement, w = z y^κ. With x = e^{−s} for
what the class adds to Y, and y for every sample that is an anchor of the batch,

    f = F(w x) + c x            where each unit adds s
    f = 1 + x (F(w) − 1 + c)    where the class adds s once, however many of it there are

with c = N z (1 − y) where a single sample of the class is no anchor, else zero. Everything is
relative to F, which may be beyond double precision, and differences are taken where they are small.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Vector
from .draws import Array
from .joined_numbers import expm1_of, log1p_of, log_of

_LOST = 30.0
"""Logarithms this large leave nothing of one."""

_NOTHING = 700.0
"""−log of what is nothing beside any batch."""

_CANCELS = 0.1
"""Where less is left of one than this, a sum with one loses its digits."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Logarithms and their derivatives, entry by entry.

    Attributes
    ----------
    log : ndarray
        log f.
    mean, variance : ndarray
        −∂ log f/∂s and ∂² log f/∂s².
    units : ndarray
        ∂ log f/∂ log z, the mean number of units.
    """

    log: Array
    mean: Array
    variance: Array
    units: Array


@dataclass(frozen=True, eq=False)
class ClassParts:
    """Classes of every orbit.

    Attributes
    ----------
    units : ndarray, shape (m,)
        N, or the share of the class.
    samples_each : ndarray, shape (m,)
        κ.
    replaced : bool
    averaged : bool
        Whether a class adds to Y once.
    lonely : ndarray of bool, shape (m,)
        Whether a single sample of the class is no anchor.
    subtracted : bool, default False
        Whether what no class is in is subtracted, so that small logarithms matter.
    """

    units: Vector
    samples_each: Vector
    replaced: bool
    averaged: bool
    lonely: NDArray[np.bool_]
    subtracted: bool = False

    def at(self, z: Array, y: Array, s: Array) -> Evaluated:
        """Evaluate at z, y (…, 1) and s (…, m)."""
        drawn, alone = self._drawn(z, y)
        return self._once(drawn, alone, s) if self.averaged else self._each(drawn, alone, s)

    def changes(self, z: Array, y: Array, s: Array) -> tuple[Array, Array]:
        """Return log f at s = 0, and how much more it is at s, with its digits where s is small."""
        drawn, alone = self._drawn(z, y)
        growth, first = np.expm1(-s), self.units * self._phi(drawn)
        start, whole, beside = _added(first, alone, digits=self.averaged)
        if self.averaged:
            lost = np.where(start.real > -_LOST, start, 0.0)
            ratio = growth * np.where(start.real > -_LOST, -expm1_of(-lost), np.inf)
        elif self.lonely.any():
            grown = self._growth(drawn, growth)
            ratio = (whole * expm1_of(grown) + beside * growth) / (whole + beside)
        else:
            return start, self._growth(drawn, growth)
        far = ~((np.abs(1 + ratio) > _CANCELS) & np.isfinite(ratio))
        change, rows = log1p_of(np.where(far, 0.0, ratio)), np.flatnonzero(far.any(axis=-1))
        if len(rows):
            away = self.at(z[rows], y[rows], s[rows]).log - start[rows]
            change[rows] = np.where(far[rows], away, change[rows])
        return start, change

    def _drawn(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return w and c."""
        one = (self.samples_each == 1).all()
        drawn = z * y if one else z * y**self.samples_each
        if not self.lonely.any():
            return drawn, np.zeros(1)
        return drawn, self.units * self.lonely * (z * (1 - y))

    def of(self, index: Any) -> ClassParts:
        """Return those of some orbits."""
        return dataclasses.replace(
            self,
            units=self.units[index],
            samples_each=self.samples_each[index],
            lonely=self.lonely[index],
        )

    def drawn_apart(self, z: Array, y: Array, s: Array) -> tuple[Array, Array]:
        """Return the share of F in f at real z, and the variance of units in F."""
        drawn = self._drawn(z, y)[0]
        inside = drawn if self.averaged else drawn * np.exp(-s)
        mean, log = self._mean(inside), self.units * self._phi(inside)
        variance = self.units * (mean if self.replaced else mean * (1 - mean))
        if not (self.averaged or self.lonely.any()):
            return np.ones(1), variance
        log = log - s if self.averaged else log
        return np.minimum(np.exp(log - self.at(z, y, s).log), 1.0), variance

    def _each(self, drawn: Array, alone: Array, s: Array) -> Evaluated:
        """Evaluate where each unit adds s."""
        x = np.exp(-s)
        log, mean_unit = self.units * self._phi(drawn * x), self._mean(drawn * x)
        mean, other = self.units * mean_unit, 1.0 if self.replaced else 1 - mean_unit
        if not self.lonely.any():
            return Evaluated(log, mean, mean * other, mean)
        total, whole, beside = _added(log, alone * x, digits=self.subtracted)
        share = 1 / (whole + beside)
        whole, beside = whole * share * mean, beside * share
        one, two = whole + beside, whole * (mean + other) + beside
        return Evaluated(total, one, two - one * one, one)

    def _once(self, drawn: Array, alone: Array, s: Array) -> Evaluated:
        """Evaluate where the class adds s once."""
        x, first = np.exp(-s), self.units * self._phi(drawn)
        above = first - s
        large = above.real > 0
        small = first.real < _LOST
        less = x * (expm1_of(np.where(small, first, 0.0)) + alone)  # f − 1
        near = small & (np.abs(less) < 0.5)
        rest = alone * x - np.expm1(-s)
        direct = np.exp(np.where(large, 0.0, above)) + rest * np.exp(np.where(large, -above, 0.0))
        log = np.where(large, above, 0.0) + log_of(direct)
        log = np.where(near, log1p_of(np.where(near, less, 0.0)), log)
        mean = -expm1_of(-log)
        inside = self.units * self._mean(drawn) * np.exp(above - log) + alone * x * np.exp(-log)
        return Evaluated(log, mean, mean - mean * mean, inside)

    def _phi(self, drawn: Array) -> Array:
        return drawn if self.replaced else log1p_of(drawn)

    def _mean(self, drawn: Array) -> Array:
        return drawn if self.replaced else drawn / (1 + drawn)

    def _growth(self, drawn: Array, growth: Array) -> Array:
        """Return N (φ(w (1 + growth)) − φ(w))."""
        moved = self._mean(drawn) * growth
        if self.replaced:
            return np.asarray(self.units * moved)
        far = np.abs(1 + moved) < _CANCELS
        change, rows = log1p_of(np.where(far, 0.0, moved)), np.flatnonzero(far.any(axis=-1))
        if len(rows):
            away = log1p_of(drawn[rows] * (1 + growth[rows])) - log1p_of(drawn[rows])
            change[rows] = np.where(far[rows], away, change[rows])
        return np.asarray(self.units * change)


def _added(log: Array, beside: Array, *, digits: bool) -> tuple[Array, Array, Array]:
    """Return log(e^log + beside), and the two of them over a number that keeps them in bounds.

    Its error is that of a sum of logarithms, absolute, or where `digits` are kept relative.
    """
    large = log.real > 0
    power = log * np.where(large, -1.0, 1.0)
    np.maximum(power.real, -_NOTHING, out=power.real)
    whole = np.exp(power)
    rest = beside * np.where(large, whole, 1.0)
    np.copyto(whole, 1.0, where=large)
    total = log * large + log_of(whole + rest)
    if digits:
        small = log.real < 1
        less = expm1_of(np.where(small, log, 0.0)) + beside
        near = small & (np.abs(less) < 0.5)
        total = np.where(near, log1p_of(np.where(near, less, 0.0)), total)
    return total, whole, rest
