"""Certificate of cross-entropy: two bounds from logits alone, by singular values.

The upper bound is the objective at the logits, scaled to the control. For the lower one rows P' of
nonnegative numbers that sum to one are made from the softmax rows of the logits; with Y the logits
times the masses, M' = √r⁻¹ a (P' − I) Δ √v⁻¹ and σ₁ its largest singular value,

    upper − lower = Σ a KL(P' ‖ softmax) + μ‖Y‖_* + ⟨M', Y⟩    for a penalty, where σ₁ ≤ μ,
    upper − lower = Σ a KL(P' ‖ softmax) + ρσ₁ + ⟨M', Y⟩       for a bound, where ‖Y‖_* ≤ ρ.

Mixing P' with the identity, I + θ(P' − I), multiplies M' by θ ≤ 1, so that every P' can be made to
do for a penalty. Tried are the softmax rows themselves and `logit_dual.clipped`.

In the certificate the smallest eigenvalue of the primal point is zero, since features and
classifier are made from singular values, and that of the dual slack [[μI, M], [Mᵀ, μI]], before P
is changed, is μ − σ₁ (for a bound zero, σ₁ being its price).

Source: Lagrangian duality of the program in `screlax.problem.logits`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..errors import SolverCapabilityError
from ..gram.cells import Level
from ..gram.logits import LogitGram
from ..gram.orthogonal_logits import OrthogonalLogitGram
from ..gram.rounding import UNIT
from ..problem.logit_bias import balanced_bias
from ..problem.logits import LogitProgram, logit_program
from ..problem.ufm import UFM
from .biased_logits import certify_with_bias
from .certificate import Certificate
from .dense import Proof
from .fixed_norms import brought_onto, certify_fixed_norms
from .logit_dual import DualRows, clipped, measured
from .logit_gap import Evaluated, error_of_norm
from .orthogonal_logits import certify_orthogonal


def prove_logits(problem: UFM, level: Level, gram: LogitGram) -> Proof:
    """Prove how far logits by orbit are from optimal; the Gram matrix returned is feasible.

    Raises
    ------
    SolverCapabilityError
        At level "samples": the samples of a class coincide by convexity.
    """
    if level in (Level.SAMPLES, Level.INSTANCES):
        raise SolverCapabilityError(
            "cross-entropy is proved by classes or orbits, not by samples, which coincide within "
            "their class by convexity; use level='classes'"
        )
    program = logit_program(problem)
    with np.errstate(all="ignore"):
        feasible = brought_within(program, gram)
    posed, at = program, feasible
    if level is Level.CLASSES:
        orbit = problem.class_sizes.orbit_index()
        posed, at = program.lifted(orbit), feasible.lifted(orbit)
    return Proof(certify_program(posed, level, at), feasible, None)


def certify_program(program: LogitProgram, level: Level, gram: LogitGram) -> Certificate:
    """Prove logits within the bound of a program, which need not be one of a problem."""
    with np.errstate(all="ignore"):
        if not gram.is_sound():
            return Certificate.around(
                level.value, math.inf, math.inf, 0.0, (0.0, 0.0), (0.0, -math.inf)
            )
        if isinstance(gram, OrthogonalLogitGram):  # what `LogitProgram.gram` makes behind a ReLU
            return certify_orthogonal(program, level, gram)
        if program.norm.fixes_rows:
            return certify_fixed_norms(program, level, gram)
        if program.has_bias:
            return certify_with_bias(program, level, gram)
        return _certificate(program, level, gram)


def brought_within(program: LogitProgram, gram: LogitGram) -> LogitGram:
    """Return logits that the control allows, with the masses of the program."""
    if not program.gram(gram.unit_logits, gram.bias).is_sound():
        return program.gram(gram.unit_logits, gram.bias)
    if program.norm.fixes_rows:
        return brought_onto(program, gram)
    if not program.has_bias:
        return _within_bound(program, program.gram(gram.unit_logits))
    gram = _within_bound(program, program.gram(gram.unit_logits, gram.bias))
    return replace(gram, bias=balanced_bias(program, gram))


def _within_bound(program: LogitProgram, gram: LogitGram) -> LogitGram:
    if program.norm.is_penalty or not gram.is_sound():
        return gram
    most = program.norm.amount * (1 - 8 * UNIT)
    norm = gram.nuclear_norm
    if norm + error_of_norm(gram) <= most:
        return gram
    factor = most / (norm + error_of_norm(gram))
    return replace(gram, logit_own=factor * gram.logit_own, logit_pair=factor * gram.logit_pair)


@dataclass(frozen=True)
class _Gap:
    """A duality gap as computed, and what rounding can have done to it."""

    amount: float
    rounding: float

    @property
    def total(self) -> float:
        """What is proved; NaN is no proof."""
        found = max(self.amount, 0.0) + self.rounding
        return found if math.isfinite(found) else math.inf


def _certificate(program: LogitProgram, level: Level, gram: LogitGram) -> Certificate:
    amount, is_penalty = program.norm.amount, program.norm.is_penalty
    at = Evaluated(program, gram)
    value, error = at.loss, at.error_of_loss
    if is_penalty:
        value, error = value + amount * gram.nuclear_norm, error + amount * at.error_of_norm
    tried = _tried(at)
    best = min((gap for gap, _ in tried), key=lambda gap: gap.total)
    if not math.isfinite(best.total):
        best = _Gap(math.inf, 0.0)
    room = amount - tried[0][1].sigma if is_penalty else 0.0
    return Certificate.around(
        level.value, value, best.amount, 0.0, (error, best.rounding), (0.0, room)
    )


def best_rows(at: Evaluated) -> DualRows:
    """Return the rows that prove most of those tried."""
    return min(_tried(at), key=lambda pair: pair[0].total)[1]


def _tried(at: Evaluated) -> list[tuple[_Gap, DualRows]]:
    """Return gaps and rows: the softmax, and where that leaves something to gain, it clipped."""
    program, gram = at.program, at.gram
    softmax = measured(program, at.rows)
    gap = _gap(at, softmax)
    if not gap.amount > gap.rounding:
        return [(gap, softmax)]
    norm = gram.nuclear_norm
    target = program.norm.amount if program.norm.is_penalty else 0.0
    if not program.norm.is_penalty and norm > 0:
        target = -at.inner(softmax)[0] / norm
    rows = clipped(program, at.rows, target)
    if not np.isfinite(rows.pair).all():  # where a softmax row is the identity
        return [(gap, softmax)]
    other = measured(program, rows)
    return [(gap, softmax), (_gap(at, other), other)]


def _gap(at: Evaluated, dual: DualRows) -> _Gap:
    """Return the gap that rows prove, mixed with the identity where a penalty asks for it."""
    amount, is_penalty = at.program.norm.amount, at.program.norm.is_penalty
    kept = min(1.0, amount / dual.sigma) if is_penalty and dual.sigma > 0 else 1.0
    inner, error = at.inner(dual)
    divergence, rounding = at.divergence(dual, kept)
    price = amount * (at.gram.nuclear_norm if is_penalty else dual.sigma)
    rounding += error + 4 * UNIT * (price + abs(inner))
    if is_penalty:
        rounding += amount * at.error_of_norm
    return _Gap(divergence + price + kept * inner, rounding)
