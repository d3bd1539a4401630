"""Certificates of max-margin programs, from a point and multipliers, whoever found them.

Over logits, with Y = √r Z √v and multipliers B ≥ 0 of the margins,

    min ‖Y‖_*  s.t.  Δ_c z_cc − Δ_j z_cj ≥ 1        ≥  Σ B,      L_cj = −B_cj,  L_cc = Σ_j B_cj,

wherever σ₁(√r⁻¹ L Δ √v⁻¹) ≤ 1. Over Gram matrices M of embeddings with masses r,

    min Σ r M_cc  s.t.  M ⪰ 0,  M_cc − M_cj ≥ 1 for anchors c      ≥  Σ B   where  diag(r) ⪰ sym(L).

A point is scaled so that its smallest margin is one, multipliers so that the bound holds.
Source: Lagrangian duality; Thrampoulidis et al. 2022 (arXiv 2208.05512), theorem 1.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..errors import SolverFailedError
from ..gram.cells import CellGram, Level
from ..gram.logits import CellMatrix, LogitGram
from ..gram.rounding import UNIT
from ..problem.copositive import copositive_bounds
from ..problem.logits import LogitProgram, largest_singular_value
from ..types import Matrix, Vector
from .certificate import Certificate


def certify_logit_margins(
    program: LogitProgram, gram: LogitGram, multipliers: Matrix
) -> tuple[Certificate, LogitGram]:
    """Prove how short logits of margin one are; return them at margin one.

    Parameters
    ----------
    program : LogitProgram
        Its masses, slopes and features; its loss and norm do not matter.
    gram : LogitGram
        Logits with positive margins.
    multipliers : ndarray, shape (m, m)
        B of a class of one orbit with one *other* class of another.
    """
    own, pair = program.slope * gram.logit_own, program.slope * gram.logit_pair
    margins = program.without_own(own[:, None] - pair, np.inf)
    feasible = _at_margin_one(gram, float(margins.min()))
    unit = replace(program, anchors=np.ones(program.size))
    rows, total = _laplacian(multipliers, program.copies)
    if program.is_nonnegative:
        sigma = float(copositive_bounds(unit, rows).max())
    else:
        sigma = largest_singular_value(unit, rows)
    return _certificate(feasible.nuclear_norm, total / sigma, program.size), feasible


def certify_gram_margins(
    copies: Vector, masses: Vector, anchored: NDArray[np.bool_], gram: CellGram, multipliers: Matrix
) -> tuple[Certificate, CellGram]:
    """Prove how short embeddings of margin one are; return their Gram matrix at margin one.

    Parameters
    ----------
    copies, masses : ndarray, shape (m,)
        Classes of every orbit, and r of each class.
    anchored : ndarray of bool, shape (m,)
        Whose margins count.
    gram : CellGram
        With positive margins.
    multipliers : ndarray, shape (m, m)
        As for logits; those of rows that are not anchored do not count.
    """
    gram = _semidefinite(gram, copies)
    margins = gram.own[:, None] - gram.pair
    np.fill_diagonal(margins, np.where(copies > 1, np.diagonal(margins), np.inf))
    feasible = gram.scaled(1 / _positive(float(margins[anchored].min())))
    rows, total = _laplacian(np.where(anchored[:, None], multipliers, 0.0), copies)
    scale = 1 / np.sqrt(masses)
    symmetric = CellMatrix(rows.own, (rows.pair + rows.pair.T) / 2)
    split = np.where(copies > 1, scale**2 * symmetric.spread, 0.0)
    largest = linalg.eigvalsh(symmetric.shared(scale, scale, copies))[-1]
    value = float((copies * masses) @ feasible.own)
    return _certificate(value, total / max(largest, split.max()), len(copies)), feasible


def _laplacian(multipliers: Matrix, copies: Vector) -> tuple[CellMatrix, float]:
    """Return L of nonnegative multipliers, and their sum."""
    pair = np.maximum(multipliers, 0.0)
    alone = np.diag(np.where(copies > 1, np.diagonal(pair), 0.0))
    pair = pair - np.diag(np.diagonal(pair)) + alone
    own = pair @ copies - np.diagonal(pair)
    laplacian = -pair
    np.fill_diagonal(laplacian, np.where(copies > 1, -np.diagonal(pair), own))
    return CellMatrix(own, laplacian), float(copies @ own)


def _at_margin_one(gram: LogitGram, margin: float) -> LogitGram:
    scale = 1 / _positive(margin)
    return replace(gram, logit_own=scale * gram.logit_own, logit_pair=scale * gram.logit_pair)


def _positive(margin: float) -> float:
    if not margin > 0:
        raise SolverFailedError(f"the smallest margin is {margin:g}, not above zero")
    return margin


def _semidefinite(gram: CellGram, copies: Vector) -> CellGram:
    """Return the matrix without negative eigenvalues."""
    ones = np.ones_like(copies)
    action = CellMatrix(gram.own, gram.pair)
    split = np.where(copies > 1, np.maximum(action.spread, 0.0), 0.0)
    values, vectors = linalg.eigh(action.shared(ones, ones, copies))
    kept = CellMatrix.from_shared((vectors * np.maximum(values, 0)) @ vectors.T, split, copies)
    return CellGram(kept.own, (kept.pair + kept.pair.T) / 2)


def _certificate(value: float, bound: float, size: int) -> Certificate:
    """Return the certificate of two numbers, each off by rounding at most."""
    error = 16 * UNIT * (8 + size) * value
    gap = max(value - bound, 0.0)
    return Certificate.around(Level.ORBITS.value, value, gap, 0.0, (error, error), (0.0, 0.0))
