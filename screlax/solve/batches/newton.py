"""Newton's method where the dual slack has rank one, S = v vᵀ, for expected losses of batches.

Unknown are the class means' Gram matrix M and v > 0. With W_gh = a_g ∂E[log Y_g]/∂M_gh for one
class of each orbit, at unit temperature,

    ½ (W_gh + W_hg) = v_g v_h,        M_gg v_g + Σ_h M_gh v_h = 0  (over all other classes),
    ridge, budget  v_g² + Σ_h W_gh = λ r_g/2,        ball, sphere  M_gg = ρ,

budget with λ one more unknown and Σ κ r M_gg = ρ Σ κ r one more equation. A row of W changes by

    dW_gh = c_gh (dM_gh − dM_gg) − A_gh α_g,    α_g = Σ_h ψ_gh (dM_gh − dM_gg),

its Hessian a diagonal less a matrix of nearly rank one, A_gh = a_g ψ_gh: with α_g unknown, every
dM_gh is eliminated by itself, and a dense system in (d log v, dM_gg, α) remains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ...gram.cells import CellGram
from ...problem.losses.expected_rows import Expansion, ExpectedRows
from ...problem.program import Program
from ...types import Matrix, Vector

MAX_STEPS = 40
_LONGEST = 1.5
"""Largest change of a logarithm in a step."""
_CONVERGED = 1e-9
"""A step below this leaves an error of its square."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """W and its derivative at a Gram matrix, per pair of classes, each (m, m).

    Attributes
    ----------
    slope, diagonal : ndarray
        W and c.
    rank_one : list of (A, ψ)
        For each kind of batches.
    """

    slope: Matrix
    diagonal: Matrix
    rank_one: Sequence[tuple[Matrix, Matrix]]


@dataclass(frozen=True, eq=False)
class BatchState:
    """Where Newton is, or ended.

    Attributes
    ----------
    gram : CellGram
    log_slack : ndarray, shape (m,)
        log v.
    log_strength : float
        log λ of a ridge or budget.
    converged : bool
    steps : int
    """

    gram: CellGram
    log_slack: Vector
    log_strength: float
    converged: bool = False
    steps: int = 0


def solve_in_batches(relaxation: Program, gram: CellGram) -> BatchState:
    """Iterate from a Gram matrix, until steps are small or break down.

    Parameters
    ----------
    relaxation : Program
        At orbit level, of an expected loss.
    gram : CellGram
        Of class means that are linearly dependent in one way: that of the loss of all samples.
    """
    system = _System(relaxation)
    state = system.start(gram)
    if not np.isfinite(state.log_strength):
        return state
    for taken in range(1, MAX_STEPS + 1):
        with np.errstate(all="ignore"):
            moved, size = system.step(state)
        if not np.isfinite(size):
            return state
        state = BatchState(*moved, converged=size < _CONVERGED, steps=taken)
        if state.converged:
            return state
    return state


class _System:
    """The equations and their linearisation."""

    def __init__(self, relaxation: Program) -> None:
        self._loss: ExpectedRows = cast(ExpectedRows, relaxation.loss)
        self._control = relaxation.control
        self._copies = relaxation.cells.points
        self._each = relaxation.cells.samples_each
        self._others = self._copies - np.eye(len(self._copies))
        self._exist = self._others > 0
        self._fixed = self._control.fixes_norms
        self._is_budget = not (self._fixed or self._control.is_penalty)

    def start(self, gram: CellGram) -> BatchState:
        """Return v that the diagonal or the pairs of S suggest, and λ of a budget."""
        slope = self._rows(self._loss.expand(gram)).slope
        both = np.where(self._exist, (slope + slope.T) / 2, 0.0)
        total = both.sum() + 1e-300
        with np.errstate(divide="ignore"):  # a class that meets no other
            log_slack = np.log(both.sum(axis=1)) - np.log(total) / 2
        strength = self._control.parameter if self._control.is_penalty else 1.0
        if self._is_budget:
            leaving = (self._others * slope).sum(axis=1) + np.exp(2 * log_slack)
            strength = 2 * float(self._copies @ leaving) / float(self._copies @ self._each)
        with np.errstate(divide="ignore"):  # nothing is left to gain
            return BatchState(gram, log_slack, float(np.log(strength)))

    def _rows(self, at: Expansion) -> _Rows:
        """Return W and its derivative from the moments of every kind of batches."""
        m = len(self._copies)
        slope, diagonal, rank_one = np.zeros((m, m)), np.zeros((m, m)), []
        count = np.where(self._exist, self._others, 1.0)
        for kind, moments in zip(self._loss.kinds, at.moments, strict=True):
            mass = (kind.mass / self._copies[kind.orbits])[:, None]
            per_class = count[kind.orbits]
            slope[kind.orbits] += mass * moments.softmax / per_class
            diagonal[kind.orbits] += mass * (moments.softmax - moments.diagonal) / per_class
            along = np.zeros((m, m))
            along[kind.orbits] = moments.leading() / per_class
            weighted = np.zeros((m, m))
            weighted[kind.orbits] = mass * along[kind.orbits]
            rank_one.append((weighted, along))
        return _Rows(slope, diagonal, rank_one)

    def step(self, state: BatchState) -> tuple[tuple[CellGram, Vector, float], float]:
        """Return gram, log v and log λ after a step, and the size of the full step."""
        own, pair = state.gram.own, state.gram.pair
        rows = self._rows(self._loss.expand(state.gram))
        slack, strength = np.exp(state.log_slack), float(np.exp(state.log_strength))
        eliminated = _Eliminated.of(rows, slack, self._exist)
        matrix, right = self._reduced(state, rows, slack, strength, eliminated)
        found = np.linalg.solve(matrix, right)
        m = len(own)
        parts = range(2 + len(rows.rank_one))
        unknown: list[Vector] = [np.asarray(found[i * m : (i + 1) * m]) for i in parts]
        change = eliminated.change(unknown)
        away = np.where(self._exist, change - unknown[1][:, None], 0.0)
        size = float(max(np.abs(unknown[0]).max(), np.abs(away).max()))
        scale = min(1.0, _LONGEST / size) if size > 0 else 1.0
        own = own + scale * unknown[1]
        pair = np.where(self._exist, pair + scale * change, 0.0)
        np.fill_diagonal(pair, np.where(self._copies > 1, np.diagonal(pair), own))
        grown = scale * float(found[-1]) if self._is_budget else 0.0
        moved = CellGram(own, pair), state.log_slack + scale * unknown[0]
        return (*moved, state.log_strength + grown), size

    def _reduced(
        self,
        state: BatchState,
        rows: _Rows,
        slack: Vector,
        strength: float,
        eliminated: _Eliminated,
    ) -> tuple[Matrix, Vector]:
        """Return the linear system in (d log v, dM_gg, α of every kind, d log λ)."""
        own, pair = state.gram.own, np.where(self._exist, state.gram.pair, 0.0)
        m, eye = len(own), np.eye(len(own))
        kinds = len(rows.rank_one)
        blocks = [[np.zeros((m, m)) for _ in range(2 + kinds)] for _ in range(2 + kinds)]
        right = [np.zeros(m) for _ in range(2 + kinds)]
        # M v = 0
        weight = self._others * slack
        right[0] = -(own * slack + (pair * weight).sum(axis=1))
        eliminated.add(blocks[0], right[0], weight)
        blocks[0][0] += np.diag(own * slack) + pair * weight
        blocks[0][1] += np.diag(slack)
        # the control
        if self._fixed:
            blocks[1][1] += eye
        else:
            curved = self._others * rows.diagonal
            wanted = strength / 2 * self._each
            right[1] = wanted - slack**2 - (self._others * rows.slope).sum(axis=1)
            eliminated.add(blocks[1], right[1], curved)
            blocks[1][0] += np.diag(2 * slack**2)
            blocks[1][1] -= np.diag(curved.sum(axis=1))
            for place, (weighted, _) in enumerate(rows.rank_one):
                blocks[1][2 + place] -= np.diag((self._others * weighted).sum(axis=1))
        for place, (_, along) in enumerate(rows.rank_one):
            line = 2 + place
            seen = self._others * along
            eliminated.add(blocks[line], right[line], -seen)
            blocks[line][1] += np.diag(seen.sum(axis=1))
            blocks[line][line] += eye
        matrix, vector = np.block(blocks), np.concatenate(right)
        return (
            self._bordered(matrix, vector, own, strength) if self._is_budget else (matrix, vector)
        )

    def _bordered(
        self, matrix: Matrix, right: Vector, own: Vector, strength: float
    ) -> tuple[Matrix, Vector]:
        """Append d log λ, and that the trace is that of the budget."""
        m, mass = len(own), self._copies * self._each
        column, line = np.zeros((len(matrix), 1)), np.zeros((1, len(matrix) + 1))
        column[m : 2 * m, 0] = -strength / 2 * self._each
        line[0, m : 2 * m] = mass
        excess = float(mass @ own) - self._control.parameter * float(mass.sum())
        return np.vstack([np.hstack([matrix, column]), line]), np.append(right, -excess)


@dataclass(frozen=True, eq=False)
class _Eliminated:
    """Every dM_gh as a constant and multiples of the unknowns of g and of h.

    Attributes
    ----------
    constant : ndarray, shape (m, m)
    factors : list of ndarray, shape (m, m)
        P: dM_gh = constant_gh + Σ_t (P^t_gh u^t_g + P^t_hg u^t_h).
    """

    constant: Matrix
    factors: Sequence[Matrix]

    @classmethod
    def of(cls, rows: _Rows, slack: Vector, exist: NDArray[np.bool_]) -> _Eliminated:
        """Solve ½ (dW_gh + dW_hg) = v_g v_h (1 + d log v_g + d log v_h) − ½ (W_gh + W_hg)."""
        product = np.outer(slack, slack)
        middle = np.where(exist, (rows.diagonal + rows.diagonal.T) / 2, 1.0)
        inverse = np.where(exist, 1 / middle, 0.0)
        constant = (product - (rows.slope + rows.slope.T) / 2) * inverse
        halves = [rows.diagonal, *(weighted for weighted, _ in rows.rank_one)]
        return cls(constant, [product * inverse, *(half / 2 * inverse for half in halves)])

    def change(self, unknown: Sequence[Vector]) -> Matrix:
        """Return dM."""
        total = self.constant.copy()
        for factor, values in zip(self.factors, unknown, strict=True):
            part = factor * values[:, None]
            total += part + part.T
        return total

    def add(self, blocks: Sequence[Matrix], right: Vector, weight: Matrix) -> None:
        """Add Σ_h weight_gh dM_gh to the left sides of m equations."""
        right -= (weight * self.constant).sum(axis=1)
        for block, factor in zip(blocks, self.factors, strict=True):
            block += np.diag((weight * factor).sum(axis=1)) + weight * factor.T
