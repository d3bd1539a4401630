"""Cross-entropy with a bias that is free of penalty: one more column of the factors.

A bias adds a number b_h to all exponents of orbit h, which in orbit sums is B + ρ βᵀ with
ρ_g = √(r_gκ_g) fixed and β_h = b_h √(v_hκ_h)/Δ_h free. Newton on factors takes it as one more
column that has no price, the first part of which does not move.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ...gram.logits import LogitGram
from ...problem.logit_bias import balanced_bias
from ...problem.logits import LogitProgram
from ...types import Matrix, Vector
from .elimination import EliminatedRows
from .newton import (
    EXACT,
    FactoredLogits,
    FactorPoint,
    descend,
    factors_of,
    first_sums,
    unit_of,
    width_of,
)
from .penalty import Optimum, rule_of


class BiasedFactors(FactoredLogits):
    """The objective of `FactoredLogits` with the bias in the last column."""

    def change(self, model: FactorPoint, candidate: Matrix) -> float:
        """See `TrustRegionProblem`."""
        ends = (candidate - model.point)[:, :, -1], (candidate + model.point)[:, :, -1]
        unpriced = self.weight / 2 * float(np.vdot(*ends)) / self._unit
        return super().change(model, candidate) - unpriced

    def hessian(self, model: FactorPoint, direction: Matrix) -> Matrix:
        """See `FactoredLogits.hessian`."""
        found = super().hessian(model, direction)
        found[0, :, -1] = 0.0
        return found

    def _along(self, slope: Matrix, factors: Matrix) -> Matrix:
        found = super()._along(slope, factors)
        found[:, :, -1] -= self.weight * factors[:, :, -1]
        found[0, :, -1] = 0.0
        return found


@dataclass(frozen=True, eq=False)
class BiasedOptimum(Optimum):
    """An optimum with a bias, which is part of the offset of `rows`."""

    bias: Vector = field(default_factory=lambda: np.zeros(0))

    def lifted(self, program: LogitProgram) -> Optimum:
        """See `Optimum.lifted`."""
        if self.rule is None:
            return self
        bias = self.rule.back @ self.bias
        rows = _rows(program, self.rows.weight, bias)
        point = rows.at(self.rule.sums(rows, self.rows, self.point))
        return BiasedOptimum(rows, point, self.steps, bias=bias)

    def gram(self, program: LogitProgram) -> LogitGram:
        """See `Optimum.gram`; with the bias that is best for these logits."""
        found = replace(super().gram(program), bias=self.bias)
        return replace(found, bias=balanced_bias(program, found))


def biased_at_nodes(
    program: LogitProgram,
    weight: float,
    nodes: int,
    near: Optimum | None = None,
    tolerance: float = EXACT,
) -> Optimum | None:
    """Return an optimum at the nodes of a rule, as `at_nodes` does."""
    rule = rule_of(program, weight, nodes)
    if rule is None:
        return None
    start = None
    if isinstance(near, BiasedOptimum) and near.rule is not None:
        bias = rule.onto @ near.rule.back @ near.bias
        start = near.sums_at(rule, _rows(rule.program, weight, bias)), bias
    return replace(_newton(rule.program, weight, start, tolerance), rule=rule)


def biased_of_orbits(
    program: LogitProgram, weight: float, near: Optimum | None = None, tolerance: float = EXACT
) -> Optimum:
    """Return an optimum by Newton over all orbits, from near another."""
    start = None
    if near is not None:
        lifted = near.lifted(program)
        assert isinstance(lifted, BiasedOptimum)
        start = lifted.point.sums, lifted.bias
    return _newton(program, weight, start, tolerance)


def _newton(
    program: LogitProgram, weight: float, start: tuple[Matrix, Vector] | None, tolerance: float
) -> BiasedOptimum:
    """Return the optimum for a price from orbit sums and a bias, as `polish` does."""
    rows, (fixed, unit) = EliminatedRows(program, weight), _columns(program)
    if start is None:
        sums = first_sums(rows)
        start = sums, balanced_bias(program, program.gram(rows.logits(rows.at(sums))))
    sums, bias = start
    factors, column = factors_of(rows, sums, width_of(rows)), np.stack([fixed, unit * bias])
    problem = BiasedFactors(rows, unit_of(rows, factors, sums + np.outer(*column)))
    sums, run = descend(problem, factors, column[..., None], tolerance)
    bias = run.point[1, :, -1] / unit
    rows = _rows(program, weight, bias)
    return BiasedOptimum(rows, rows.at(sums), run.iterations, bias=bias)


def _rows(program: LogitProgram, weight: float, bias: Vector) -> EliminatedRows:
    """Return the rows of a program with a bias that does not move."""
    return EliminatedRows(replace(program, offset=program.offset + bias), weight)


def _columns(program: LogitProgram) -> tuple[Vector, Vector]:
    """Return ρ, and what β is of a bias of one."""
    left, right = program.feature_mass, program.classifier_mass
    return np.sqrt(left * program.copies), np.sqrt(right * program.copies) / program.slope
