"""Certificate of cross-entropy with a bias that is free of penalty.

The bias is first made the best for the logits (`screlax.problem.logit_bias`), so that the columns
of a (P − I) sum to zero up to rounding. What rounding leaves, at most a share η of any class, is
undone by mixing 2η of rows into P that all are one distribution, within a factor of two of the
class sizes: that costs at most 2η times the loss, and adds at most 4η times σ₁ at zero logits.
P ← I + θ(P − I) keeps the sums, and as in `screlax.proof.logits`

    upper − lower = Σ a KL(P_θ ‖ P) + μ‖Y‖_* + θ(⟨M, Y⟩ + ⟨r, b⟩) + η(…),   σ₁(M_θ) ≤ μ.
"""

from __future__ import annotations

import numpy as np

from ..gram.cells import Level
from ..gram.logits import LogitGram
from ..gram.rounding import UNIT, summation
from ..problem.logit_bias import column_flows
from ..problem.logits import LogitProgram, largest_singular_value
from .certificate import Certificate
from .logit_terms import depth, divergence, product


def certify_with_bias(program: LogitProgram, level: Level, gram: LogitGram) -> Certificate:
    """Prove how far logits within the bound, with their bias, are from the optimum."""
    rows, amount, is_penalty = program.rows(gram), program.norm.amount, program.norm.is_penalty
    unit = UNIT * (8 + program.size + depth(program, gram))
    leaving, entering = column_flows(program, rows)
    excess = entering - leaving
    lost = np.abs(excess) + 2 * summation(program.size) * (entering + leaving)
    share = 2 * float((lost / program.anchors).max())
    loss, nuclear = program.loss(gram), gram.nuclear_norm
    if not share < 1:
        nothing = (np.inf, np.inf), (0.0, -np.inf)
        return Certificate.around(level.value, loss + amount * nuclear, np.inf, 0.0, *nothing)
    most = largest_singular_value(program, program.rows(program.zero()))
    sigma = largest_singular_value(program, rows) + 2 * share * most
    inner = product(program, rows, gram) + float((program.copies * excess) @ gram.bias)
    restored = share * float(
        loss + program.copies @ program.anchors * float(np.ptp(program.offset))
    )
    if is_penalty:
        kept = (min(1.0, amount / sigma) if sigma > 0 else 1.0) * (1 - 4 * unit)
        cost = amount * nuclear
        gap = divergence(program, rows, kept) + cost + kept * inner
    else:
        cost = amount * sigma
        gap = cost + inner
    sizes = loss + cost + abs(inner) + float((program.copies * np.abs(excess)) @ np.abs(gram.bias))
    error = 16 * unit * sizes + restored
    value = loss + (cost if is_penalty else 0.0)
    room = (amount if is_penalty else sigma) - sigma
    return Certificate.around(level.value, value, gap, 0.0, (16 * unit * sizes, error), (0.0, room))
