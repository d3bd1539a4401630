"""What bounds at a level share in exact arithmetic: points that are feasible, and slacks.

Nothing computed in double precision is believed: a factor F of the Gram matrix and a factor V of
the slack are taken as the exact numbers they are. G := F Fᵀ (with what single classes add) is then
positive semidefinite by construction, and

    λ_min(S) ≥ −‖S − V Vᵀ‖_∞ = −ε

for the slack S, all in ball arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import arb, arb_mat

from ...gram.cells import CellGram, Cells
from ...problem.constraints.norm_control import NormControl
from ...types import Vector
from .balls import Balls, ball_of, balls, largest, total
from .factor import factor_of
from .own_constraints import Row, made_to_hold, price

Table = list[Balls]
"""A matrix of balls, row by row."""

BallGram = tuple[Balls, Table]
"""own and pair of a `CellGram`, or coefficients of them."""


class CellBounds:
    """A control at a level.

    Parameters
    ----------
    cells : Cells
    control : NormControl
    parameter : arb
        λτ of a ridge, the bound ρ/τ of other controls.
    linear : list of Row, optional
        Linear constraints of the problem's own.
    """

    def __init__(
        self, cells: Cells, control: NormControl, parameter: Any, linear: Sequence[Row] = ()
    ) -> None:
        self._linear = linear
        self._cells, self._control, self._parameter = cells, control, parameter
        self._points = balls(cells.points)
        each = balls(cells.samples_each)
        self._mass = [count * one for count, one in zip(self._points, each, strict=True)]

    def feasible(self, gram: CellGram) -> tuple[BallGram, bool]:
        """Return a Gram matrix that is about the one given, and whether it is feasible.

        It is but for linear constraints that are not certain to hold.
        """
        found = self._within(*self._semidefinite(gram))
        if not self._linear:
            return found, True
        moved = made_to_hold([*self._linear, *self._norms()], self._points, *found)
        return (found, False) if moved is None else (moved, True)

    def _norms(self) -> list[Row]:
        """Return the control as rows."""
        control, limit = self._control, self._parameter
        if control.is_penalty:
            return []
        if not control.fixes_norms:
            return [Row(dict(enumerate(self._mass)), {}, None, limit * total(self._mass))]
        lower = limit if control.is_equation else None
        return [Row({g: arb(1)}, {}, lower, limit) for g in range(len(self._mass))]

    def with_linear(self, slack: BallGram, multipliers: Vector | None) -> tuple[BallGram, Any]:
        """Return a slack with the multipliers of linear constraints, and what these cost."""
        if multipliers is None or not self._linear:
            return slack, arb(0)
        cost, found = price(self._linear, multipliers)
        own, pair = list(slack[0]), [list(row) for row in slack[1]]
        for z, row in found:
            for g, a in row.own.items():
                own[g] += z * a
            for (g, h), a in row.pair.items():
                pair[g][h] += z * a
        return (own, pair), cost

    def penalty(self, own: Balls) -> Any:
        """Return what the control adds to the objective."""
        return self._parameter / 2 * self._trace(own) if self._control.is_penalty else arb(0)

    def _semidefinite(self, gram: CellGram) -> BallGram:
        """Return own and pair of F Fᵀ, plus directions of single points in cells of several."""
        points = self._cells.points
        away = (points - 1) / points * (gram.own - np.diagonal(gram.pair))
        apart = np.maximum(np.where(points > 1, away, 0.0), 0.0)
        shared = gram.pair.copy()
        np.fill_diagonal(shared, gram.own - apart)
        scale = np.sqrt(self._cells.mass)
        rows = arb_mat((factor_of(shared * np.outer(scale, scale)) / scale[:, None]).tolist())
        pair = (rows * rows.transpose()).tolist()
        own = [pair[g][g] + more for g, more in enumerate(balls(apart))]
        for g, (more, count) in enumerate(zip(balls(apart), self._points, strict=True)):
            pair[g][g] = own[g] if count == 1 else pair[g][g] - more / (count - 1)
        return own, pair

    def _within(self, own: Balls, pair: Table) -> BallGram:
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

    def multipliers(self, given: Vector) -> Balls:
        """Return those that a control has: in proportion to the mass, or of a sign."""
        control = self._control
        if control.is_penalty:
            return [self._parameter / 2 * mass for mass in self._mass]
        if control.fixes_norms:
            return balls(given if control.is_equation else np.maximum(given, 0.0))
        price = ball_of(max(float((given / self._cells.mass).max()), 0.0))
        return [price * mass for mass in self._mass]

    def paid(self, multipliers: Balls, missing: Any) -> Any:
        """Return what a bound pays for multipliers that are raised by ε of the mass."""
        raised = total(y + missing * m for y, m in zip(multipliers, self._mass, strict=True))
        return self._parameter * raised

    def missing(self, slack: BallGram) -> Any:
        """Return ε ≥ 0 with S + ε N positive semidefinite, S of coefficients of own and pair."""
        own, pair = slack
        root, size = [mass.sqrt() for mass in self._mass], len(own)
        scaled = arb_mat(
            [[pair[g][h] / (root[g] * root[h]) for h in range(size)] for g in range(size)]
        )
        for g, (alone, mass) in enumerate(zip(own, self._mass, strict=True)):
            scaled[g, g] += alone / mass
        middle = np.array([[float(x.mid()) for x in row] for row in scaled.tolist()])
        factor = arb_mat(factor_of(middle).tolist())
        rest = (scaled - factor * factor.transpose()).tolist()
        rows = [total(abs(x) for x in row) for row in rest]
        return largest([*rows, *self._splits(own, pair), arb(0)]).upper()

    def _splits(self, own: Balls, pair: Table) -> Balls:
        """Return what S lacks on differences within cells of several points."""
        several = np.flatnonzero(self._cells.points > 1).tolist()
        return [(pair[g][g] / (self._points[g] - 1) - own[g]) / self._mass[g] for g in several]
