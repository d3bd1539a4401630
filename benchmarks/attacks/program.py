"""The orbit program in high precision: objective, feasible points and dual bounds, with mpmath.

Written from the formulas alone, without the code of screlax. In units where the temperature is
one, with κ_g classes of s_g samples, squared norms a_g, inner products b_g within a size and c_gh
between them,

    Σ_g κ_g s_g [ log( (s_g−1)e^{a_g} + (κ_g−1)s_g e^{b_g} + Σ_{h≠g} κ_h s_h e^{c_gh} ) − a_g ]

(sizes of two or more), plus (λ/2) Σ κ_g s_g a_g for ridge. Positive semidefinite means
δ = a − b ≥ 0 where κ ≥ 2, and Q ⪰ 0 with Q_gg = a_g + (κ_g−1) b_g and Q_gh = √(κ_g κ_h) c_gh.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import mpmath

from screlax import UFM

Number = Any  # mpmath has no types
Rows = list[list[Number]]


@lru_cache
def arithmetic(digits: int) -> Any:
    """Return an mpmath context of its own, so that no global precision is touched."""
    context = mpmath.MPContext()
    context.dps = digits
    return context


@dataclass(frozen=True)
class Point:
    """A feasible Gram matrix: squared norms and inner products of different classes."""

    own: list[Number]
    pair: Rows


@dataclass(frozen=True)
class Program:
    """The relaxation of one problem at temperature one.

    Attributes
    ----------
    sizes, copies : tuple of int
        s_g and κ_g.
    control : {"ridge", "ball", "sphere", "budget"}
    parameter, temperature : float
        As the user gave them; their quotient (product for ridge) is taken without rounding.
    """

    sizes: tuple[int, ...]
    copies: tuple[int, ...]
    control: str
    parameter: float
    temperature: float = 1.0

    @classmethod
    def of(cls, problem: UFM) -> Program:
        """Take class sizes and control of a problem, nothing that was computed from them."""
        sizes, control = problem.class_sizes, problem.control
        distinct, copies = tuple(sizes.distinct.tolist()), tuple(sizes.multiplicities.tolist())
        return cls(distinct, copies, control.name, control.parameter, problem.temperature)

    @cached_property
    def mp(self) -> Any:
        """The arithmetic: fifty digits; more for a loss near zero, which may be e^(−2 own)."""
        own = 0.0 if self.control == "ridge" else self.parameter / self.temperature
        if self.control == "budget":
            own *= sum(self.mass) / min(self.mass)
        most = 900 if max(self.sizes) == 2 else 100
        return arithmetic(50 + int(min(2 * own / math.log(10), most)))

    @cached_property
    def strength(self) -> Number:
        """λτ or ρ/τ."""
        parameter, temperature = self.mp.mpf(self.parameter), self.mp.mpf(self.temperature)
        return parameter * temperature if self.control == "ridge" else parameter / temperature

    @property
    def cells(self) -> range:
        """The different sizes, by number."""
        return range(len(self.sizes))

    @cached_property
    def mass(self) -> list[int]:
        """Samples of each size."""
        return [size * copy for size, copy in zip(self.sizes, self.copies, strict=True)]

    @cached_property
    def infimum(self) -> Number:
        """Σ n log(n−1), below which no loss is."""
        anchored = [g for g in self.cells if self.sizes[g] > 1]
        return self.mp.fsum(self.mass[g] * self.mp.log(self.sizes[g] - 1) for g in anchored)

    @property
    def rounding(self) -> Number:
        """Far more than what summing an objective or a bound can lose."""
        return self.mp.mpf(10) ** (8 - self.mp.dps) * sum(self.mass) * (1 + self.strength)

    def _weight(self, g: int, h: int) -> int:
        return self.mass[h] - (self.sizes[g] if g == h else 0)

    def value(self, at: Point) -> Number:
        """Return the objective; log1p keeps the digits of a loss near zero."""
        total = self.mp.mpf(0)
        for g in self.cells:
            others = self.sizes[g] - 1
            if others:
                terms = (
                    self._weight(g, h) * self.mp.exp(at.pair[g][h] - at.own[g])
                    for h in self.cells
                    if self._weight(g, h)
                )
                height = self.mp.log1p(self.mp.fsum(terms) / others)
                total += self.mass[g] * (self.mp.log(others) + height)
        if self.control == "ridge":
            total += self.strength / 2 * self.mp.fdot(zip(self.mass, at.own, strict=True))
        return total

    def point(self, factor: Rows, spread: list[Number]) -> Point:
        """Return the exactly feasible point of Q = B Bᵀ and δ, rescaled to the norm bound.

        Norms within 1e-9 of a bound are moved onto it.
        """
        mp, cells = self.mp, self.cells
        inner = [[mp.fdot(zip(factor[g], factor[h], strict=True)) for h in cells] for g in cells]
        delta = [d if k > 1 else mp.mpf(0) for d, k in zip(spread, self.copies, strict=True)]
        own = [(inner[g][g] + (self.copies[g] - 1) * delta[g]) / self.copies[g] for g in cells]
        scale = self._scales(own)
        pair = [
            [self._pair(inner, delta, g, h) * scale[g] * scale[h] for h in cells] for g in cells
        ]
        return Point([own[g] * scale[g] ** 2 for g in cells], pair)

    def _pair(self, inner: Rows, delta: list[Number], g: int, h: int) -> Number:
        if g == h:
            return (inner[g][g] - delta[g]) / self.copies[g]
        return inner[g][h] / self.mp.sqrt(self.copies[g] * self.copies[h])

    def _scales(self, own: list[Number]) -> list[Number]:
        one, bound = self.mp.mpf(1), self.strength
        if self.control == "ridge":
            return [one for _ in own]
        if self.control == "budget":
            mean = self.mp.fdot(zip(self.mass, own, strict=True)) / sum(self.mass)
            near = mean > bound * (1 - self.mp.mpf(10) ** -9)
            return [self.mp.sqrt(bound / mean) if near else one for _ in own]
        least = 0 if self.control == "sphere" else bound * (1 - self.mp.mpf(10) ** -9)
        return [self.mp.sqrt(bound / a) if a > least else one for a in own]

    def is_feasible(self, at: Point) -> bool:
        """Whether a point made by `point` is on the sphere; all else holds by construction."""
        return self.control != "sphere" or all(a > 0 for a in at.own)

    def softmax(self, at: Point) -> tuple[list[Number], Rows]:
        """Return the softmax mass of every row on itself, and on the other classes of each size."""
        own, pair = [], []
        for g in self.cells:
            others = self.sizes[g] - 1
            weights = [self._weight(g, h) for h in self.cells]
            if not others:
                own.append(self.mp.mpf(0))
                pair.append([self.mp.mpf(0)] * len(weights))
                continue
            terms = [
                w * self.mp.exp(at.pair[g][h] - at.own[g]) if w else self.mp.mpf(0)
                for h, w in enumerate(weights)
            ]
            total = others + self.mp.fsum(terms)
            own.append(others / total)
            pair.append([term / total for term in terms])
        return own, pair

    def slack(self, own: list[Number], pair: Rows) -> tuple[list[Number], Rows]:
        """Return the coefficients of (own, pair) in the Lagrangian, without multipliers."""
        # rows sum to one: p_own − 1 is minus the rest, which keeps its digits
        alone = [-self.mass[g] * self.mp.fsum(pair[g]) for g in self.cells]
        both = [
            [(self.mass[g] * pair[g][h] + self.mass[h] * pair[h][g]) / 2 for h in self.cells]
            for g in self.cells
        ]
        return alone, both

    def multipliers(self, alone: list[Number], both: Rows, at: Point) -> list[Number]:
        """Return multipliers of the right sign that make the Lagrangian stationary along `at`."""
        mp, zero = self.mp, self.mp.mpf(0)
        if self.control == "ridge":
            return [self.strength / 2 * mass for mass in self.mass]
        along = [
            alone[g] * at.own[g] + mp.fdot(zip(both[g], at.pair[g], strict=True))
            for g in self.cells
        ]
        if self.control == "budget":
            trace = mp.fdot(zip(self.mass, at.own, strict=True))
            rate = max(zero, -mp.fsum(along) / trace) if trace else zero
            return [rate * mass for mass in self.mass]
        found = [-along[g] / at.own[g] if at.own[g] else zero for g in self.cells]
        return [max(zero, y) for y in found] if self.control == "ball" else found

    def scaled_slack(self, alone: list[Number], both: Rows) -> tuple[Rows, list[Number]]:
        """Return the dual slack per sample as its blocks: on cell sums, and within each size."""
        root = [self.mp.sqrt(mass) for mass in self.mass]
        shared = [
            [
                both[g][h] / (root[g] * root[h]) + (alone[g] / self.mass[g] if g == h else 0)
                for h in self.cells
            ]
            for g in self.cells
        ]
        within = [
            (alone[g] - both[g][g] / (self.copies[g] - 1)) / self.mass[g]
            for g in self.cells
            if self.copies[g] > 1
        ]
        return shared, within

    def bound(self, at: Point) -> Number:
        """Return the dual bound of the softmax rows at a point, after a verified repair."""
        own, pair = self.softmax(at)
        alone, both = self.slack(own, pair)
        weights = self.multipliers(alone, both, at)
        shared, within = self.scaled_slack(
            [a + y for a, y in zip(alone, weights, strict=True)], both
        )
        missing = self._missing(shared, within)
        if self.control == "ridge":
            share = missing / (missing + self.strength / 2)
            own = [
                (1 - share) * p + (share if s > 1 else 0)
                for p, s in zip(own, self.sizes, strict=True)
            ]
            pair = [[(1 - share) * p for p in row] for row in pair]
            return self._entropy(own, pair)
        paid = self.mp.fsum(weights) + missing * sum(self.mass)
        return self._entropy(own, pair) - self.strength * paid

    def _entropy(self, own: list[Number], pair: Rows) -> Number:
        total = self.mp.mpf(0)
        for g in self.cells:
            masses = [own[g], *pair[g]]
            weights = [self.sizes[g] - 1, *(self._weight(g, h) for h in self.cells)]
            rows = [p * self.mp.log(w / p) for p, w in zip(masses, weights, strict=True) if p > 0]
            total += self.mass[g] * self.mp.fsum(rows)
        return total

    def _missing(self, shared: Rows, within: list[Number]) -> Number:
        """Return an ε for which slack + ε is positive definite, at most twice the smallest one."""
        scale = max(abs(entry) for row in shared for entry in row) or self.mp.mpf(1)
        low, high = 20 - self.mp.prec, 10  # below that, a shift is rounding
        while high - low > 1:
            middle = (low + high) // 2
            shift = scale * self.mp.mpf(2) ** middle
            positive = all(w + shift > 0 for w in within) and self._is_definite(shared, shift)
            low, high = (low, middle) if positive else (middle, high)
        return scale * self.mp.mpf(2) ** high

    def _is_definite(self, matrix: Rows, shift: Number) -> bool:
        """Whether matrix + shift has a Cholesky factor."""
        factor: Rows = []
        for g, row in enumerate(matrix):
            new: list[Number] = []
            for h in range(g):
                rest = row[h] - self.mp.fdot(zip(new, factor[h][:h], strict=True))
                new.append(rest / factor[h][h])
            pivot = row[g] + shift - self.mp.fsum(x * x for x in new)
            if pivot <= 0:
                return False
            factor.append([*new, self.mp.sqrt(pivot)])
        return True
