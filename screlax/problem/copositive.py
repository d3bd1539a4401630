"""What nonnegative features ask of the dual of cross-entropy, in place of a largest singular value.

With H ≥ 0 the best classifier is W = −MᵀH/μ up to masses, M = √r⁻¹ a (P − I) Δ √v⁻¹, and what is
left of the Lagrangian is tr Hᵀ(μ²I − MMᵀ)H/(2μ). It has no negative value for H ≥ 0 if K = MMᵀ has

    no positive entry for two different classes, and none above μ² on the diagonal,

or if μ² is at least the largest eigenvalue of K without its negative entries. Where every row of P
has one value q_c/(k−1) for all other classes, and Δ and v are the same for all, the entries of K
are −k q_c q_d/(k−1)² times positive numbers, which needs no computation.
Source: Lagrangian duality, and copositive matrices (Hall and Newman 1963).
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ..gram.logits import CellMatrix
from ..types import Vector
from .logits import LogitProgram


def copositive_bounds(program: LogitProgram, rows: CellMatrix) -> Vector:
    """Return what μ has to be at least for each row of P − I, shape (m,)."""
    slack = program.slack(rows)
    top = float(max(np.abs(slack.own).max(), np.abs(slack.pair).max()))
    if not 0 < top < np.inf:
        return np.full(program.size, top)
    # squares of small losses would be zero, and prove too much
    scaled = CellMatrix(slack.own / top, slack.pair / top)
    return top * _bounds_of(program, rows, scaled)


def _bounds_of(program: LogitProgram, rows: CellMatrix, slack: CellMatrix) -> Vector:
    left, right = (1 / root for root in program.roots)
    squares = program.sum_of_others((left[:, None] * slack.pair * right) ** 2)
    squares += (left * slack.own * right) ** 2
    if _is_even(program, rows):
        return np.sqrt(squares)
    action = slack.shared(left, right, program.copies)
    products_of_rows = CellMatrix.from_shared(
        action @ action.T, (left * right * slack.spread) ** 2, program.copies
    )
    positive = np.maximum(program.without_own(products_of_rows.pair, 0.0), 0.0)
    if not positive.any():
        return np.sqrt(squares)
    matrix = CellMatrix(squares, positive + np.diag(np.where(program.copies > 1, 0.0, squares)))
    ones = np.ones(program.size)
    largest = float(linalg.eigvalsh(matrix.shared(ones, ones, program.copies))[-1])
    return np.full(program.size, np.sqrt(max(largest, 0.0)))


def _is_even(program: LogitProgram, rows: CellMatrix) -> bool:
    """Whether every row of P − I has one value for all other classes, and columns weigh alike."""
    if np.ptp(program.slope) or np.ptp(program.classifier_mass):
        return False
    others = program.without_own(rows.pair, np.nan)
    return bool((np.nanmin(others, axis=1) == np.nanmax(others, axis=1)).all())
