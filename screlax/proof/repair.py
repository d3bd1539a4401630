"""Making approximate primal and dual points exactly feasible.

Primal: negative eigenvalues of the n×n Gram matrix are set to zero, then rows are rescaled to the
norm bound. Dual: softmax rows give S(P, y); where its smallest eigenvalue per sample is −ε, ridge
mixes P with the targets by θ = ε/(ε + λ/2), because S(targets) = (λ/2)N, and the bounded controls
add ε to every multiplier. S is then computed again from what came out, and has to be positive
semidefinite by more than rounding; a point that loses its digits on the way proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..errors import InvalidInputError
from ..gram.cells import CellGram
from ..problem.constraints.norms import Ball, Budget, Ridge, Sphere
from ..problem.program import Relaxation, RowWeights
from ..types import Matrix, Vector
from .blocks import (
    Blocks,
    diagonal_sizes,
    gram_blocks,
    gram_from_blocks,
    is_positive_definite,
    scaled_blocks,
    slack_blocks,
)
from .dual import DualPoint
from .rounding import UNIT, slack_sizes, summation

_NOTHING = 1e-280
"""Squared norms below this share of the largest are zero: quotients by them would overflow."""


@dataclass(frozen=True, eq=False)
class FeasibleGram:
    """A Gram matrix that is feasible up to rounding.

    Attributes
    ----------
    gram : CellGram
        Unchanged where it was feasible up to rounding.
    smallest : float
        Smallest eigenvalue of the mass-scaled Gram matrix before anything was changed.
    shift : float
        A matrix that is feasible exactly is at most this far off, relative to the largest entry of
        every row.
    """

    gram: CellGram
    smallest: float
    shift: float


def repair_primal(relaxation: Relaxation, gram: CellGram) -> FeasibleGram:
    """Make a Gram matrix feasible; what comes back stays as it is when repaired again.

    Parameters
    ----------
    relaxation : Relaxation
    gram : CellGram
        A finite approximate solution G/τ. Where a cell has one point, `own` is its squared norm,
        whatever the diagonal of `pair` says.

    Raises
    ------
    InvalidInputError
        If an entry is NaN or infinite.
    """
    if not gram.is_finite():
        raise InvalidInputError("the Gram matrix to certify has NaN or infinite entries")
    gram = CellGram(gram.own, gram.pair / 2 + gram.pair.T / 2)
    smallest = gram_blocks(relaxation, gram).smallest_eigenvalue()
    gram = _with_one_diagonal(relaxation, gram.own, gram.pair)
    if _lacks(relaxation, gram) > 0:
        gram = _semidefinite(relaxation, gram)
    gram = _within_bound(relaxation, gram)
    return FeasibleGram(gram, smallest, 2 * _tolerance(scaled_blocks(relaxation, gram).shared))


def _with_one_diagonal(relaxation: Relaxation, own: Vector, pair: Matrix) -> CellGram:
    """Give cells with one point one number on the diagonal, and zero vectors zero products."""
    empty = own <= _NOTHING * max(float(own.max()), 1e-10)
    own = np.where(empty, 0.0, own)
    pair = np.where(empty[:, None] | empty[None, :], 0.0, pair)
    np.fill_diagonal(pair, np.where(relaxation.points == 1, own, np.diagonal(pair)))
    return CellGram(own, pair)


def _semidefinite(relaxation: Relaxation, gram: CellGram) -> CellGram:
    """Set negative eigenvalues to zero, and make up for what rounding of large classes leaves."""
    blocks = gram_blocks(relaxation, gram)
    values, vectors = linalg.eigh(blocks.shared)
    shared = (vectors * np.maximum(values, 0.0)) @ vectors.T
    clipped = gram_from_blocks(relaxation, Blocks(shared, np.maximum(blocks.split, 0.0)))
    clipped = _with_one_diagonal(relaxation, clipped.own, clipped.pair)
    missing = _lacks(relaxation, clipped)
    if missing == 0:
        return clipped
    added = missing * diagonal_sizes(relaxation, clipped)
    several = relaxation.points > 1
    pair = clipped.pair + np.diag(added / relaxation.points)
    own = np.where(several, clipped.own + 2 * added / relaxation.points, clipped.own + added)
    return _with_one_diagonal(relaxation, own, pair)


def _lacks(relaxation: Relaxation, gram: CellGram) -> float:
    """Return −(smallest eigenvalue) of the matrix with unit diagonal where beyond rounding."""
    blocks = scaled_blocks(relaxation, gram)
    tolerance = _tolerance(blocks.shared)
    if is_positive_definite(blocks.shared, tolerance) and (blocks.split >= -tolerance).all():
        return 0.0
    return max(0.0, -blocks.smallest_eigenvalue()) + tolerance


def _tolerance(matrix: Matrix) -> float:
    """Return how far rounding can move an eigenvalue of a symmetric matrix."""
    largest = float(np.abs(matrix).max())  # its square may underflow
    norm = largest * float(np.linalg.norm(matrix / largest)) if largest > 0 else 0.0
    return (8 + len(matrix) / 4) * UNIT * norm


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
        within = trace <= limit * (1 + summation(relaxation.size))
        return gram if within else gram.scaled(limit / trace)
    limit = control.parameter
    over = gram.own - limit if isinstance(control, Ball) else np.abs(gram.own - limit)
    if (over <= 4 * UNIT * limit).all():
        return gram
    norm_ratio = np.sqrt(limit / np.where(gram.own > limit / 4, gram.own, limit))
    if isinstance(control, Ball):
        norm_ratio = np.minimum(norm_ratio, 1.0)
    pair = gram.pair * np.outer(norm_ratio, norm_ratio)
    own = gram.own * norm_ratio**2
    if isinstance(control, Sphere):
        own = np.full_like(own, limit)
    return _with_one_diagonal(relaxation, own, pair)


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


@dataclass(frozen=True, eq=False)
class FeasibleDual:
    """A dual point after repair.

    Attributes
    ----------
    rows, multipliers
        The point.
    smallest : float
        Smallest slack eigenvalue per sample before repair.
    is_proved : bool
        Whether the slack of these very numbers is positive semidefinite beyond rounding.
    """

    rows: RowWeights
    multipliers: Vector
    smallest: float
    is_proved: bool


def repair_dual(relaxation: Relaxation, dual: DualPoint, gram: CellGram) -> FeasibleDual:
    """Make a dual candidate feasible, and check the slack again of what came out.

    Parameters
    ----------
    relaxation : Relaxation
    dual : DualPoint
        Stochastic rows; where multipliers are missing they come from stationarity of the
        Lagrangian along each row of `gram` (along the whole of it for `Budget`).
    gram : CellGram
        A feasible Gram matrix G/τ.
    """
    rows, multipliers = dual.rows, _admissible_multipliers(relaxation, dual, gram)
    blocks, margin = _slack_and_margin(relaxation, rows, multipliers)
    if not (math.isfinite(margin) and np.isfinite(blocks.shared).all()):
        return FeasibleDual(rows, multipliers, -math.inf, False)
    smallest = blocks.smallest_eigenvalue()
    missing = max(0.0, 3 * margin - smallest)
    found = _with_more(relaxation, rows, multipliers, missing)
    if relaxation.control.is_penalty and not _is_semidefinite(relaxation, *found):
        # mixing shrinks what is added as well
        missing *= 1 + 3 * margin / relaxation.control.parameter * 2
        found = _with_more(relaxation, rows, multipliers, missing + 3 * margin)
    return FeasibleDual(*found, smallest, _is_semidefinite(relaxation, *found))


def _with_more(
    relaxation: Relaxation, rows: RowWeights, multipliers: Vector, missing: float
) -> tuple[RowWeights, Vector]:
    """Raise the eigenvalues of the slack per sample by `missing`, for ridge before mixing."""
    if not relaxation.control.is_penalty:
        return rows, multipliers + missing * relaxation.mass
    half = relaxation.control.parameter / 2
    return rows.mixed(relaxation.target, half / (missing + half)), multipliers


def _is_semidefinite(relaxation: Relaxation, rows: RowWeights, multipliers: Vector) -> bool:
    """Whether the slack of these very numbers is positive semidefinite beyond rounding."""
    blocks, margin = _slack_and_margin(relaxation, rows, multipliers)
    definite = is_positive_definite(blocks.shared, -margin)
    return bool(definite and (blocks.split >= margin).all())


def _slack_and_margin(
    relaxation: Relaxation, rows: RowWeights, multipliers: Vector
) -> tuple[Blocks, float]:
    """Return the slack per sample, and how far rounding can have moved its eigenvalues."""
    blocks = slack_blocks(relaxation, relaxation.slack(rows, multipliers))
    sizes = slack_sizes(relaxation, rows, multipliers)
    largest = slack_blocks(relaxation, CellGram(sizes.own, sizes.pair)).shared
    return blocks, _tolerance(largest)


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
