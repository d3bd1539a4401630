"""A problem as Newton's method for expected losses of batches sees it, and where that is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ...gram.cells import CellGram, Cells
from ...problem.losses.expected_rows import ExpectedRows
from ...problem.program import Program
from ...types import Vector
from .face import Face


@dataclass(frozen=True, eq=False)
class BatchState:
    """Where Newton is, or ended.

    Attributes
    ----------
    gram : CellGram
    face : Face
        With the dual slack.
    strength : float
        λ of a ridge or budget; of no meaning else.
    converged : bool
    steps : int
    """

    gram: CellGram
    face: Face
    strength: float
    converged: bool = False
    steps: int = 0


class Setting:
    """What stays the same from step to step.

    Attributes
    ----------
    loss : ExpectedRows
    cells : Cells
    copies, each, mass, root : ndarray, shape (m,)
        Classes of an orbit, samples of each, both together, and the root of that.
    fixed, is_budget : bool
        Whether the norms are given, or their mean.
    given : float
        λ of a ridge, ρ of the others.
    limit : float
        Σ mass own of a budget.
    """

    def __init__(self, relaxation: Program) -> None:
        self.loss = cast(ExpectedRows, relaxation.loss)
        self.cells: Cells = relaxation.cells
        self.copies, self.each = self.cells.points, self.cells.samples_each
        self.mass, self.root = self.cells.mass, np.sqrt(self.cells.mass)
        control = relaxation.control
        self.fixed = control.fixes_norms
        self.is_budget = not (control.fixes_norms or control.is_penalty)
        self.given = control.parameter
        self.limit = self.given * float(self.mass.sum())

    @cached_property
    def anchored(self) -> NDArray[np.bool_]:
        """Whether classes of an orbit ever have positives."""
        mass = np.zeros(len(self.copies))
        for kind in self.loss.kinds:
            mass[kind.orbits] += kind.mass
        return mass > 0

    def gram(self, own: Vector, pair: NDArray[np.float64], together: NDArray[np.bool_]) -> CellGram:
        """Return a Gram matrix with one number where points are alone or coincide."""
        pair = (pair + pair.T) / 2
        np.fill_diagonal(pair, np.where(together | (self.copies == 1), own, np.diagonal(pair)))
        return CellGram(own, pair)
