"""Certificate of cross-entropy: two bounds from logits alone, by singular values.

The upper bound is the objective at the logits, scaled to the control. For the lower one the softmax
rows P of the logits are mixed with the identity, which is feasible with every penalty:
P ← I + θ(P − I) has θ times the singular values. With Y the logits times the masses and
M = √r⁻¹ a (P − I) Δ √v⁻¹ the gap is summed from its nonnegative parts, for a penalty

    upper − lower = Σ a KL(P_θ ‖ P) + μ‖Y‖_* + ⟨M_θ, Y⟩            with   σ₁(M_θ) ≤ μ.

Source: Lagrangian duality of the program in `screlax.problem.logits`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import SolverCapabilityError
from ..gram.cells import Level
from ..gram.logits import LogitGram
from ..gram.orthogonal_logits import OrthogonalLogitGram
from ..gram.rounding import UNIT
from ..problem.logit_bias import balanced_bias
from ..problem.logits import LogitProgram, largest_singular_value, logit_program
from ..problem.ufm import UFM
from .biased_logits import certify_with_bias
from .certificate import Certificate
from .dense import Proof
from .fixed_norms import brought_onto, certify_fixed_norms
from .logit_terms import divergence, product
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
    feasible = brought_within(program, gram)
    posed, at = program, feasible
    if level is Level.CLASSES:
        orbit = problem.class_sizes.orbit_index()
        posed, at = program.lifted(orbit), feasible.lifted(orbit)
    return Proof(certify_program(posed, level, at), feasible, None)


def certify_program(program: LogitProgram, level: Level, gram: LogitGram) -> Certificate:
    """Prove logits within the bound of a program, which need not be one of a problem."""
    if isinstance(gram, OrthogonalLogitGram):  # what `LogitProgram.gram` makes behind a ReLU
        return certify_orthogonal(program, level, gram)
    if program.norm.fixes_rows:
        return certify_fixed_norms(program, level, gram)
    if program.has_bias:
        return certify_with_bias(program, level, gram)
    return _certificate(program, level, gram)


def brought_within(program: LogitProgram, gram: LogitGram) -> LogitGram:
    """Return logits that the control allows, with the masses of the program."""
    if program.norm.fixes_rows:
        return brought_onto(program, gram)
    gram = _within_bound(program, program.gram(gram.unit_logits, gram.bias))
    bias = balanced_bias(program, gram) if program.has_bias else np.zeros(program.size)
    return replace(gram, bias=bias)


def _within_bound(program: LogitProgram, gram: LogitGram) -> LogitGram:
    if program.norm.is_penalty:
        return gram
    most = program.norm.amount * (1 - 64 * UNIT * program.size)
    if gram.nuclear_norm <= most:
        return gram
    factor = most / gram.nuclear_norm
    return replace(gram, logit_own=factor * gram.logit_own, logit_pair=factor * gram.logit_pair)


def _certificate(program: LogitProgram, level: Level, gram: LogitGram) -> Certificate:
    rows = program.rows(gram)
    sigma = largest_singular_value(program, rows)
    amount, nuclear = program.norm.amount, gram.nuclear_norm
    loss = program.loss(gram)
    value = loss + (amount * nuclear if program.norm.is_penalty else 0.0)
    kept = min(1.0, amount / sigma) if program.norm.is_penalty else 1.0
    kept *= 1 - 32 * UNIT * program.size
    inner = product(program, rows, gram)
    if program.norm.is_penalty:
        gap = divergence(program, rows, kept) + amount * nuclear + kept * inner
    else:
        gap = amount * sigma + inner
    sizes = abs(loss) + amount * (nuclear if program.norm.is_penalty else sigma) + abs(inner)
    error = 16 * UNIT * (8 + program.size) * sizes
    margin = (amount if program.norm.is_penalty else sigma) - sigma
    return Certificate.around(level.value, value, gap, 0.0, (error, error), (0.0, margin))
