"""The convex program at a level: a loss plus a control, over positive semidefinite matrices.

    minimise   loss(X) + Σ_g penalty_g own_g   over X = G/τ ⪰ 0 within the control
                                                 (and X ≥ 0 for nonnegative features)

One description serves all three levels (`screlax.problem.levels`). Positive semidefiniteness of the
points' Gram matrix splits into that of the m×m matrix √(κ_g κ_h) pair_gh + diag(δ), and δ ≥ 0 where
a cell has several points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..gram.cells import CellGram, Cells, Level
from ..optional import require_level_memory
from ..short_repr import short_repr
from ..types import Vector
from .constraints.norm_control import NormControl
from .losses.gram_loss import GramLoss
from .own_constraints.bounds import LinearBounds, linear_bounds
from .own_constraints.convex import Convex
from .own_constraints.convex_bounds import ConvexBounds, convex_bounds
from .own_constraints.linear import Linear
from .ufm import UFM


@short_repr
@dataclass(frozen=True, eq=False)
class Program:
    """The semidefinite program of a `UFM` at one level, in units where the temperature is one.

    Attributes
    ----------
    level : Level
        What a cell is.
    loss : GramLoss
        The loss at this level.
    control : Control
        Ridge(λτ), Ball(ρ/τ), Sphere(ρ/τ) or Budget(ρ/τ): the control on G/τ.
    is_nonnegative : bool
        Whether the entries of X must be at least zero as well (nonnegative features).
    linear : LinearBounds or None
        Linear constraints of the problem's own.
    convex : ConvexBounds or None
        Those that are functions of the cvxpy variable.
    """

    level: Level
    loss: GramLoss
    control: NormControl
    is_nonnegative: bool = False
    linear: LinearBounds | None = None
    convex: ConvexBounds | None = None

    @property
    def cells(self) -> Cells:
        """The cells of the level."""
        return self.loss.cells

    @property
    def size(self) -> int:
        """Number of cells m."""
        return len(self.cells)

    @cached_property
    def penalty(self) -> Vector:
        """The weight of own_g in the objective itself: (λ/2) mass_g for ridge, else zero."""
        return self.control.penalty(self.cells)

    @property
    def infimum(self) -> float:
        """A number that the objective is never below."""
        return self.loss.infimum

    def value(self, gram: CellGram) -> float:
        """Return the objective at a Gram matrix G/τ: the loss plus the penalty."""
        return self.loss.value(gram) + float(self.penalty @ gram.own)

    def gradient(self, gram: CellGram) -> CellGram:
        """Return the gradient of the objective at a Gram matrix, as `GramLoss.gradient` does."""
        return self.slack(self.loss.expand(gram), self.penalty)

    def change(self, at: Any, step: CellGram) -> float:
        """Return how much the objective changes along a small step; see `GramLoss.change`."""
        return self.loss.change(at, step) + float(self.penalty @ step.own)

    def slack(self, at: Any, multipliers: Vector) -> CellGram:
        """Return the coefficients of (own, pair) in the Lagrangian: the dual slack S in cells."""
        gradient = self.loss.gradient(at)
        return CellGram(gradient.own + multipliers, gradient.pair)


def level_size(problem: UFM, level: Level) -> int:
    """Return the number of cells of a problem at a level: n, k, k or m."""
    sizes = problem.points
    return {
        Level.SAMPLES: sizes.samples,
        Level.INSTANCES: sizes.classes,
        Level.CLASSES: sizes.classes,
        Level.ORBITS: sizes.orbits,
    }[level]


def build_program(problem: UFM, level: Level) -> Program:
    """Pose the program of a problem at a level.

    Raises
    ------
    ProblemTooLargeError
        If the level's matrices would not fit in memory; names the level to use instead.
    """
    require_level_memory(level, level_size(problem, level), problem.points.orbits)
    loss = problem.loss.at_level(problem.class_sizes, level)
    control = problem.control_at_unit_temperature
    return Program(
        level, loss, control, problem.features.are_nonnegative, *bounds_at(problem, level)
    )


def bounds_at(problem: UFM, level: Level) -> tuple[LinearBounds | None, ConvexBounds | None]:
    """Return the constraints of a problem's own at a level, linear ones and functions."""
    if not problem.constraints:
        return None, None
    linear = [one for one in problem.constraints if isinstance(one, Linear)]
    convex = [one for one in problem.constraints if isinstance(one, Convex)]
    tau, sizes = problem.temperature, problem.points
    return linear_bounds(linear, sizes, level, tau), convex_bounds(convex, sizes, level, tau)
