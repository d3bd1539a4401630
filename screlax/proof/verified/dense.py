"""Bounds of any row softmax that hold in exact arithmetic, from floating-point factors.

Rows that are made exactly stochastic give a slack S (`cells`); ε ≥ −λ_min(S) is paid for as in
`proof.repair`: added to the multipliers of a bound, or by mixing with the targets by
θ = ε/(ε + λ/2). By concavity the mixture proves (1−θ) D(P) + θ D(T).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import arb

from ...gram.cells import CellGram
from ...problem.constraints.norm_control import NormControl
from ...problem.losses.softmax_rows import RowWeights, SoftmaxRows
from ...types import Vector
from .balls import Balls, about, ball_of, balls, largest, total
from .cells import BallGram, CellBounds, Table
from .own_constraints import Row


class DenseBounds(CellBounds):
    """Both bounds of a program at a level.

    Parameters
    ----------
    loss : SoftmaxRows
        Its weights and targets are the data, as the numbers they are.
    control : NormControl
    parameter : arb
        λτ of a ridge, the bound ρ/τ of other controls.
    linear : list of Row, optional
    """

    def __init__(
        self, loss: SoftmaxRows, control: NormControl, parameter: Any, linear: Sequence[Row] = ()
    ) -> None:
        super().__init__(loss.cells, control, parameter, linear)
        self._loss, self._anchors = loss, balls(loss.anchors)
        self._rows = np.flatnonzero(loss.anchors > 0).tolist()

    def upper(self, gram: CellGram) -> Any:
        """Return the objective at a feasible Gram matrix that is about the one given."""
        (own, pair), is_feasible = self.feasible(gram)
        return self._value(own, pair) + self.penalty(own) if is_feasible else arb.pos_inf()

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

    def lower(self, rows: RowWeights, multipliers: Vector, linear: Vector | None = None) -> Any:
        """Return the bound of rows, made stochastic exactly, and of multipliers.

        Those y of the control, and z of linear constraints. A ball that is not finite where they
        prove nothing.
        """
        own, pair = self._stochastic(rows)
        given = self.multipliers(multipliers)
        slack, cost = self.with_linear(self._slack(own, pair, given), linear)
        missing = largest([self.missing(slack), *self._collapsing(own, given)]).upper()
        entropy = self._entropy(own, pair) - cost
        if self._control.is_penalty:
            return self._mixed(entropy, missing)
        return entropy - self.paid(given, missing)

    def _stochastic(self, rows: RowWeights) -> BallGram:
        own, pair = balls(rows.own), [balls(row) for row in rows.pair]
        for g in self._rows:
            whole = total(pair[g]) + own[g]
            own[g] /= whole
            pair[g] = [p if p.is_zero() else p / whole for p in pair[g]]
        return own, pair

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

    def _slack(self, own: Balls, pair: Table, given: Balls) -> BallGram:
        """Return S as coefficients of own and pair."""
        size, target, weighted = len(own), self._loss.target, []
        for g in range(size):
            a, drawn = self._anchors[g], balls(target.pair[g])
            weighted.append([a * (p - t) for p, t in zip(pair[g], drawn, strict=True)])
        alone = [
            given[g] + self._anchors[g] * (own[g] - ball_of(target.own[g])) for g in range(size)
        ]
        half = [[(weighted[g][h] + weighted[h][g]) / 2 for h in range(size)] for g in range(size)]
        return alone, half

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
