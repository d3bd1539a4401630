"""What rounding can do to the numbers of a certificate, from the sizes of what is summed.

Dual rows P, multipliers y and the Gram matrix are taken as the numbers they are; what is computed
from them is not. A sum of m terms is off by at most `summation(m)` of the sum of their sizes. An
error δ in an entry of G, relative to the largest of its row, moves that row's loss by at most
δ · size · Σ |p − t|, which is small with the loss itself.
Source: Higham, Accuracy and Stability of Numerical Algorithms, chapters 3, 4 and 10.
"""

from __future__ import annotations

import math

import numpy as np

from ..gram.cells import CellGram
from ..problem.program import Relaxation, RowWeights
from ..types import Matrix, Vector

UNIT = float(np.finfo(float).eps) / 2
"""Largest relative error of one rounded operation."""

_TINY = 4 * float(np.finfo(float).smallest_subnormal)
"""Largest absolute error of what underflows."""


def summation(count: int) -> float:
    """Return the largest error of a sum of so many rounded terms, relative to that of their sizes.

    Library sums keep at least sixteen partial sums.
    """
    return (8 + count / 16) * UNIT


def value_rounding(
    relaxation: Relaxation, gram: CellGram, softmax: RowWeights, value: float, shift: float
) -> float:
    """Return how far the objective is at most from that at a feasible matrix, exactly.

    Parameters
    ----------
    relaxation, gram
    softmax : RowWeights
        At `gram`.
    value : float
        The objective as computed.
    shift : float
        By how much entries of `gram`, relative to the largest in their rows, are at most off from
        a feasible matrix.
    """
    unit = summation(relaxation.size)
    size = entry_sizes(gram)
    spread = 2 * np.abs(softmax.pair - relaxation.target.pair).sum(axis=1)
    rows = spread * (unit * (1 + size) + shift * size)
    averaged = (relaxation.target.pair > 0).sum(axis=1) > 1
    if averaged.any():  # positives that differ: they are measured from a rounded mean
        rows = rows + np.where(averaged, unit * size + (shift * size) ** 2, 0.0)
    penalty = float(relaxation.ridge_multipliers() @ np.abs(gram.own))
    small = _TINY * relaxation.samples * relaxation.size
    return float(relaxation.anchors @ rows) + unit * abs(value) + (unit + shift) * penalty + small


def entry_sizes(gram: CellGram) -> Vector:
    """Return the largest entry of every row in size, and of its diagonal, shape (m,)."""
    return np.asarray(np.maximum(np.abs(gram.own), np.abs(gram.pair).max(axis=1)) + gram.own.max())


def slack_sizes(relaxation: Relaxation, rows: RowWeights, multipliers: Vector) -> CellGram:
    """Return, entry by entry, the sum of the sizes of what `Relaxation.slack` sums."""
    weighted = relaxation.anchors[:, None] * (rows.pair + relaxation.target.pair)
    own = np.where(relaxation.weight.own > 0, weighted.sum(axis=1), 0.0) + np.abs(multipliers)
    return CellGram(own, (weighted + weighted.T) / 2)


def gap_rounding(
    relaxation: Relaxation,
    gram: CellGram,
    softmax: RowWeights,
    rows: RowWeights,
    multipliers: Vector,
) -> float:
    """Return how far `duality_gap` of these is at most from the exact one."""
    unit = summation(relaxation.size)
    size = entry_sizes(gram)
    divergence = _divergence_sizes(rows.own, softmax.own)
    divergence = divergence + _divergence_sizes(rows.pair, softmax.pair).sum(axis=1)
    moved = 2 * np.abs(rows.pair - softmax.pair).sum(axis=1)
    total = float(relaxation.anchors @ (divergence + (1 + size) * moved))
    sizes = slack_sizes(relaxation, rows, multipliers)
    total += float(sizes.own @ np.abs(gram.own) + np.vdot(sizes.pair, np.abs(gram.pair)))
    if not relaxation.control.is_penalty:
        limit = relaxation.control.parameter
        total += float(np.abs(multipliers) @ (limit + np.abs(gram.own)))
    return unit * total if math.isfinite(total) else math.inf


def _divergence_sizes(p: Vector | Matrix, q: Vector | Matrix) -> Vector | Matrix:
    """Return (p + q) |log(p/q)| entry by entry, with p + q more where the ratio is far from one."""
    ratio = np.where((p > 0) & (q > 0), np.abs(np.log(p) - np.log(q)), 1.0)
    close = np.minimum(ratio, np.abs(p - q) / np.maximum(q, np.finfo(float).tiny))
    return np.where(ratio < 5e-3, (p + q) * close, (p + q) * (1 + ratio))


def bound_rounding(relaxation: Relaxation, rows: RowWeights, multipliers: Vector) -> float:
    """Return how far `dual_bound` of these is at most from the exact one."""
    total = _entropy_sizes(rows.own, relaxation.weight.own)
    total = total + _entropy_sizes(rows.pair, relaxation.weight.pair).sum(axis=1)
    size = float(relaxation.anchors @ total)
    if not relaxation.control.is_penalty:
        size += relaxation.control.parameter * float(np.abs(multipliers).sum())
    return 2 * summation(relaxation.size) * size if math.isfinite(size) else math.inf


def _entropy_sizes(p: Vector | Matrix, weight: Vector | Matrix) -> Vector | Matrix:
    return np.where(p > 0, p * (1 + np.abs(np.log(weight)) + np.abs(np.log(p))), 0.0)
