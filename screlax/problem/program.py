"""The convex relaxation at a level: a loss plus a control, over positive semidefinite matrices.

    minimise   loss(X) + Σ_g penalty_g own_g   over X = G/τ ⪰ 0 within the control

One description serves all three levels (`screlax.problem.levels`). Positive semidefiniteness of the
points' Gram matrix splits into that of the m×m matrix √(κ_g κ_h) pair_gh + diag(δ), and δ ≥ 0 where
a cell has several points.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..gram.cells import CellGram, Cells, Level
from ..optional import require_level_memory
from ..types import Vector
from .constraints.base import Control
from .losses.row_softmax import RowSoftmax, RowWeights
from .ufm import UFM

__all__ = ["Relaxation", "RowWeights", "build_relaxation", "level_size"]


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The semidefinite relaxation of a `UFM` at one level, in units where the temperature is one.

    Attributes
    ----------
    level : Level
        What a cell is.
    control : Control
        Ridge(λτ), Ball(ρ/τ), Sphere(ρ/τ) or Budget(ρ/τ): the control on G/τ.
    row_loss : GramLoss
        The loss at this level.
    """

    level: Level
    control: Control
    row_loss: RowSoftmax

    @property
    def cells(self) -> Cells:
        """The cells of the level."""
        return self.row_loss.cells

    @property
    def anchors(self) -> Vector:
        """ω_g."""
        return self.row_loss.anchors

    @property
    def weight(self) -> RowWeights:
        """U and V."""
        return self.row_loss.weight

    @property
    def target(self) -> RowWeights:
        """T and T."""
        return self.row_loss.target

    @property
    def points(self) -> Vector:
        """κ_g, how many points cell g has."""
        return self.cells.points

    @property
    def mass(self) -> Vector:
        """How many samples cell g has; tr G = Σ_g mass_g own_g."""
        return self.cells.mass

    @property
    def size(self) -> int:
        """Number of cells m."""
        return len(self.cells)

    @property
    def samples(self) -> float:
        """Number of samples n."""
        return self.cells.samples

    @property
    def infimum(self) -> float:
        """A number that the objective is never below."""
        return self.row_loss.infimum

    def loss(self, gram: CellGram) -> float:
        """Return the loss, summed over anchors, at a Gram matrix G/τ."""
        return self.row_loss.value(gram)

    def trace(self, gram: CellGram) -> float:
        """Return the trace of the n×n Gram matrix."""
        return float(self.mass @ gram.own)

    def value(self, gram: CellGram) -> float:
        """Return the objective: the loss plus the penalty."""
        return self.loss(gram) + float(self.ridge_multipliers() @ gram.own)

    def softmax(self, gram: CellGram) -> RowWeights:
        """Return the softmax rows of the loss at a Gram matrix G/τ."""
        return self.row_loss.expand(gram)

    def gradient(self, gram: CellGram) -> CellGram:
        """Return the gradient of the objective, in the form of `GramLoss.gradient`."""
        return self.slack(self.softmax(gram), self.ridge_multipliers())

    def curvature(self, softmax: RowWeights, direction: CellGram) -> CellGram:
        """Return the Hessian of the loss applied to a direction; see `GramLoss.curvature`."""
        return self.row_loss.curvature(softmax, direction)

    def change(self, softmax: RowWeights, step: CellGram) -> float:
        """Return how much the objective changes along a small step; see `GramLoss.change`."""
        return self.row_loss.change(softmax, step) + float(self.ridge_multipliers() @ step.own)

    def ridge_multipliers(self) -> Vector:
        """Return the weight of own_g in the objective itself: (λ/2) mass_g for ridge, else zero."""
        return self.control.penalty(self.mass)

    def slack(self, rows: RowWeights, multipliers: Vector) -> CellGram:
        """Return the coefficients of (own, pair) in the Lagrangian: the dual slack S in cells."""
        gradient = self.row_loss.gradient(rows)
        return CellGram(gradient.own + multipliers, gradient.pair)


def level_size(problem: UFM, level: Level) -> int:
    """Return the number of cells of a problem at a level: n, k or m."""
    sizes = problem.class_sizes
    return {
        Level.SAMPLES: sizes.samples,
        Level.CLASSES: sizes.classes,
        Level.ORBITS: sizes.orbits,
    }[level]


def build_relaxation(problem: UFM, level: Level) -> Relaxation:
    """Pose the relaxation of a problem at a level.

    Raises
    ------
    ProblemTooLargeError
        If the level's matrices would not fit in memory; names the level to use instead.
    """
    sizes = problem.class_sizes
    require_level_memory(level, level_size(problem, level), sizes.orbits)
    loss = problem.loss.at_level(sizes, level)
    assert isinstance(loss, RowSoftmax)
    return Relaxation(level, problem.control_at_unit_temperature, loss)
