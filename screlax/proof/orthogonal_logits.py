"""Certificate of cross-entropy with nonnegative features, class by class and without eigenvalues.

Rows of P may be mixed with the identity each by its own share, since `copositive_bounds` are then
smaller by that share. With Y the logits times the masses,

    upper − lower = Σ_c [a KL(P_θ ‖ P) + μ‖Y_c‖ + θ⟨M_c, Y_c⟩]   for a penalty.
"""

from __future__ import annotations

import numpy as np

from ..gram.cells import Level
from ..gram.orthogonal_logits import OrthogonalLogitGram
from ..gram.rounding import UNIT
from ..problem.copositive import copositive_bounds
from ..problem.logits import LogitProgram
from .certificate import Certificate
from .logit_terms import depth, divergence, products


def certify_orthogonal(
    program: LogitProgram, level: Level, gram: OrthogonalLogitGram
) -> Certificate:
    """Prove how far logits that the control allows are from the optimum with H ≥ 0."""
    rows, norm, amount = program.rows(gram), program.norm, program.norm.amount
    rounding = 32 * UNIT * (8 + program.size + depth(program, gram))
    sigma, copies = copositive_bounds(program, rows) * (1 + rounding), program.copies
    loss, inner, largest = program.loss(gram), products(program, rows, gram), float(sigma.max())
    if norm.is_penalty:
        kept = np.minimum(1.0, np.divide(amount, sigma, where=sigma > 0, out=np.ones_like(sigma)))
        gap = divergence(program, rows, kept)
        gap += float(copies @ (amount * gram.lengths + kept * inner))
        value, cost = loss + amount * gram.nuclear_norm, amount * gram.nuclear_norm
    else:
        cost = amount * largest
        gap, value = cost + float(copies @ inner), loss
    sizes = loss + cost + float(copies @ np.abs(inner))
    error = rounding * sizes
    room = (amount if norm.is_penalty else largest) - largest
    return Certificate.around(level.value, value, gap, 0.0, (error, error), (0.0, room))
