"""Bounds of cross-entropy that hold in exact arithmetic: features of any sign, no bias.

Logits, factors and rows computed in double precision are taken as the exact numbers they are. With
S the logits times roots of the masses, on normalised orbit sums, and any A, B, V of doubles

    ‖S‖_* ≤ ½(‖A‖² + ‖B‖²) + √m ‖S − ABᵀ‖_F,     σ₁(M)² ≤ s² (1 + ‖I − MMᵀ/s² − VVᵀ‖_∞),

for M of rows whose own entry is exactly what the others leave. Differences within orbits have their
singular values in closed form. Logits are scaled down to a bound by the first; rows are mixed with
the identity by the second where a penalty asks for it. Then, as in `proof.logits`,

    Σ a [H(p) + Σ_j p_j t_j − t]  (less ρσ₁ for a bound)  ≤  optimum  ≤  loss  (plus μ‖Y‖_*).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat
from scipy import linalg

from ...gram.cells import Level
from ...gram.logits import CellMatrix, LogitGram
from ...optional import require_memory
from ...problem.logits import LogitProgram, logit_program
from ...problem.ufm import UFM
from ...types import Matrix
from ..logit_gap import Evaluated
from ..logits import best_rows
from .balls import Balls, Bounds, ball_of, balls, largest, total
from .factor import factor_of

Table = list[Balls]
"""A matrix of balls, row by row."""

_BALL_BYTES = 400
"""Of the few balls that are alive for each pair of orbits."""


def bounds_of(problem: UFM, level: Level, gram: LogitGram) -> Bounds:
    """Return a lower and an upper bound from logits by orbit that the control about allows.

    Balls that are no numbers where the logits are none.
    """
    program, orbit = logit_program(problem), np.arange(gram.copies.size)
    if level is Level.CLASSES:
        orbit = problem.class_sizes.orbit_index()
        program, gram = program.lifted(orbit), gram.lifted(orbit)
    require_memory(_BALL_BYTES * float(program.size) ** 2, f"balls for {program.size:,} {level}")
    numbers = problem.loss.logit_numbers(problem.class_sizes, ball_of)
    with np.errstate(all="ignore"):
        if not gram.is_sound():
            return arb.nan(), arb.nan(), False
        rows = best_rows(Evaluated(program, gram)).rows
    anchors, slope, offset = ([given[g] for g in orbit.tolist()] for given in numbers)
    bounds = LogitBounds(program, anchors, slope, offset, _amount(problem))
    return bounds.lower(rows), bounds.upper(gram), True


def _amount(problem: UFM) -> Any:
    """Return μ = τ√(λ_H λ_W) or ρ = k√(E_H E_W)/τ, which no double need be."""
    one, other = balls(problem.control.numbers)
    mean, temperature = (one * other).sqrt(), ball_of(problem.temperature)
    if problem.control.is_penalty:
        return mean * temperature
    return problem.classes * mean / temperature


@dataclass(frozen=True, eq=False)
class LogitBounds:
    """Both bounds of a program over logits, by orbit.

    Attributes
    ----------
    program : LogitProgram
        Its masses are the data, as the whole numbers they are.
    anchors, slope, offset : list of arb
        a, Δ and t.
    amount : arb
        μ of a penalty, ρ of a bound.
    """

    program: LogitProgram
    anchors: Balls
    slope: Balls
    offset: Balls
    amount: Any

    def upper(self, gram: LogitGram) -> Any:
        """Return the objective at the logits, scaled down to the bound."""
        norm = self._norm(gram)
        if self.program.norm.is_penalty:
            return self._loss(gram, arb(1)) + self.amount * norm
        share = arb(1) if norm <= self.amount else (self.amount / norm).min(arb(1))
        return self._loss(gram, share)

    def lower(self, rows: CellMatrix) -> Any:
        """Return the bound of rows P − I, of which the entries off the diagonal are read."""
        pair = [balls(row) for row in rows.pair]
        own = [-total(self._over_others(g, row)) for g, row in enumerate(pair)]
        sigma = self._sigma(own, pair)
        if not self.program.norm.is_penalty:
            return self._entropy(own, pair, arb(1)) - self.amount * sigma
        kept = arb(1) if sigma <= self.amount else (self.amount / sigma).min(arb(1))
        return self._entropy(own, pair, kept)

    def _others(self, g: int) -> list[tuple[int, int]]:
        """Return the orbits of other classes, with the number of them in each."""
        counts = self.program.copies.astype(int).tolist()
        counts[g] -= 1
        return [(h, count) for h, count in enumerate(counts) if count]

    def _over_others(self, g: int, row: Balls) -> Balls:
        return [count * row[h] for h, count in self._others(g)]

    def _loss(self, gram: LogitGram, share: Any) -> Any:
        """Return Σ a log(1 + Σ exp(difference of logits)) at a share of the logits."""
        own, found = balls(gram.logit_own), arb(0)
        for g, (a, count) in enumerate(zip(self.anchors, balls(self.program.copies), strict=True)):
            row, stays = balls(gram.logit_pair[g]), self.slope[g] * own[g]
            beyond = total(
                copies
                * (share * (self.slope[h] * row[h] - stays) + self.offset[h] - self.offset[g]).exp()
                for h, copies in self._others(g)
            )
            found += count * a * beyond.log1p()
        return found

    def _norm(self, gram: LogitGram) -> Any:
        """Return a number that is at least ‖Y‖_*, and about that."""
        left, right = self._roots()
        own, pair = balls(gram.logit_own), [balls(row) for row in gram.logit_pair]
        shared, split = self._on_sums(own, pair, left, right)
        vectors, values, others = linalg.svd(_middle(shared))
        one = arb_mat((vectors * np.sqrt(values)).tolist())
        other = arb_mat((others.T * np.sqrt(values)).tolist())
        rest = _frobenius(shared - one * other.transpose()).sqrt()
        norm = (_frobenius(one) + _frobenius(other)) / 2 + arb(self.program.size).sqrt() * rest
        copies = balls(self.program.copies)
        return norm + total((count - 1) * x for count, x in zip(copies, split, strict=True))

    def _sigma(self, own: Balls, pair: Table) -> Any:
        """Return a number that is at least σ₁(M), and about that."""
        roots = self._roots()
        left = [a / root for a, root in zip(self.anchors, roots[0], strict=True)]
        right = [slope / root for slope, root in zip(self.slope, roots[1], strict=True)]
        shared, split = self._on_sums(own, pair, left, right)
        return largest([_spectral(shared), *split]).upper()

    def _roots(self) -> tuple[Balls, Balls]:
        masses = self.program.feature_mass, self.program.classifier_mass
        left, right = ([mass.sqrt() for mass in balls(numbers)] for numbers in masses)
        return left, right

    def _on_sums(self, own: Balls, pair: Table, left: Balls, right: Balls) -> tuple[arb_mat, Balls]:
        """Return diag(left) · matrix · diag(right) on normalised orbit sums.

        Also its singular values on differences in orbits, zero where there are none.
        """
        copies = balls(self.program.copies)
        root = [count.sqrt() for count in copies]
        rows = [
            [root[g] * left[g] * x * right[h] * root[h] for h, x in enumerate(row)]
            for g, row in enumerate(pair)
        ]
        split = []
        for g, count in enumerate(copies):
            inside = pair[g][g] if count > 1 else own[g]
            rows[g][g] = left[g] * right[g] * (own[g] + (count - 1) * inside)
            split.append(abs(left[g] * right[g] * (own[g] - inside)))
        return arb_mat(rows), split

    def _entropy(self, own: Balls, pair: Table, kept: Any) -> Any:
        """Return Σ a [H(p) + Σ p t − t] of I + θ(P − I), θ = `kept`."""
        found = arb(0)
        for g, (a, classes) in enumerate(
            zip(self.anchors, balls(self.program.copies), strict=True)
        ):
            stays = 1 + kept * own[g]
            row = -stays * stays.log()
            for h, count in self._others(g):
                p = kept * pair[g][h]
                if not p.is_zero():
                    row += count * p * (self.offset[h] - self.offset[g] - p.log())
            found += classes * a * row
        return found


def _middle(matrix: arb_mat) -> Matrix:
    return np.array([[float(x.mid()) for x in row] for row in matrix.tolist()])


def _spectral(matrix: arb_mat) -> Any:
    """Return a number that is at least the largest singular value, and about that."""
    most = ball_of(float(linalg.svdvals(_middle(matrix))[0]))
    if most.is_zero():
        return _frobenius(matrix).sqrt()
    size = range(matrix.nrows())
    scaled = matrix / most
    room = arb_mat([[int(g == h) for h in size] for g in size]) - scaled * scaled.transpose()
    factor = arb_mat(factor_of(_middle(room)).tolist())
    rest = (room - factor * factor.transpose()).tolist()
    return most * (1 + largest(total(abs(x) for x in row) for row in rest)).sqrt()


def _frobenius(matrix: arb_mat) -> Any:
    """Return the sum of the squares of the entries."""
    return total(x * x for row in matrix.tolist() for x in row)
