"""The second-order form of a certified optimum, by orbit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...gram.cells import CellGram, Level
from ...gram.curve import AnyGram
from ...problem.constraints.norm_control import NormCosts
from ...problem.losses.row_curvature import RowCurvature
from ...problem.program import Program, build_program
from ...problem.ufm import UFM
from ...proof.repair import products_by_cell
from ...short_repr import short_repr
from ...types import Matrix, Vector
from .form import Form

_FIXED = 1e16
"""What the square of a change of a fixed norm costs beside the loss, where others are free."""

_NO_SLACK = 1e-12
"""Eigenvalues of the slack below this share of the largest are rounding."""


@short_repr
@dataclass(frozen=True, eq=False)
class Optimum:
    """A certified optimum by orbit, in units of τ.

    Attributes
    ----------
    problem : UFM
    program : Program
    gram : CellGram
    value, gap : float
        Its objective, and the certified gap.
    rank : int
        Of the class Gram matrix.
    multipliers : ndarray, shape (m,)
        Of the control.
    form : Form or None
        Its second-order form; None where the loss does not say its Hessian row by row.
    """

    problem: UFM
    program: Program
    gram: CellGram
    value: float
    gap: float
    rank: int
    multipliers: Vector
    form: Form | None


def optimum_of(
    problem: UFM, gram: AnyGram, value: float, gap: float, rank: int, tolerance: float
) -> Optimum:
    """Return an optimum with its second-order form; see `find_determinacy`."""
    program = build_program(problem, Level.ORBITS)
    unit = gram.scaled(1 / problem.temperature)
    spread, dense = unit.spread, unit.dense()
    at = program.loss.expand(dense)
    slope = program.loss.gradient(at)
    along = products_by_cell(slope, dense)
    multipliers = program.control.multipliers(along, dense.own, program.cells)
    rows, form = program.loss.row_curvature(at), None
    if rows is not None:
        slack = CellGram(slope.own + multipliers, slope.pair)
        costs = program.control.norm_costs(multipliers, program.cells, 0.0)
        form = _form(program, dense, spread, slack, rows, costs, rank, tolerance)
    return Optimum(problem, program, dense, value, gap, rank, multipliers, form)


def _form(
    program: Program,
    gram: CellGram,
    spread: Vector,
    coefficients: CellGram,
    rows: RowCurvature,
    costs: NormCosts,
    rank: int,
    tolerance: float,
) -> Form:
    copies, several = program.cells.points, program.cells.points > 1
    root = np.sqrt(copies)
    apart = np.where(several, spread, 0.0)
    shared = root[:, None] * gram.pair * root + np.diag(apart)
    slack, slack_apart = _slack_blocks(copies, coefficients)
    values, vectors = np.linalg.eigh(shared)
    joined = _joined(copies, apart, max(float(values[-1]), float(apart.max())), rank, tolerance)
    missing = int(copies.sum()) - rank - int((copies - 1)[joined].sum())
    sizes, kernel = _kernel_and_slack(vectors[:, : max(missing, 0)], slack)
    return Form(
        copies=copies,
        rows=rows,
        gram=gram,
        shared=shared,
        apart=np.where(joined, 0.0, np.maximum(apart, 0.0)),
        kernel=kernel,
        slack=sizes,
        slack_apart=np.where(joined, np.maximum(slack_apart, 0.0), 0.0),
        joined=joined,
        norms_are_free=costs.are_free,
        trace=costs.trace,
        trace_cost=costs.trace_cost,
        own_cost=_finite(costs.own, rows),
    )


def _finite(costs: Vector, rows: RowCurvature) -> Vector:
    """Return costs with a number for those of fixed norms, beside which all others vanish."""
    largest = max(float(rows.diagonal.max()), 1.0) * _FIXED
    return np.asarray(np.where(np.isinf(costs), largest, costs))


def _slack_blocks(copies: Vector, coefficients: CellGram) -> tuple[Matrix, Vector]:
    """Return S on normalised sums and on differences of equal classes, as `Form` has X."""
    several, root = copies > 1, np.sqrt(copies)
    own, pair = coefficients.own / copies, coefficients.pair / np.outer(copies, copies)
    others = np.where(several, copies - 1, 1.0)
    within = np.diagonal(coefficients.pair) / (copies * others)
    np.fill_diagonal(pair, np.where(several, within, own + within))
    apart = np.where(several, own - within, 0.0)
    return root[:, None] * pair * root + np.diag(apart), apart


def _joined(
    copies: Vector, apart: Vector, largest: float, rank: int, tolerance: float
) -> NDArray[np.bool_]:
    """Return the orbits whose several classes are on one point, such as those of singletons."""
    joined = (copies > 1) & (apart <= tolerance * largest)
    if int((copies - 1)[joined].sum()) > int(copies.sum()) - rank:  # the rank is known, not counted
        joined = (copies > 1) & (apart <= 0)
    return np.asarray(joined)


def _kernel_and_slack(kernel: Matrix, slack: Matrix) -> tuple[Vector, Matrix]:
    """Return the slack's eigenvalues on the kernel of X, and the kernel in its eigenvectors."""
    values, vectors = np.linalg.eigh(kernel.T @ slack @ kernel)
    order = np.argsort(values)[::-1]
    values, kernel = values[order], kernel @ vectors[:, order]
    kept = values > _NO_SLACK * max(float(values.max(initial=0.0)), 0.0)
    return values[kept], kernel
