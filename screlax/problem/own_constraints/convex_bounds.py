"""Constraints that are functions of the cvxpy variable, at a level of single classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SolverCapabilityError
from ...gram.cells import CellGram, Level
from ..class_sizes import ClassSizes
from .convex import Convex

TOLERANCE = 1e-6
"""Residual up to which a constraint holds, relative to the largest squared norm (at least one)."""


@dataclass(frozen=True, eq=False)
class ConvexBounds:
    """Functions of the class Gram matrix in class order, in the units of G.

    Attributes
    ----------
    constraints : tuple of Convex
    place : ndarray of int, shape (k,)
        The cell of every class: each is one.
    temperature : float
        G is this times the Gram matrix of the cells.
    """

    constraints: tuple[Convex, ...]
    place: NDArray[np.int64]
    temperature: float

    def conic(self, pair: Any) -> list[Any]:
        """Return the constraints on a cvxpy expression of the cells at unit temperature."""
        gram = self.temperature * pair[self.place][:, self.place]
        return [made for one in self.constraints for made in one.on(gram)]

    def hold(self, gram: CellGram) -> bool:
        """Whether all constraints hold up to what solvers leave."""
        largest = self.temperature * float(gram.own.max())
        return self.violation(gram) <= TOLERANCE * max(largest, 1.0)

    def violation(self, gram: CellGram) -> float:
        """Return the largest residual at a Gram matrix of the cells, in the units of G."""
        matrix = self.temperature * gram.pair[np.ix_(self.place, self.place)]
        return max(one.violation(matrix) for one in self.constraints)


def convex_bounds(
    constraints: list[Convex], sizes: ClassSizes, level: Level, temperature: float
) -> ConvexBounds | None:
    """Return the functions at a level, None where there are none.

    Raises
    ------
    SolverCapabilityError
        At the level of samples, which a function of the class Gram matrix does not speak of.
    """
    if not constraints:
        return None
    if level not in (Level.ORBITS, Level.CLASSES):
        raise SolverCapabilityError(
            "constraints that are functions of the class Gram matrix are posed at level 'classes' "
            f"or 'orbits', not '{level}'"
        )
    place = sizes.orbit_index() if level is Level.ORBITS else np.arange(sizes.classes)
    return ConvexBounds(tuple(constraints), place, temperature)
