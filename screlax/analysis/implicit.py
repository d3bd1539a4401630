"""Derivatives of any solution with strict complementarity, by its optimality conditions.

At unit temperature the optimum G = VΛVᵀ (V an orthonormal basis of its range, V₀ of its kernel)
moves within the tangent space of matrices of its rank, dG = V A Vᵀ + V C V₀ᵀ + V₀ CᵀVᵀ. As the
parameter θ moves, dG is stationary for

    ½ ⟨dG, ∇²f dG⟩ + tr(V₀ᵀSV₀ Cᵀ Λ⁻¹ C) + ⟨∂∇L/∂θ, dG⟩,

S the dual slack, with the control's equations linearised. The second term is the curvature of the
set of matrices of that rank. In orbits G has the m×m block of the cell sums and the spreads of
cells with several classes, which move where they are positive (`screlax.gram.blocks`).

Source: Bonnans and Shapiro, Perturbation Analysis of Optimization Problems (2000), section 5.3.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..errors import InvalidInputError
from ..gram.blocks import gram_blocks, slack_blocks
from ..gram.cells import CellGram, Level
from ..gram.symmetric import flattened, symmetric
from ..problem.losses.class_rows import ClassTerms
from ..problem.losses.softmax_rows import RowWeights
from ..problem.program import Program, build_program
from ..problem.ufm import UFM
from ..proof.repair import products_by_cell
from ..types import Matrix, Vector

_STRICT = 1e-6
"""Relative size below which both of an eigenvalue and its dual count as zero."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """A solution with what its optimality conditions are made of, at unit temperature.

    Attributes
    ----------
    program : Program
        At orbit level.
    gram : CellGram
    at : Any
        The loss's expansion there.
    multipliers : ndarray, shape (m,)
        Of the control, by cell.
    slack : CellGram
    """

    program: Program
    gram: CellGram
    at: object
    multipliers: Vector
    slack: CellGram

    @property
    def bound(self) -> NDArray[np.bool_]:
        """Cells whose norm is on the bound of a ball or sphere."""
        limits = self.program.control.limits(self.program.cells)
        return np.asarray(self.gram.own > limits * (1 - _STRICT))

    @classmethod
    def of(cls, problem: UFM, gram: CellGram) -> Optimum:
        """Return the conditions at a Gram matrix at unit temperature."""
        program = build_program(problem, Level.ORBITS)
        at = program.loss.expand(gram)
        along = products_by_cell(program.loss.gradient(at), gram)
        multipliers = program.control.multipliers(along, gram.own, program.cells)
        return cls(program, gram, at, multipliers, program.slack(at, multipliers))

    def value_by_parameter(self) -> float:
        """Return the derivative of the value by the control's parameter, at unit temperature."""
        control, cells = self.program.control, self.program.cells
        price = control.penalty(cells) @ self.gram.own - self.multipliers @ control.limits(cells)
        return float(price) / control.parameter

    def value_by_sizes(self, terms: ClassTerms, slopes: ClassTerms) -> Vector:
        """Return those by the size of one class of each orbit, of a row softmax (`ClassTerms`).

        NaN for classes without anchors that have some with one sample more.
        """
        assert isinstance(self.at, RowWeights)
        rows, cells, control = self.at, self.program.cells, self.program.control
        by_own, by_pair = ratio(slopes.own, terms.own), ratio(slopes.pair, terms.pair)
        received = (cells.points * terms.anchors) @ rows.pair / cells.points
        value = slopes.anchors * row_heights(terms, cells.points, self.gram)
        value = value + terms.anchors * rows.own * by_own + by_pair * received
        if not control.fixes_norms:
            rate = float(self.multipliers.sum()) / cells.samples
            beyond = self.gram.own - (0.0 if control.is_penalty else control.parameter)
            value = value + rate * slopes.embeddings * beyond
        return np.where((terms.anchors == 0) & (slopes.anchors > 0), np.nan, value)

    def moves(self, slopes: list[CellGram], limits: Matrix) -> list[CellGram]:
        """Return the derivatives of the Gram matrix.

        Parameters
        ----------
        slopes : list of CellGram
            ∂∇L/∂θ at fixed Gram matrix and multipliers, for each parameter.
        limits : ndarray, shape (q, p)
            How the right sides of the control's q equations move with each of the p parameters.
        """
        directions = self._directions()
        equations = self._equations()
        if not directions.basis:
            zero = CellGram(np.zeros_like(self.gram.own), np.zeros_like(self.gram.pair))
            return [zero for _ in slopes]
        flat = np.stack([_flat(direction) for direction in directions.basis])
        curved = np.stack([_flat(self._curved(direction)) for direction in directions.basis])
        hessian = flat @ curved.T
        hessian = (hessian + hessian.T) / 2 + directions.curvature
        rows = equations @ flat[:, : len(self.gram.own)].T
        size, count = len(flat), len(rows)
        system = np.zeros((size + count, size + count))
        system[:size, :size], system[:size, size:], system[size:, :size] = hessian, rows.T, rows
        sides = np.vstack([-flat @ np.stack([_flat(slope) for slope in slopes]).T, limits])
        found = _solved(system, sides)[:size]
        return [_unflat(column, len(self.gram.own)) for column in (flat.T @ found).T]

    def _curved(self, direction: CellGram) -> CellGram:
        return self.program.loss.curvature(self.at, direction)

    @property
    def equations(self) -> int:
        """How many equations of the control hold with a multiplier, q."""
        return len(self._equations())

    def _equations(self) -> Matrix:
        """Return the control's equations on own that hold with a multiplier, shape (q, m)."""
        control, cells = self.program.control, self.program.cells
        if control.is_penalty:
            return np.zeros((0, len(cells)))
        if not control.fixes_norms:
            return np.asarray(cells.mass[None, :])
        return np.eye(len(cells))[self.bound]

    def _directions(self) -> _Directions:
        """Return a basis of the tangent space, and the curvature of the set of this rank."""
        cells = self.program.cells
        blocks, dual = gram_blocks(cells, self.gram), slack_blocks(cells, self.slack)
        several = np.flatnonzero(cells.points > 1)
        range_, kernel, inside = _range_and_kernel(
            blocks.shared, dual.shared, blocks.split[several], dual.split[several]
        )
        active = several[inside]
        size, turn = linalg.eigh(range_.T @ blocks.shared @ range_)
        range_ = range_ @ turn
        found, r = [], len(size)
        for first in range(r):
            for second in range(first, r):
                found.append(_outer(range_[:, first], range_[:, second]))
        count = len(found)
        for first in range(r):
            found += [_outer(range_[:, first], other) for other in kernel.T]
        mass_root = np.sqrt(cells.mass)
        moved = [_by_cells(matrix, mass_root, cells.points) for matrix in found]
        for cell in active:
            own, pair = np.zeros(len(cells)), np.zeros((len(cells), len(cells)))
            own[cell], pair[cell, cell] = 1.0, -1 / (cells.points[cell] - 1)
            moved.append(CellGram(own, pair))
        curvature = np.zeros((len(moved), len(moved)))
        if r and kernel.shape[1]:
            curved = np.kron(np.diag(1 / size), kernel.T @ dual.shared @ kernel)
            curvature[count : count + len(curved), count : count + len(curved)] = curved / 2
        return _Directions(moved, curvature)


def row_heights(terms: ClassTerms, copies: Vector, gram: CellGram) -> Vector:
    """Return log(o e^own + Σ u e^pair) − own of the rows, zero without anchors."""
    weight: Matrix = np.tile(copies * terms.pair, (len(copies), 1))
    np.fill_diagonal(weight, (copies - 1) * terms.pair)
    with np.errstate(divide="ignore"):
        logs = np.column_stack([np.log(terms.own), np.log(weight) + gram.pair - gram.own[:, None]])
    return np.where(terms.anchors > 0, np.logaddexp.reduce(logs, axis=1), 0.0)


def ratio(slope: Vector, number: Vector) -> Vector:
    """Return slope/number, zero where there is no number."""
    return np.divide(slope, number, out=np.zeros_like(number), where=number > 0)


@dataclass(frozen=True, eq=False)
class _Directions:
    """A basis of the tangent space, and the quadratic form of its curvature."""

    basis: list[CellGram]
    curvature: Matrix


def _range_and_kernel(
    gram: Matrix, slack: Matrix, split: Vector, split_slack: Vector
) -> tuple[Matrix, Matrix, NDArray[np.bool_]]:
    """Return bases of range and kernel, and which spreads are positive.

    Gram matrix and slack annihilate each other: their difference has the range of the one where it
    is positive, that of the other where it is negative, and no zeros where complementarity is
    strict.
    """
    scales = [
        max(float(linalg.eigvalsh(matrix)[-1]), float(numbers.max(initial=0.0)), 0.0) or 1.0
        for matrix, numbers in ((gram, split), (slack, split_slack))
    ]
    values, basis = linalg.eigh(gram / scales[0] - slack / scales[1])
    splits = split / scales[0] - split_slack / scales[1]
    if np.abs(np.append(values, splits)).min() < _STRICT:
        raise InvalidInputError(
            "the solution is at the edge between two regimes, or one of many: an eigenvalue of the "
            "Gram matrix and its dual are both zero, and there are no derivatives"
        )
    return basis[:, values > 0], basis[:, values < 0], splits > 0


def _outer(first: Vector, second: Vector) -> Matrix:
    product = np.outer(first, second)
    return (product + product.T) / 2


def _by_cells(shared: Matrix, root: Vector, points: Vector) -> CellGram:
    """Return the move of (own, pair) where the spreads stay and the cell sums' block moves."""
    pair = shared / np.outer(root, root)
    return CellGram(np.diagonal(pair).copy(), pair)


def _flat(gram: CellGram) -> Vector:
    """Return a symmetric matrix as numbers whose products sum to that of the matrices."""
    return np.concatenate([gram.own, flattened(gram.pair)])


def _unflat(numbers: Vector, cells: int) -> CellGram:
    return CellGram(numbers[:cells], symmetric(numbers[cells:], cells))


def _solved(system: Matrix, sides: Matrix) -> Matrix:
    """Solve the linearised conditions; equations that repeat each other are no harm."""
    scale = np.sqrt(np.abs(np.diagonal(system)))
    scale = np.where(scale > 0, scale, 1.0)
    scaled, right = system / np.outer(scale, scale), sides / scale[:, None]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", linalg.LinAlgWarning)
            found = linalg.solve(scaled, right, assume_a="sym", check_finite=False)
    except (linalg.LinAlgError, linalg.LinAlgWarning):
        values, vectors = linalg.eigh(scaled)
        large = np.abs(values) > 1e-11 * np.abs(values).max()
        part = vectors[:, large]
        found = part @ ((part.T @ right) / values[large, None])
    known = np.isfinite(right).all(axis=0)
    missing = np.abs(scaled @ found[:, known] - right[:, known])
    if missing.size and not missing.max() <= 1e-6 * max(1e-300, np.abs(right[:, known]).max()):
        raise InvalidInputError("the optimum is not unique, so that it has no derivatives")
    return np.asarray(found / scale[:, None])
