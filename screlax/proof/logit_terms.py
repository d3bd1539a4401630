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


def depth(program: LogitProgram, gram: LogitGram) -> float:
    """Return the size of exponents: probabilities are so many roundings off, relative to them."""
    logits = max(
        float(np.abs(gram.logit_own * program.slope).max()),
        float(np.abs(gram.logit_pair * program.slope).max()),
    )
    return logits + float(np.abs(gram.bias + program.offset).max())


def divergence(program: LogitProgram, rows: CellMatrix, kept: float | Vector) -> float:
    """Return Σ a KL(I + θ(P − I) ‖ P), θ = `kept`: others are θ times those of P."""
    others = -rows.own
    mixed = 1 - kept * others
    with np.errstate(divide="ignore", invalid="ignore"):  # small losses keep their digits
        terms = mixed * np.log1p((1 - kept) * others / (1 - others))
        terms += special.xlogy(kept * others, kept)
    return float((program.copies * program.anchors) @ terms)
