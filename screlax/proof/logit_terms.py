"""What gaps of cross-entropy are summed from, class by class."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..gram.logits import CellMatrix, LogitGram
from ..problem.logits import LogitProgram
from ..types import Vector


def products(program: LogitProgram, rows: CellMatrix, gram: LogitGram) -> Vector:
    """Return a_c Σ_j (P − I)_cj Δ_j Z_cj of every class, shape (m,)."""
    slack = program.slack(rows)
    return slack.own * gram.logit_own + program.sum_of_others(slack.pair * gram.logit_pair)


def product(program: LogitProgram, rows: CellMatrix, gram: LogitGram) -> float:
    """Return ⟨M, Y⟩, the sum of `products` over all classes."""
    return float(program.copies @ products(program, rows, gram))


def divergence(program: LogitProgram, rows: CellMatrix, kept: float | Vector) -> float:
    """Return Σ a KL(I + θ(P − I) ‖ P), θ = `kept`: others are θ times those of P."""
    others = -rows.own
    own = 1 - others
    mixed = 1 - kept * others
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = mixed * (np.log(mixed) - np.log(own)) + special.xlogy(kept * others, kept)
    return float((program.copies * program.anchors) @ terms)
