"""Making approximate primal and dual points exactly feasible.

Primal: negative eigenvalues of the n×n Gram matrix are set to zero, then negative entries where
features are nonnegative (and what that lacks is added to the diagonal), then rows are rescaled to
the control's bound. Dual: a minorant of the loss and multipliers, less Y ≥ 0 for nonnegative
features, give S; where its smallest eigenvalue per sample is −ε, bounded controls add ε to every
multiplier, and for a penalty the minorant (and Y) is mixed with the loss's infimum by
θ = ε/(ε + λ/2), where S is (λ/2)N. S is then computed again from what came out, and has to be
positive semidefinite by more than rounding; a point that loses its digits on the way proves
nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..errors import InvalidInputError
from ..gram.blocks import (
    Blocks,
    diagonal_sizes,
    gram_blocks,
    gram_from_blocks,
    is_positive_definite,
    scaled_blocks,
    slack_blocks,
)
from ..gram.cells import CellGram
from ..gram.rounding import UNIT
from ..problem.losses.minorant import Minorant
from ..problem.program import Program
from ..types import Matrix, Vector

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


def repair_primal(relaxation: Program, gram: CellGram) -> FeasibleGram:
    """Make a Gram matrix feasible; what comes back stays as it is when repaired again.

    Parameters
    ----------
    relaxation : Program
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
    smallest = gram_blocks(relaxation.cells, gram).smallest_eigenvalue()
    gram = _with_one_diagonal(relaxation, gram.own, gram.pair)
    if _lacks(relaxation, gram) > 0:
        gram = _semidefinite(relaxation, gram)
    if relaxation.is_nonnegative and gram.pair.min() < 0:
        gram = _lifted(relaxation, CellGram(gram.own, np.maximum(gram.pair, 0.0)))
    gram = _within_bound(relaxation, gram)
    return FeasibleGram(
        gram, smallest, 2 * rounding_of_eigenvalues(scaled_blocks(relaxation.cells, gram).shared)
    )


def _with_one_diagonal(relaxation: Program, own: Vector, pair: Matrix) -> CellGram:
    """Give cells with one point one number on the diagonal, and zero vectors zero products."""
    empty = own <= _NOTHING * max(float(own.max()), 1e-10)
    own = np.where(empty, 0.0, own)
    pair = np.where(empty[:, None] | empty[None, :], 0.0, pair)
    np.fill_diagonal(pair, np.where(relaxation.cells.points == 1, own, np.diagonal(pair)))
    return CellGram(own, pair)


def _semidefinite(relaxation: Program, gram: CellGram) -> CellGram:
    """Set negative eigenvalues to zero, and make up for what rounding of large classes leaves."""
    blocks = gram_blocks(relaxation.cells, gram)
    values, vectors = linalg.eigh(blocks.shared)
    shared = (vectors * np.maximum(values, 0.0)) @ vectors.T
    clipped = gram_from_blocks(relaxation.cells, Blocks(shared, np.maximum(blocks.split, 0.0)))
    return _lifted(relaxation, _with_one_diagonal(relaxation, clipped.own, clipped.pair))


def _lifted(relaxation: Program, clipped: CellGram) -> CellGram:
    """Add to the diagonal what keeps a matrix from being positive semidefinite."""
    missing = _lacks(relaxation, clipped)
    if missing == 0:
        return clipped
    added = missing * diagonal_sizes(relaxation.cells, clipped)
    several = relaxation.cells.points > 1
    pair = clipped.pair + np.diag(added / relaxation.cells.points)
    own = np.where(several, clipped.own + 2 * added / relaxation.cells.points, clipped.own + added)
    return _with_one_diagonal(relaxation, own, pair)


def _lacks(relaxation: Program, gram: CellGram) -> float:
    """Return −(smallest eigenvalue) of the matrix with unit diagonal where beyond rounding."""
    blocks = scaled_blocks(relaxation.cells, gram)
    tolerance = rounding_of_eigenvalues(blocks.shared)
    if is_positive_definite(blocks.shared, tolerance) and (blocks.split >= -tolerance).all():
        return 0.0
    return max(0.0, -blocks.smallest_eigenvalue()) + tolerance


def rounding_of_eigenvalues(matrix: Matrix) -> float:
    """Return how far rounding can move an eigenvalue of a symmetric matrix."""
    largest = float(np.abs(matrix).max())  # its square may underflow
    norm = largest * float(np.linalg.norm(matrix / largest)) if largest > 0 else 0.0
    return (8 + len(matrix) / 4) * UNIT * norm


def _within_bound(relaxation: Program, gram: CellGram) -> CellGram:
    """Rescale rows and columns to what the control allows, which keeps semidefiniteness."""
    found = relaxation.control.brought_within(gram.own, relaxation.cells)
    if found is None:
        return gram
    scale, own = found
    return _with_one_diagonal(relaxation, own, gram.pair * np.outer(scale, scale))


@dataclass(frozen=True, eq=False)
class FeasibleDual:
    """A dual point after repair.

    Attributes
    ----------
    minorant : Minorant
        An affine lower bound on the loss.
    multipliers : ndarray, shape (m,)
        Of the control.
    slack : CellGram
        S, the sum of the minorant's coefficients and the multipliers.
    sizes : CellGram
        Entry by entry, the sum of the sizes of what S sums.
    smallest : float
        Smallest slack eigenvalue per sample before repair.
    is_proved : bool
        Whether S, of these very numbers, is positive semidefinite beyond rounding.
    entries : ndarray, shape (m, m), or None
        Y ≥ 0, coefficients of `pair`; S is then less Y.
    linear : ndarray, shape (q,), or None
        z, multipliers of linear constraints, of admissible signs; S is then with Σ z_i A_i.
    """

    minorant: Minorant
    multipliers: Vector
    slack: CellGram
    sizes: CellGram
    smallest: float
    is_proved: bool
    entries: Matrix | None = None
    linear: Vector | None = None


def repair_dual(
    relaxation: Program,
    minorant: Minorant,
    gram: CellGram,
    given: Vector | None = None,
    entries: Matrix | None = None,
    linear: Vector | None = None,
) -> FeasibleDual:
    """Make a dual point of a minorant, and check the slack again of what came out.

    Parameters
    ----------
    relaxation : Program
    minorant : Minorant
    gram : CellGram
        A feasible Gram matrix G/τ.
    given : ndarray, shape (m,), optional
        Multipliers; by default those that make the Lagrangian stationary along `gram`.
    entries : ndarray, shape (m, m), optional
        Y ≥ 0, of nonnegative features.
    linear : ndarray, shape (q,), optional
        Multipliers of linear constraints; those of bounds that are not there are left out.
    """
    control, cells = relaxation.control, relaxation.cells
    if linear is not None and relaxation.linear is not None:
        linear = relaxation.linear.admissible(linear)
    slope, _ = _slack_and_sizes(relaxation, minorant, np.zeros(len(cells)), entries, linear)
    along = products_by_cell(slope, gram)
    multipliers = control.multipliers(along, gram.own, cells, given)
    slack, sizes = _slack_and_sizes(relaxation, minorant, multipliers, entries, linear)
    blocks, margin = _blocks_and_margin(relaxation, minorant, multipliers, slack, sizes)
    if not (math.isfinite(margin) and np.isfinite(blocks.shared).all()):
        return FeasibleDual(minorant, multipliers, slack, sizes, -math.inf, False, entries, linear)
    smallest = blocks.smallest_eigenvalue()
    missing = max(0.0, 3 * margin - smallest)
    lacking = minorant, multipliers, entries, linear
    dual = _with_more(relaxation, *lacking, missing, smallest)
    if control.is_penalty and not dual.is_proved:
        # mixing shrinks what is added as well
        missing *= 1 + 3 * margin / control.parameter * 2
        dual = _with_more(relaxation, *lacking, missing + 3 * margin, smallest)
    return dual


def _with_more(
    relaxation: Program,
    minorant: Minorant,
    multipliers: Vector,
    entries: Matrix | None,
    linear: Vector | None,
    missing: float,
    smallest: float,
) -> FeasibleDual:
    """Raise the eigenvalues of the slack per sample by `missing`, before mixing if by mixing."""
    raised = relaxation.control.raised(multipliers, missing, relaxation.cells)
    if raised is None:
        least = float((multipliers / relaxation.cells.mass).min())
        kept = least / (missing + least)
        minorant = minorant.mixed(kept)
        entries = None if entries is None else kept * entries
        linear = None if linear is None else kept * linear
    else:
        multipliers = raised
    slack, sizes = _slack_and_sizes(relaxation, minorant, multipliers, entries, linear)
    blocks, margin = _blocks_and_margin(relaxation, minorant, multipliers, slack, sizes)
    is_proved = is_positive_definite(blocks.shared, -margin) and (blocks.split >= margin).all()
    proved = bool(is_proved)
    return FeasibleDual(minorant, multipliers, slack, sizes, smallest, proved, entries, linear)


def _slack_and_sizes(
    relaxation: Program,
    minorant: Minorant,
    multipliers: Vector,
    entries: Matrix | None,
    linear: Vector | None,
) -> tuple[CellGram, CellGram]:
    """Return S, and entry by entry the sum of the sizes of what it sums."""
    slope, sizes = minorant.coefficients, minorant.sizes
    bound = 0.0 if entries is None else entries
    own, pair = slope.own + multipliers, slope.pair - bound
    own_size, pair_size = sizes.own + np.abs(multipliers), sizes.pair + bound
    if linear is not None and relaxation.linear is not None:
        added, size = relaxation.linear.coefficients(linear), relaxation.linear.sizes_of(linear)
        own, pair = own + added.own, pair + added.pair
        own_size, pair_size = own_size + size.own, pair_size + size.pair
    return CellGram(own, pair), CellGram(own_size, pair_size)


def _blocks_and_margin(
    relaxation: Program, minorant: Minorant, multipliers: Vector, slack: CellGram, sizes: CellGram
) -> tuple[Blocks, float]:
    """Return the slack per sample, and how far rounding can have moved its eigenvalues."""
    margin = rounding_of_eigenvalues(slack_blocks(relaxation.cells, sizes).shared)
    spread = minorant.spread
    if spread is not None:
        spread = spread + multipliers
    return slack_blocks(relaxation.cells, slack, spread), margin


def stationary_multipliers(
    relaxation: Program, slope: CellGram, linear: Vector | None, gram: CellGram
) -> Vector:
    """Return the control's multipliers that make the Lagrangian stationary along a Gram matrix.

    `slope` is the gradient of the loss, `linear` are multipliers of linear constraints.
    """
    if linear is not None and relaxation.linear is not None:
        slope = slope.plus(relaxation.linear.coefficients(linear))
    along = products_by_cell(slope, gram)
    return relaxation.control.multipliers(along, gram.own, relaxation.cells)


def products_by_cell(slack: CellGram, gram: CellGram) -> Vector:
    """Return ⟨S, G⟩ cell by cell, shape (m,)."""
    return np.asarray(slack.own * gram.own + (slack.pair * gram.pair).sum(axis=1))
