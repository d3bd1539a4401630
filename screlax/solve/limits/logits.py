"""Cross-entropy as its control lets go: simplex-encoded labels, in closed form.

With d = √v/Δ the shortest logits of margin one are, with adjustments multiplied,

    Δ_j z_cj = 1[c = j] − d_c²/Σ d²,      Y = √r Z √v = C (I − u uᵀ),   C = √r d,  u = d/‖d‖,

all margins equal to one. Without adjustments that is Z = I − 11ᵀ/k, the SEL matrix. The
multipliers are B = −√r (Y Yᵀ)^{1/2} √r⁻¹ off the diagonal, and Y Yᵀ is a singular M-matrix, whose
root is one too, so that B ≥ 0 for all sizes and adjustments: it is optimal. Behind a ReLU the same
logits are, with the rows of Y, made to unit length, in place of U Vᵀ. Additive adjustments and
class weights do not change the limit, nor a bias where all r are equal.

Source: Thrampoulidis, Kini, Vakilian and Behnia 2022 (arXiv 2208.05512), theorem 1 for Δ = 1; for
CDT compare Behnia, Kini, Vakilian and Thrampoulidis 2023 (arXiv 2303.07608).
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ...errors import SolverCapabilityError
from ...gram.logits import CellMatrix, LogitGram
from ...problem.logits import LogitProgram
from ...types import Matrix


def shortest_logits(program: LogitProgram) -> LogitGram:
    """Return the logits above, by orbit."""
    share = program.classifier_mass / program.slope**2
    share = share / (program.copies @ share)
    pair = -share[:, None] / program.slope
    pair = np.broadcast_to(pair, (program.size, program.size)).copy()
    own = (1 - share) / program.slope
    return program.gram(CellMatrix.of(own, pair, program.copies))


def multipliers_of(program: LogitProgram, gram: LogitGram) -> Matrix:
    """Return B of two different classes, by orbit, shape (m, m)."""
    left, right = program.roots
    whole = gram.unit_logits.shared(left, right, program.copies)
    if program.is_nonnegative:
        share = program.classifier_mass / program.slope**2
        share = share / (program.copies @ share)
        polar = np.sqrt(np.outer(share / (1 - share), share))
    else:
        u, _, vt = linalg.svd(whole)
        ones = np.ones(program.size)
        polar = -CellMatrix.from_shared(u[:, :-1] @ vt[:-1], ones, program.copies).pair
    return np.asarray(left[:, None] * polar * (right / program.slope))


def require_limit(program: LogitProgram) -> None:
    """Refuse a program whose limit is not this one.

    Raises
    ------
    SolverCapabilityError
        If it is not known.
    """
    if program.norm.fixes_rows:
        raise SolverCapabilityError(
            "with norms that are fixed the limit of a large scale is another program, the largest "
            "margin of unit vectors; take WeightDecay or LayerPeeled"
        )
    if (program.anchors == 0).any():
        raise SolverCapabilityError("classes of weight zero have no margin; leave them out")
    if program.has_bias and np.ptp(program.feature_mass) > 0:
        raise SolverCapabilityError(
            "with a bias and weight decay the limit has no closed form that is known; leave the "
            "bias out, or take LayerPeeled, where the bias of the limit is zero"
        )
