"""What a loss is at a level: a convex function of the cell Gram matrix X = G/τ.

Solvers, certificate and descent ask the object; a new loss returns one from `Loss.at_level`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ...errors import InvalidInputError, SolverCapabilityError
from ...gram.cells import CellGram, Cells
from ...gram.rounding import entry_sizes, summation
from ...types import Vector
from .minorant import Minorant, Tangent

if TYPE_CHECKING:
    from .expected_rows import ExpectedRows
    from .row_curvature import RowCurvature
    from .softmax_rows import SoftmaxRows


class ConicLoss(Protocol):
    """A loss as conic solvers take it, through cvxpy."""

    @property
    def objective(self) -> Any:
        """The loss per anchor, a cvxpy expression that is exact where the constraints are tight."""

    @property
    def constraints(self) -> list[Any]:
        """What its auxiliary variables satisfy."""

    def rows(self) -> Any:
        """Return the solver's dual variables of the loss, None where there are none."""


class GramLoss(ABC):
    """A convex function of a cell Gram matrix, summed over anchors.

    What is abstract is all that a new loss has to say; the rest has a general way that works for
    any convex function, and better ones for those that know more of themselves.
    """

    cells: Cells
    """What rows and columns stand for."""

    @property
    def softmax_rows(self) -> SoftmaxRows | None:
        """The loss as rows of a softmax; None where it is something else."""
        return None

    @property
    def expected_rows(self) -> ExpectedRows | None:
        """The loss as an expectation over mini-batches; None where it is something else."""
        return None

    @property
    @abstractmethod
    def anchor_count(self) -> float:
        """Number of terms of the sum: the loss divided by it is the per-anchor mean."""

    @property
    @abstractmethod
    def infimum(self) -> float:
        """A number that the loss is never below, for any Gram matrix; −inf if none is known."""

    @abstractmethod
    def value(self, gram: CellGram) -> float:
        """Return the loss, with its digits also where it is near its infimum."""

    def height(self, gram: CellGram) -> tuple[float, float]:
        """Return loss − infimum, with its digits where it is small, and a part of it.

        The part is what is due to entries that differ among the positives of a row, whose digits
        are those of the entries. Both are +inf where the infimum is −inf.
        """
        return self.value(gram) - self.infimum, 0.0

    @abstractmethod
    def expand(self, gram: CellGram) -> Any:
        """Everything that `gradient`, `curvature` and `change` share at a Gram matrix."""

    @abstractmethod
    def gradient(self, at: Any) -> CellGram:
        """Return (∂own, ∂pair), ∂pair symmetric.

        The derivative along a symmetric direction D is ∂own·D.own + Σ_gh ∂pair_gh D.pair_gh.
        """

    def gradient_by_cell(self, at: Any) -> list[CellGram]:
        """Return the part of the gradient that the anchors of each cell make; they sum to it."""
        raise InvalidInputError(f"{type(self).__name__} does not tell anchors of cells apart")

    @abstractmethod
    def curvature(self, at: Any, direction: CellGram) -> CellGram:
        """Return the Hessian applied to a direction, in the form of `gradient`."""

    def row_curvature(self, at: Any) -> RowCurvature | None:
        """Return the Hessian row by row, None where the loss is no sum of such rows.

        It is what curvature along changes that tell equal classes apart follows from.
        """
        return None

    @abstractmethod
    def change(self, at: Any, step: CellGram) -> float:
        """Return how much the loss changes along a step of entries up to about one, accurately."""

    def conic(self, own: Any, pair: Any) -> ConicLoss:
        """Return the loss of cvxpy expressions for own (m,) and pair (m, m).

        Raises
        ------
        SolverCapabilityError
            If the loss has no conic form.
        """
        raise SolverCapabilityError(
            "this loss has no form that conic solvers take; choose solver auto or burer-monteiro"
        )

    def minorant(self, gram: CellGram, at: Any, rows: Any = None) -> Minorant | None:
        """Return an affine lower bound on the loss, made for a Gram matrix.

        Parameters
        ----------
        gram : CellGram
        at : Any
            Its expansion.
        rows : Any, optional
            Dual variables of the loss, from a solver or a file; by default those at `gram`. None is
            returned where they are of no use.
        """
        if rows is not None:
            return None
        return Tangent(self, gram, self.gradient(at), self.value(gram), self.unit_at(at))

    def spread(self, at: Any) -> Vector | None:
        """Return the slope along within-class spread, which a level of class means leaves out.

        Per cell, in the units of `gradient`, +inf where a class has no two points that could
        differ; the cell's multiplier is added to it. None where the embeddings of a class coincide
        at every optimum, or are points of the level.
        """
        return None

    def rows_to_gram(self, rows: Any) -> CellGram:
        """Return dual variables as a matrix that goes up and down the levels like a Gram matrix."""
        raise InvalidInputError(f"{type(self).__name__} has no dual variables of its own")

    def rows_from_gram(self, matrix: CellGram) -> Any:
        """Return the dual variables that `rows_to_gram` turned into a matrix."""
        raise InvalidInputError(f"{type(self).__name__} has no dual variables of its own")

    @property
    def unit(self) -> float:
        """Largest relative error of the sums that values and gradients are."""
        return summation(len(self.cells))

    def unit_at(self, at: Any) -> float:
        """Return the same at an expansion, where more is known."""
        return self.unit

    def rounding(self, gram: CellGram, at: Any, value: float, shift: float) -> float:
        """Return how far a value is at most from the loss at a feasible matrix, exactly.

        Parameters
        ----------
        gram : CellGram
        at : Any
            Its expansion.
        value : float
            The loss as computed.
        shift : float
            By how much entries of `gram`, relative to the largest in their rows, are at most off
            from a feasible matrix.
        """
        unit, slope, size = self.unit_at(at), self.gradient(at), entry_sizes(gram)
        moved = (np.abs(slope.own) + np.abs(slope.pair).sum(axis=1)) @ size
        return float(unit * abs(value) + (4 * unit + shift) * moved)
