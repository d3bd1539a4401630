"""Bounds of any row softmax that hold in exact arithmetic, from floating-point factors.

Nothing computed in double precision is believed: a factor F of the Gram matrix and a factor V of
the slack are taken as the exact numbers they are. G := F Fᵀ (with what single classes add) is then
positive semidefinite by construction, and

    λ_min(S) ≥ −‖S − V Vᵀ‖_∞ = −ε

for the slack S of exactly stochastic rows, all in ball arithmetic. ε is paid for as in
`proof.repair`: added to the multipliers of a bound, or by mixing with the targets by
θ = ε/(ε + λ/2). By concavity the mixture proves (1−θ) D(P) + θ D(T).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, arb_mat

from ...gram.cells import CellGram
from ...problem.constraints.norm_control import NormControl
from ...problem.losses.softmax_rows import RowWeights, SoftmaxRows
from ...types import Vector
from .balls import Balls, about, ball_of, balls, largest, total
from .factor import factor_of

Table = list[Balls]
"""A matrix of balls, row by row."""


class DenseBounds:
    """Both bounds of a program at a level.

    Parameters
    ----------
    loss : SoftmaxRows
        Its weights and targets are the data, as the numbers they are.
    control : NormControl
    parameter : arb
        λτ of a ridge, the bound ρ/τ of other controls.
    """

    def __init__(self, loss: SoftmaxRows, control: NormControl, parameter: Any) -> None:
        self._loss, self._control, self._parameter = loss, control, parameter
        cells = loss.cells
        self._points, self._anchors = balls(cells.points), balls(loss.anchors)
        each = balls(cells.samples_each)
        self._mass = [count * one for count, one in zip(self._points, each, strict=True)]
        self._rows = np.flatnonzero(loss.anchors > 0).tolist()

    def upper(self, gram: CellGram) -> Any:
        """Return the objective at a feasible Gram matrix that is about the one given."""
        own, pair = self._within(*self._semidefinite(gram))
        value = self._value(own, pair)
        return value + self._parameter / 2 * self._trace(own) if self._control.is_penalty else value

    def _semidefinite(self, gram: CellGram) -> tuple[Balls, Table]:
        """Return own and pair of F Fᵀ, plus directions of single points in cells of several."""
        points = self._loss.cells.points
        away = (points - 1) / points * (gram.own - np.diagonal(gram.pair))
        apart = np.maximum(np.where(points > 1, away, 0.0), 0.0)
        shared = gram.pair.copy()
        np.fill_diagonal(shared, gram.own - apart)
        scale = np.sqrt(self._loss.cells.mass)
        rows = arb_mat((factor_of(shared * np.outer(scale, scale)) / scale[:, None]).tolist())
        pair = (rows * rows.transpose()).tolist()
        own = [pair[g][g] + more for g, more in enumerate(balls(apart))]
        for g, (more, count) in enumerate(zip(balls(apart), self._points, strict=True)):
            pair[g][g] = own[g] if count == 1 else pair[g][g] - more / (count - 1)
        return own, pair

    def _within(self, own: Balls, pair: Table) -> tuple[Balls, Table]:
        """Return the same, scaled to the control's bound."""
        control, limit = self._control, self._parameter
        if control.is_penalty:
            return own, pair
        if not control.fixes_norms:
            bound = limit * total(self._mass)
            share = (bound / self._trace(own)).min(arb(1))
            return [share * x for x in own], [[share * x for x in row] for row in pair]
        scale = [(limit / x).sqrt() for x in own]
        if not control.is_equation:
            scale = [x.min(arb(1)) for x in scale]
        moved = [
            [one * other * x for other, x in zip(scale, row, strict=True)]
            for one, row in zip(scale, pair, strict=True)
        ]
        return [one * one * x for one, x in zip(scale, own, strict=True)], moved

    def _trace(self, own: Balls) -> Any:
        return total(mass * x for mass, x in zip(self._mass, own, strict=True))

    def _value(self, own: Balls, pair: Table) -> Any:
        """Return the loss at a Gram matrix."""
        weight, target = self._loss.weight, self._loss.target
        found = arb(0)
        for g in self._rows:
            row, stays = pair[g], own[g]
            inside, drawn = arb(0), arb(0)
            for h in np.flatnonzero(weight.pair[g]).tolist():
                inside += ball_of(weight.pair[g, h]) * row[h].exp()
            for h in np.flatnonzero(target.pair[g]).tolist():
                drawn += ball_of(target.pair[g, h]) * row[h]
            if weight.own[g]:
                inside += ball_of(weight.own[g]) * stays.exp()
            if target.own[g]:
                drawn += ball_of(target.own[g]) * stays
            found += self._anchors[g] * (inside.log() - drawn)
        return found

    def lower(self, rows: RowWeights, multipliers: Vector) -> Any:
        """Return the bound of rows, made stochastic exactly, and of multipliers y of the control.

        A ball that is not finite where they prove nothing.
        """
        own, pair = self._stochastic(rows)
        given = self._multipliers(multipliers)
        missing = self._missing(own, pair, given)
        entropy = self._entropy(own, pair)
        if self._control.is_penalty:
            return self._mixed(entropy, missing)
        paid = total(y + missing * mass for y, mass in zip(given, self._mass, strict=True))
        return entropy - self._parameter * paid

    def _multipliers(self, given: Vector) -> Balls:
        """Return those that a control has: in proportion to the mass, or of a sign."""
        control = self._control
        if control.is_penalty:
            return [self._parameter / 2 * mass for mass in self._mass]
        if control.fixes_norms:
            return balls(given if control.is_equation else np.maximum(given, 0.0))
        price = ball_of(max(float((given / self._loss.cells.mass).max()), 0.0))
        return [price * mass for mass in self._mass]

    def _stochastic(self, rows: RowWeights) -> tuple[Balls, Table]:
        own, pair = balls(rows.own), [balls(row) for row in rows.pair]
        for g in self._rows:
            whole = total(pair[g]) + own[g]
            own[g] /= whole
            pair[g] = [p if p.is_zero() else p / whole for p in pair[g]]
        return own, pair

    def _missing(self, own: Balls, pair: Table, multipliers: Balls) -> Any:
        """Return ε ≥ 0 with S + ε N positive semidefinite."""
        slack, diagonal = self._slack(own, pair, multipliers)
        root = [mass.sqrt() for mass in self._mass]
        size = len(root)
        scaled = arb_mat(
            [[slack[g][h] / (root[g] * root[h]) for h in range(size)] for g in range(size)]
        )
        middle = np.array([[float(x.mid()) for x in row] for row in scaled.tolist()])
        factor = arb_mat(factor_of(middle).tolist())
        rest = (scaled - factor * factor.transpose()).tolist()
        rows = [total(abs(x) for x in row) for row in rest]
        apart = [-x / mass for x, mass in zip(diagonal, self._mass, strict=True) if x is not None]
        return largest([*rows, *apart, *self._collapsing(own, multipliers), arb(0)]).upper()

    def _collapsing(self, own: Balls, multipliers: Balls) -> Balls:
        """Return what S lacks on differences within class means (`losses.within`)."""
        within, target = self._loss.within, self._loss.target
        if within is None:
            return []
        lacking = []
        for g in np.flatnonzero(np.isfinite(within.pull)).tolist():
            beyond = own[g] - ball_of(target.own[g])
            slope = self._anchors[g] * (beyond * about(within.share[g]) + about(within.pull[g]))
            lacking.append((slope - multipliers[g]) / self._mass[g])
        return lacking

    def _slack(self, own: Balls, pair: Table, given: Balls) -> tuple[Table, list[Any]]:
        """Return S on sums over cells, and on differences within cells of several points."""
        size, target, weighted = len(own), self._loss.target, []
        for g in range(size):
            a, drawn = self._anchors[g], balls(target.pair[g])
            weighted.append([a * (p - t) for p, t in zip(pair[g], drawn, strict=True)])
        slack = [[(weighted[g][h] + weighted[h][g]) / 2 for h in range(size)] for g in range(size)]
        splits: list[Any] = []
        for g in range(size):
            alone = given[g] + self._anchors[g] * (own[g] - ball_of(target.own[g]))
            several = self._loss.cells.points[g] > 1
            splits.append(alone - slack[g][g] / (self._points[g] - 1) if several else None)
            slack[g][g] += alone
        return slack, splits

    def _entropy(self, own: Balls, pair: Table) -> Any:
        """Return Σ ω Σ p log(w/p) of exactly stochastic rows."""
        weight = self._loss.weight
        found = arb(0)
        for g in self._rows:
            row = arb(0)
            for h, p in enumerate(pair[g]):
                if not p.is_zero():
                    row += p * (ball_of(weight.pair[g, h]) / p).log()
            if not own[g].is_zero():
                row += own[g] * (ball_of(weight.own[g]) / own[g]).log()
            found += self._anchors[g] * row
        return found

    def _mixed(self, entropy: Any, missing: Any) -> Any:
        """Return the bound of rows mixed with the targets, whose slack is (λ/2) N."""
        if missing.is_zero():
            return entropy
        target = self._loss.target
        own, pair = self._stochastic(target)
        other = self._entropy(own, pair)
        if self._loss.within is not None:
            lost = [about(number) for number in self._loss.within.lost]
            other -= total(a * number for a, number in zip(self._anchors, lost, strict=True))
        off = [
            abs(self._anchors[g] * (own[g] - ball_of(target.own[g]))) / self._mass[g]
            for g in self._rows
        ]
        half = self._parameter / 2 - largest([*off, arb(0)])
        share = missing / (missing + half)
        return (1 - share) * entropy + share * other
