"""How far any feasible Gram matrix can be from the optimum whose excess is at most so much.

For every feasible G = X + D, X the optimum with slack S, both in units of τ,

    excess = B(D) + ⟨S, G⟩ + multipliers · (limits − norms)

with B the Bregman distance of the loss. Three lower bounds make it a quadratic form where ‖D‖ ≤ r:

* a row is (a mean of) the logarithm of a sum of exponentials, whose third derivative along D is at
  most the range R ≤ √(3/2) r of D in that row times the second, so that B is at least the Hessian
  times (e^{−R} − 1 + R)/R² (self-concordance; Bach 2010, Electronic Journal of Statistics 4);
* X v = 0 where S = Σ σ v vᵀ, so that ⟨S, G⟩ = Σ σ (Gv)ᵀ G⁺ (Gv) ≥ Σ σ (Dv)ᵀ (X + r)⁻¹ (Dv);
* what a norm, or the trace, falls short of its limit by is at least its square over its largest.

Its smallest eigenvalue λ(r) gives excess ≥ λ(r) r²/2 at ‖D‖ = r, and, the excess being convex, at
every G further away: where that is more than δ, ‖D‖ < r. The form across X then bounds the angle
between G and X. As δ falls to zero the bound becomes √(2δ/μ), μ the smallest curvature.

What is proved is so up to the certified gap, which is added to δ, and up to rounding.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

import numpy as np

from ...types import Vector
from .curvature import has_curvature_below, smallest_curvature
from .form import Form
from .optimum import Optimum

_FIRST, _GROWTH = 1.02, 1.4
"""The first radius that is tried, over the one to second order; the others over the one before."""

_HALVINGS = 5


class LevelSetBound:
    """The bound for one optimum whose form is known."""

    def __init__(self, optimum: Optimum) -> None:
        assert optimum.form is not None
        self.program, self.form = optimum.program, optimum.form
        self.multipliers, self.gap = optimum.multipliers, optimum.gap

    def distance(self, excess: float) -> float:
        """Return the largest distance of normalised Gram matrices, +inf where it bounds none."""
        excess += self.gap
        if excess == 0:
            return 0.0
        size = math.sqrt(self.form.squared_norm)
        radius = self._radius(excess, size)
        if not radius < size:
            return math.inf
        curvature = self._lower(radius, scale_is_free=True)
        if not curvature > 0:
            return math.inf
        tangent = math.sqrt(2 * excess / curvature) / (1 - radius / size)
        return 2 * math.sin(math.atan(tangent) / 2)

    @cached_property
    def _at_once(self) -> float:
        """The smallest eigenvalue of the second-order form over all changes, scale included."""
        form = replace(self.form, scale_is_free=False)
        return smallest_curvature(form, None).lower / self.form.squared_norm

    def _radius(self, excess: float, size: float) -> float:
        """Return a radius beyond which every excess is larger, +inf where none is found."""
        if not self._at_once > 0:
            return math.inf
        if 2 * excess >= self._at_once * size**2:
            return math.inf
        least = math.sqrt(2 * excess / self._at_once) if math.isfinite(self._at_once) else 0.0
        least = max(least, excess / self._steepest)
        low, high, growth = least, _FIRST * least, _GROWTH
        while not self._exceeds(high, excess):
            low, high, growth = high, growth * high, growth * _GROWTH
            if high >= size:
                return math.inf
        for _ in range(_HALVINGS):
            middle = math.sqrt(low * high)
            if self._exceeds(middle, excess):
                high = middle
            else:
                low = middle
        return high

    @property
    def _steepest(self) -> float:
        """A slope of the excess, to begin with where no change is tangent."""
        slopes = [*self.form.slack, *self.form.slack_apart, *np.abs(self.multipliers)]
        return max(slopes, default=1.0) or 1.0

    def _exceeds(self, radius: float, excess: float) -> bool:
        """Whether the excess at that radius is more."""
        return not has_curvature_below(self._at(radius, False), 2 * (excess / radius) / radius)

    def _lower(self, radius: float, *, scale_is_free: bool) -> float:
        return smallest_curvature(self._at(radius, scale_is_free), None).lower

    def _at(self, radius: float, scale_is_free: bool) -> Form:
        """Return the form that bounds twice the excess from below where ‖D‖ ≤ radius."""
        program = self.program
        costs = program.control.norm_costs(self.multipliers, program.cells, radius)
        return replace(
            self.form,
            rows=self.form.rows.scaled(_share(self._ranges(radius, costs.limits))),
            norms_are_free=costs.are_free,
            own_cost=costs.own,
            trace=costs.trace,
            trace_cost=costs.trace_cost,
            reach=radius,
            scale_is_free=scale_is_free,
        )

    def _ranges(self, radius: float, limits: Vector | None) -> Vector:
        """Return the largest range of D in a row of every orbit, shape (m,)."""
        found = np.full(len(self.form), math.sqrt(1.5) * radius)
        if limits is None:
            return found
        pair, own = self.form.gram.pair, self.form.gram.own
        most = np.sqrt(np.outer(limits, limits))
        top = np.maximum((most - pair).max(axis=1), limits - own)
        bottom = np.minimum((-most - pair).min(axis=1), -own)
        return np.asarray(np.minimum(found, np.maximum(top, 0.0) - np.minimum(bottom, 0.0)))


def _share(ranges: Vector) -> Vector:
    """Return 2 (e^{−R} − 1 + R)/R², which is one at zero."""
    small = ranges < 1e-3
    safe = np.where(small, 1.0, ranges)
    return np.asarray(np.where(small, 1 - ranges / 3, 2 * (np.expm1(-safe) + safe) / safe**2))
