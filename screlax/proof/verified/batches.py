"""Bounds of the expected loss of mini-batches that hold in exact arithmetic.

The loss f is convex, so that its tangent at a feasible Gram matrix M bounds it from below; value
and slope g at that very M are enclosed (`expectation`), and with the slack S = g + R of multipliers
(`cells`) and t = f(M) − ⟨g, M⟩

    lower:  t − (bound paid for the multipliers, raised by ε),   or for a penalty (1 − θ) t,
            θ = ε/(ε + λ/2), mixed with the constant zero: no anchor's loss is negative.
    upper:  f(M) and the penalty.

Numbers of samples and chances are exact, class shares and weights the doubles they come to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import arb

from ...errors import SolverCapabilityError
from ...gram.cells import CellGram, Level
from ...optional import require_memory
from ...problem.constraints.norm_control import NormControl
from ...problem.losses.expected_rows import ExpectedRows, WeightedRows
from ...problem.ufm import UFM
from ...types import Vector
from .balls import Balls, ball_of, precision, total
from .cells import BallGram, CellBounds, Table
from .expectation import BallExpectation
from .own_constraints import Row

_BITS = 192
"""Sums over circles and over t cancel: of 58 digits many are left."""

_BALL_BYTES = 4000
"""Of the balls that are alive for each pair of orbits: powers of places, at each of them."""

_NEAR = 1e-12
"""How near exact numbers of anchors are to those in doubles that they stand for."""


class BatchBounds(CellBounds):
    """Both bounds of a problem with expected batches.

    Parameters
    ----------
    problem : UFM
    level : Level
        Classes or orbits.
    loss : ExpectedRows
        That of the problem at this level.
    control : NormControl
    parameter : arb
        λτ of a ridge, the bound ρ/τ of other controls.
    linear : list of Row, optional
    """

    def __init__(
        self,
        problem: UFM,
        level: Level,
        loss: ExpectedRows,
        control: NormControl,
        parameter: Any,
        linear: Sequence[Row] = (),
    ) -> None:
        super().__init__(loss.cells, control, parameter, linear)
        require_memory(_BALL_BYTES * float(len(loss.cells)) ** 2, f"balls for {level}")
        self._loss = loss
        self._kinds = problem.loss.rows_exactly(problem.class_sizes, level, ball_of)
        for kind, (mass, _, _) in zip(loss.kinds, self._kinds, strict=True):
            if not np.allclose([float(x.mid()) for x in mass], kind.mass, rtol=_NEAR, atol=0):
                raise SolverCapabilityError(
                    f"batches {problem.loss.sampler} say two numbers of anchors, samplings and "
                    "numbers_exactly; a proof against rounding needs them to be the same"
                )

    def bounds(self, gram: CellGram, linear: Vector | None = None) -> tuple[Any, Any]:
        """Return a lower and an upper bound from a Gram matrix that is about feasible.

        With multipliers of linear constraints, if any.
        """
        with precision(_BITS):
            (own, pair), is_feasible = self.feasible(gram)
            value, slope = self.at(own, pair)
            upper = value + self.penalty(own) if is_feasible else arb.pos_inf()
            return self._lower(value, slope, (own, pair), linear), upper

    def at(self, own: Balls, pair: Table) -> tuple[Any, BallGram]:
        """Return the loss and its slope, as coefficients of own and pair."""
        size = len(own)
        value, by_own = arb(0), [arb(0)] * size
        by_pair = [[arb(0)] * size for _ in range(size)]
        for kind, (mass, units, own_units) in zip(self._loss.kinds, self._kinds, strict=True):
            values, slopes = self._rows(kind, (units, own_units), own, pair)
            for g, a, loss, row in zip(kind.orbits.tolist(), mass, values, slopes, strict=True):
                value += a * loss
                for h, slope in enumerate(row):
                    half = a * slope / 2
                    by_pair[g][h] += half
                    by_pair[h][g] += half
                by_own[g] -= a * total(row)
        return value, (by_own, by_pair)

    def _rows(
        self, kind: WeightedRows, units: tuple[Table, Balls], own: Balls, pair: Table
    ) -> tuple[Balls, Table]:
        e = [[(x - own[g]).exp() for x in pair[g]] for g in kind.orbits.tolist()]
        return BallExpectation(kind.rows.draws, *units, kind.rows.views).evaluated(e)

    def _lower(self, value: Any, slope: BallGram, gram: BallGram, linear: Vector | None) -> Any:
        products = self._along(slope, gram)
        tangent = value - total(products)
        slope, cost = self.with_linear(slope, linear)
        tangent -= cost
        near = np.array([float(x.mid()) for x in self._along(slope, gram)])
        norms = np.array([float(x.mid()) for x in gram[0]])
        given = self._control.multipliers(near, norms, self._cells)
        if not np.isfinite(given).all():
            return arb.nan()
        paid = self.multipliers(given)
        own = [s + y for s, y in zip(slope[0], paid, strict=True)]
        missing = self.missing((own, slope[1]))
        if self._control.is_penalty:
            return (1 - missing / (missing + self._parameter / 2)) * tangent
        return tangent - self.paid(paid, missing)

    @staticmethod
    def _along(slope: BallGram, gram: BallGram) -> Balls:
        """Return ⟨S, G⟩ cell by cell."""
        return [
            s * x + total(a * b for a, b in zip(row, products, strict=True))
            for s, x, row, products in zip(slope[0], gram[0], slope[1], gram[1], strict=True)
        ]
