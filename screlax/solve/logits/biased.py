"""Cross-entropy with a bias that is free of penalty: one more column of the factors.

A bias adds a number b_h to all exponents of orbit h, which in orbit sums is B + ρ βᵀ with
ρ_g = √(r_gκ_g) fixed and β_h = b_h √(v_hκ_h)/Δ_h free. Newton on factors takes it as one more
column that has no price, the first part of which does not move.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
from scipy import linalg

from ...gram.logits import CellMatrix, LogitGram
from ...problem.logit_bias import balanced_bias
from ...problem.logits import LogitProgram, largest_singular_value
from ...types import Matrix, Vector
from ..trust_region import minimize
from .bound import at_norm
from .elimination import EliminatedRows
from .newton import (
    ABOVE,
    AWAY,
    EXACT,
    NEAR,
    ROUNDS,
    FactoredLogits,
    FactorPoint,
    Patience,
    factors_of,
    first_sums,
    width_of,
)
from .penalty import Optimum


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
    """An optimum whose `point` has factors A, W with a bias in the last column."""

    factors: Matrix = field(default_factory=lambda: np.zeros((2, 0, 1)))

    @property
    def priced(self) -> Matrix:
        """A Wᵀ without the bias."""
        return np.asarray(self.factors[0, :, :-1] @ self.factors[1, :, :-1].T)

    @cached_property
    def shared_norm(self) -> float:
        """‖A Wᵀ‖_*."""
        return float(linalg.svdvals(self.priced).sum())

    def gram(self, program: LogitProgram) -> LogitGram:
        """Return logits and bias of a program; logits scaled to its bound."""
        logits = self.rows.logits(replace(self.point, sums=self.priced))
        factor = 1.0 if program.norm.is_penalty else program.norm.amount / self.norm
        scaled = CellMatrix(factor * logits.own, factor * logits.pair)
        return program.gram(scaled, self.factors[1, :, -1] / _columns(program)[1])


def biased_logits(program: LogitProgram) -> tuple[LogitGram, int, str]:
    """Return logits and bias near the optimum, Newton steps, and how they were found."""
    zero, norm = program.zero(), program.norm
    most = largest_singular_value(program, program.rows(zero))
    if norm.is_penalty and most <= norm.amount:
        return zero, 0, "closed form: zero, bias the prior"
    solve = partial(_optimum, program)
    found: Optimum
    if norm.is_penalty:
        found = solve(norm.amount, None, EXACT)
    else:
        found, _ = at_norm(solve, norm.amount, most, None, None)
    assert isinstance(found, BiasedOptimum)
    gram = found.gram(program)
    bias = balanced_bias(program, gram)
    return replace(gram, bias=bias), found.steps, "truncated Newton with bias"


def _optimum(
    program: LogitProgram, weight: float, near: Optimum | None, tolerance: float
) -> BiasedOptimum:
    """Return the optimum for a price, from near another."""
    rows, steps = EliminatedRows(program, weight), 0
    factors = _start(program, rows, near)
    begun = rows.value(rows.at(factors[0] @ factors[1].T))
    priced = factors[:, :, :-1]
    problem = BiasedFactors(
        rows, min(begun + weight / 2 * float(np.vdot(priced, priced)), rows.scale)
    )
    for _ in range(ROUNDS):
        found = minimize(
            problem,
            factors,
            gradient_tolerance=tolerance,
            observe=Patience(NEAR * tolerance),
        )
        point, steps = rows.at(found.point[0] @ found.point[1].T), steps + found.iterations
        optimum = BiasedOptimum(rows, point, steps, factors=found.point)
        left, values, right = linalg.svd(rows.gradient(point))
        above = int((values > weight * (1 + ABOVE * tolerance)).sum())
        if above == 0:
            break
        away = AWAY / rows.strength.max() * left[:, :above] @ right[:above]
        width = min(len(values), found.point.shape[2] - 1 + above)
        factors = _with_bias(factors_of(rows, optimum.priced - away, width), found.point[:, :, -1:])
    return optimum


def _start(program: LogitProgram, rows: EliminatedRows, near: Optimum | None) -> Matrix:
    """Return factors of an optimum, or of gaps with the bias that is best for them."""
    if isinstance(near, BiasedOptimum):
        width = max(width_of(rows), near.factors.shape[2] - 1)
        return _with_bias(factors_of(rows, near.priced, width), near.factors[:, :, -1:])
    sums = first_sums(rows)
    bias = balanced_bias(program, program.gram(rows.logits(rows.at(sums))))
    fixed, unit = _columns(program)
    return _with_bias(
        factors_of(rows, sums, width_of(rows)), np.stack([fixed, unit * bias])[..., None]
    )


def _with_bias(factors: Matrix, column: Matrix) -> Matrix:
    return np.concatenate([factors, column], axis=2)


def _columns(program: LogitProgram) -> tuple[Vector, Vector]:
    """Return ρ, and what β is of a bias of one."""
    left, right = program.feature_mass, program.classifier_mass
    return np.sqrt(left * program.copies), np.sqrt(right * program.copies) / program.slope
