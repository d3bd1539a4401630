"""Dual points of cross-entropy: rows whose singular values are bounded, from softmax rows.

M = √r⁻¹ a (P − I) Δ √v⁻¹ sends √v/Δ to zero, and so does the matrix with its singular values
brought down to a level, from which rows of the same kind are read off. With singular values σ_i of
M and y_i ≥ 0 of the logits that costs about Σ (σ_i − level)₊ y_i, where scaling all of M down costs
(σ₁ − level) Σ y_i.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..gram.logits import CellMatrix
from ..gram.rounding import UNIT, summation
from ..problem.logits import LogitProgram, largest_singular_value
from ..types import Vector


@dataclass(frozen=True, eq=False)
class DualRows:
    """Rows P − I, which sum to zero, with others ≥ 0, and a proved bound on σ₁(M)."""

    rows: CellMatrix
    sigma: float


def singular_error(size: int) -> float:
    """Return the error of a computed singular value of an m×m matrix, relative to the largest.

    Entries that are a few roundings off included: they move it by √m of that.
    """
    return (8 + size / 4 + 8 * math.sqrt(size)) * UNIT


def measured(program: LogitProgram, rows: CellMatrix) -> DualRows:
    """Return rows with the bound, those that rounding may sum to more than one made smaller."""
    margin, others = 2 * summation(program.size), -rows.own
    if (others > 1 - margin).any():
        factor = np.where(others > 1 - margin, (1 - 2 * margin) / others, 1.0)
        rows = CellMatrix(factor * rows.own, factor[:, None] * rows.pair)
    sigma = largest_singular_value(program, rows)
    return DualRows(rows, sigma * (1 + singular_error(program.size)))


def clipped(program: LogitProgram, rows: CellMatrix, level: float) -> CellMatrix:
    """Return rows near others whose singular values are about at most a level.

    Where an entry would be negative all rows move less far.
    """
    shared, split = program.scaled_slack(rows)
    vectors, values, others = linalg.svd(shared)
    above = values > level
    shared = shared - (vectors[:, above] * (values[above] - level)) @ others[above]
    split = np.clip(split, -level, level)
    return _between(program, rows, _rows_of(program, rows, shared, split))


def _rows_of(
    program: LogitProgram, rows: CellMatrix, shared: np.ndarray, split: Vector
) -> CellMatrix:
    """Return the rows with a given M; those of classes without anchors stay."""
    left, right = program.roots
    found = CellMatrix.from_shared(shared, split, program.copies)
    has_anchors = program.anchors > 0
    anchors = np.where(has_anchors, program.anchors, 1.0)
    pair = found.pair * (left / anchors)[:, None] * (right / program.slope)
    pair = np.where(has_anchors[:, None], pair, rows.pair)
    return CellMatrix.of(-program.sum_of_others(pair), pair, program.copies)


def _between(program: LogitProgram, rows: CellMatrix, goal: CellMatrix) -> CellMatrix:
    """Return rows as far towards others as keeps their entries nonnegative."""
    have, want = program.without_own(rows.pair, 0.0), program.without_own(goal.pair, 0.0)
    negative = want < 0
    if not negative.any():
        return goal
    share = float((have[negative] / (have[negative] - want[negative])).min())
    pair = np.maximum(have + share * (want - have), 0.0)
    return CellMatrix.of(-program.sum_of_others(pair), pair, program.copies)
