"""Making approximate primal and dual points exactly feasible.

Primal: negative eigenvalues of the n×n Gram matrix are set to zero, then rows are rescaled to the
norm bound. Dual: softmax rows give S(P, y); where its smallest eigenvalue per sample is −ε, ridge
mixes P with the targets by θ = ε/(ε + λ/2), because S(targets) = (λ/2)N, and the bounded controls
add ε to every multiplier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from scipy import linalg

from ..errors import InvalidInputError
from ..gram.levels import CellGram, Vector
from ..problem.constraints.norms import Ball, Budget, Ridge, Sphere
from ..problem.program import Relaxation, RowWeights
from .blocks import Blocks, gram_blocks, gram_from_blocks, slack_blocks
from .dual import DualPoint


def repair_primal(relaxation: Relaxation, gram: CellGram) -> tuple[CellGram, float]:
    """Return the feasible Gram matrix and the smallest eigenvalue as found.

    Parameters
    ----------
    relaxation : Relaxation
    gram : CellGram
        A finite approximate solution G/τ.

    Returns
    -------
    gram : CellGram
        Positive semidefinite, within the control's bound.
    smallest : float
        Smallest eigenvalue of the mass-scaled Gram matrix before anything was changed.

    Raises
    ------
    InvalidInputError
        If an entry is NaN or infinite.
    """
    if not gram.is_finite():
        raise InvalidInputError("the Gram matrix to certify has NaN or infinite entries")
    gram = CellGram(gram.own, (gram.pair + gram.pair.T) / 2)
    blocks = gram_blocks(relaxation, gram)
    values, vectors = linalg.eigh(blocks.shared)
    smallest = float(min(values[0], blocks.split.min()))
    if smallest < 0:
        kept = np.maximum(values, 0.0)
        shared = (vectors * kept) @ vectors.T
        gram = gram_from_blocks(relaxation, Blocks(shared, np.maximum(blocks.split, 0.0)))
    return _within_bound(relaxation, gram), smallest


def _within_bound(relaxation: Relaxation, gram: CellGram) -> CellGram:
    """Rescale rows and columns to the norm bound, which keeps semidefiniteness.

    On a sphere, rows far inside it are lengthened by a direction of their own instead: scaling
    them up would scale up their rounding.
    """
    control = relaxation.control
    if isinstance(control, Ridge):
        return gram
    if isinstance(control, Budget):
        limit = relaxation.samples * control.mean_squared_norm
        trace = relaxation.trace(gram)
        return gram.scaled(limit / trace) if trace > limit else gram
    limit = control.parameter
    norm_ratio = np.sqrt(limit / np.where(gram.own > limit / 4, gram.own, limit))
    if isinstance(control, Ball):
        norm_ratio = np.minimum(norm_ratio, 1.0)
    pair = gram.pair * np.outer(norm_ratio, norm_ratio)
    own = gram.own * norm_ratio**2
    if isinstance(control, Sphere):
        own = np.full_like(own, limit)
    alone = relaxation.points == 1
    pair[np.diag_indices_from(pair)] = np.where(alone, own, np.diagonal(pair))
    return CellGram(own, pair)


def dual_candidates(
    relaxation: Relaxation, softmax: RowWeights, duals: Iterable[DualPoint]
) -> Iterator[DualPoint]:
    """Yield row-stochastic candidates: the primal's own softmax, then every usable other one."""
    yield DualPoint(softmax)
    for dual in duals:
        rows = _stochastic(relaxation, dual.rows)
        if rows is not None:
            yield DualPoint(rows)
            if dual.multipliers is not None and np.isfinite(dual.multipliers).all():
                yield DualPoint(rows, dual.multipliers)


def _stochastic(relaxation: Relaxation, rows: RowWeights) -> RowWeights | None:
    """Normalise rows to sum to one, or return None where they make no rows (wrong sign, NaN)."""
    anchored = relaxation.anchors > 0
    own = np.where(relaxation.weight.own > 0, np.maximum(rows.own, 0.0), 0.0)
    pair = np.where(relaxation.weight.pair > 0, np.maximum(rows.pair, 0.0), 0.0)
    total = own + pair.sum(axis=1)
    if not (np.isfinite(total).all() and (total[anchored] > 0).all()):
        return None
    share = np.where(anchored, 1.0 / np.where(anchored, total, 1.0), 0.0)
    return RowWeights(own * share, pair * share[:, None])


def repair_dual(
    relaxation: Relaxation, dual: DualPoint, gram: CellGram
) -> tuple[RowWeights, Vector, float]:
    """Make a dual candidate feasible.

    Parameters
    ----------
    relaxation : Relaxation
    dual : DualPoint
        Stochastic rows; where multipliers are missing they come from stationarity of the
        Lagrangian along each row of `gram` (along the whole of it for `Budget`).
    gram : CellGram
        A feasible Gram matrix G/τ.

    Returns
    -------
    rows, multipliers
        A dual point with a positive semidefinite slack.
    smallest : float
        Smallest slack eigenvalue per sample as found.
    """
    rows, multipliers = dual.rows, _admissible_multipliers(relaxation, dual, gram)
    slack = relaxation.slack(rows, multipliers)
    smallest = slack_blocks(relaxation, slack).smallest_eigenvalue()
    missing = max(0.0, -smallest)
    if isinstance(relaxation.control, Ridge):
        half = relaxation.control.strength / 2
        if missing > 0:
            rows = rows.mixed(relaxation.target, missing / (missing + half))
    else:
        multipliers = multipliers + missing * relaxation.mass
    return rows, multipliers, smallest


def _admissible_multipliers(relaxation: Relaxation, dual: DualPoint, gram: CellGram) -> Vector:
    """Return multipliers of the right shape and sign for the control."""
    control = relaxation.control
    if isinstance(control, Ridge):
        return relaxation.ridge_multipliers()
    if isinstance(control, Budget):
        return _stationary_rate(relaxation, dual, gram) * relaxation.mass
    multipliers = dual.multipliers
    if multipliers is None:
        along = row_products(relaxation, dual.rows, gram)
        away = gram.own > 0
        multipliers = np.where(away, -along / np.where(away, gram.own, 1.0), 0.0)
    return np.maximum(multipliers, 0.0) if isinstance(control, Ball) else multipliers


def _stationary_rate(relaxation: Relaxation, dual: DualPoint, gram: CellGram) -> float:
    """Return the budget's multiplier per sample, from the dual point or from stationarity."""
    if dual.multipliers is not None:
        return max(0.0, float(dual.multipliers.sum()) / relaxation.samples)
    trace = relaxation.trace(gram)
    along = float(row_products(relaxation, dual.rows, gram).sum())
    return max(0.0, -along / trace) if trace > 0 else 0.0


def row_products(relaxation: Relaxation, rows: RowWeights, gram: CellGram) -> Vector:
    """Return ⟨S, G⟩ cell by cell, S the dual slack without multipliers, shape (m,)."""
    slack = relaxation.slack(rows, np.zeros(relaxation.size))
    return np.asarray(slack.own * gram.own + (slack.pair * gram.pair).sum(axis=1))
