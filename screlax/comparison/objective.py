"""An objective of embeddings, with a bound on its rounding error."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..gram.cells import CellGram, Cells, Level
from ..problem.levels import lift_from_orbits
from ..problem.program import Program, build_program
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..types import Matrix, Vector

_ROUNDING = 64 * np.finfo(float).eps
"""Relative error of a height, in units of one plus the largest logit."""


@dataclass(frozen=True)
class Objective:
    """An objective above a base, the infimum or zero, and a bound on its rounding error."""

    base: float
    above: float
    rounding: float

    def less(self, other: Objective) -> float:
        """Return the difference to another one."""
        return float(self.base - other.base + (self.above - other.above))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective at embeddings that were brought within the control, and their class means.

    Attributes
    ----------
    level : {"samples", "class means"}
    reason : str
        Why this level.
    objective : Objective
    violation : float
        By how much squared norms had to change, relative to ρ.
    gram : CellGram
        Gram matrix of the class means, at unit temperature.
    squares, scatter : ndarray, shape (k,)
        Mean squared norm of the embeddings of a class, and mean squared distance from their mean,
        at unit temperature.
    """

    level: str
    reason: str
    objective: Objective
    violation: float
    gram: CellGram
    squares: Vector
    scatter: Vector

    @property
    def is_of_samples(self) -> bool:
        """Whether all embeddings were evaluated, not their class means."""
        return self.level == "samples"


def objective_of(solution: Solution) -> Objective:
    """Return the objective of the solution, of its class means where all embeddings have them."""
    problem = solution.problem
    level = Level.CLASSES if problem.loss.collapses else Level.INSTANCES
    gram = solution.point_gram.dense().scaled(1 / problem.temperature)
    lifted = lift_from_orbits(problem.points, level, gram)
    return evaluated_gram(problem, build_program(problem, level), lifted)


def evaluated_gram(problem: UFM, program: Program, unit: CellGram) -> Objective:
    """Return the objective of a Gram matrix G/τ, by its height where the loss knows it."""
    largest = problem.temperature * float(unit.own.max())
    penalty = float(program.penalty @ unit.own)
    height, spread = program.loss.height(unit)
    if math.isfinite(height):
        found = of_height(problem, height + penalty, spread, largest)
        return replace(found, rounding=found.rounding + program.loss.unit * height)
    return of_value(problem, program.loss.value(unit) + penalty, largest)


def of_value(problem: UFM, value: float, largest: float) -> Objective:
    """Bound the rounding errors of an objective, of squared norms up to `largest`."""
    size = abs(value) + problem.anchors * (1 + largest / problem.temperature)
    return Objective(0.0, float(value), _ROUNDING * float(size))


def of_height(problem: UFM, height: float, spread: float, largest: float) -> Objective:
    """Bound the rounding errors of a height: of the exponents, of the spread, of what underflows.

    `spread` is its part due to differences d within classes; each counts as d²/2 and is off by the
    rounding of the embeddings, of squared norms up to `largest`.
    """
    unit = _ROUNDING * (1 + largest / problem.temperature)
    errors = unit * height + problem.anchors * np.finfo(float).tiny
    if spread > 0:
        errors += unit * (math.sqrt(spread * problem.anchors) + unit * problem.anchors)
    return Objective(problem.infimum, height, errors)


def penalty_of(problem: UFM, trace: float) -> float:
    """Return (λ/2) tr G for ridge, else zero."""
    return problem.control.parameter / 2 * trace if problem.control.is_penalty else 0.0


def make_feasible(rows: Matrix, problem: UFM, cells: Cells) -> tuple[Matrix, float]:
    """Scale embeddings, in place, to the nearest ones in their direction that the control allows.

    Returns them, and the largest change of a squared norm (or of their mean) relative to ρ.
    """
    squares = np.einsum("ij,ij->i", rows, rows)
    violation = max(problem.embedding_control.violation(squares, cells), 0.0)
    scale = problem.embedding_control.scale(squares, cells)
    lost = np.isinf(scale)
    if lost.any():
        rows[lost, 0] = 1.0  # a zero embedding has no direction: any is feasible
        scale = problem.embedding_control.scale(np.einsum("ij,ij->i", rows, rows), cells)
    rows *= scale[:, None]
    return rows, violation
