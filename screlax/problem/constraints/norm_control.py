"""Controls of embeddings alone: one number that bounds or penalises their squared norms.

In cells (`screlax.gram.cells.Cells`) at unit temperature, own_g is the squared norm of every point
of cell g and the Lagrangian is loss + Σ_g y_g own_g − price(y), y the multipliers per cell.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from ...gram.cells import Cells
from ...gram.manifold import Manifold
from ...types import Vector
from .base import Control


class SeparateClasses(Protocol):
    """The loss of orthogonal classes, see `screlax.equations.orthogonal`."""

    def norms_at(self, multipliers: Vector) -> Vector:
        """Return the squared norms that minimise the Lagrangian at multipliers per cell."""

    def norms_of_mean(self, mean: float) -> Vector:
        """Return the best squared norms of that mean over all embeddings."""


@dataclass(frozen=True, eq=False)
class NormCosts:
    """What changes of squared norms cost at a bound, beside the loss.

    Attributes
    ----------
    are_free : bool
        Whether norms may change at all.
    own : ndarray, shape (m,)
        What the square of a change of all norms of a cell costs; +inf where they are fixed.
    trace : ndarray, shape (m,), or None
        Weights of the changes of norms whose sum costs `trace_cost` times its square, or has to be
        zero where that is None.
    trace_cost : float or None
    limits : ndarray, shape (m,), or None
        The largest squared norms that are feasible, where there are such.
    """

    are_free: bool
    own: Vector
    trace: Vector | None = None
    trace_cost: float | None = None
    limits: Vector | None = None


@dataclass(frozen=True)
class NormControl(Control):
    """A control of embeddings: one number that bounds or penalises their norms."""

    def of_embeddings(self) -> NormControl:
        """Return itself."""
        return self

    def beside(self, weight: float) -> Self:
        """Return the control C of some samples, so that w (loss + C) is w loss + this one.

        Raises
        ------
        InvalidInputError
            If it is one of all samples together.
        """
        return self

    def penalty(self, cells: Cells) -> Vector:
        """Return the weight of own_g in the objective itself, shape (m,); zero for bounds."""
        return np.zeros(len(cells))

    @abstractmethod
    def limits(self, cells: Cells) -> Vector:
        """Return what multipliers are paid for, shape (m,): price = Σ_g y_g limits_g."""

    @abstractmethod
    def violation(self, squares: Vector, cells: Cells) -> float:
        """Return by how much squared norms exceed the bound, relative to it; ≤ 0 within."""

    @abstractmethod
    def scale(self, squares: Vector, cells: Cells) -> Vector:
        """Return what to multiply each embedding by so that the control holds, shape (m,).

        Directions and dimension are kept; +inf where an embedding is zero and no scale helps.

        Parameters
        ----------
        squares : ndarray, shape (m,)
            ‖h_g‖² of the points of every cell.
        cells : Cells
        """

    @abstractmethod
    def brought_within(self, own: Vector, cells: Cells) -> tuple[Vector, Vector] | None:
        """Return row scales and the squared norms after, or None where the bound holds.

        Up to rounding; on a sphere, rows far inside keep their scale: the difference is made up by
        a direction of their own, since scaling them up would scale up their rounding.
        """

    @abstractmethod
    def multipliers(
        self, along: Vector, own: Vector, cells: Cells, given: Vector | None = None
    ) -> Vector:
        """Return dual multipliers of the right shape and sign, shape (m,).

        Parameters
        ----------
        along : ndarray, shape (m,)
            ⟨S, G⟩ cell by cell, S the slack without multipliers: those that make the Lagrangian
            stationary along each row of G cancel it.
        own : ndarray, shape (m,)
            Squared norms.
        cells : Cells
        given : ndarray, shape (m,), optional
            A solver's own, to be used instead where they can be.
        """

    def raised(self, multipliers: Vector, missing: float, cells: Cells) -> Vector | None:
        """Return multipliers that lift the slack's eigenvalues per sample by `missing`.

        None where they cannot be raised, as those of a penalty: then the loss's minorant is mixed
        with its infimum instead, which scales its share of the slack down.
        """
        return multipliers + missing * cells.mass

    def price(self, multipliers: Vector, cells: Cells) -> float:
        """Return what the multipliers cost in the lower bound."""
        return float(multipliers @ self.limits(cells))

    def slackness(self, multipliers: Vector, own: Vector, cells: Cells) -> tuple[float, float]:
        """Return Σ_g y_g (limits_g − own_g), ≥ 0, and the sum of the sizes of its terms."""
        limits = self.limits(cells)
        sizes = np.abs(multipliers) @ (np.abs(limits) + np.abs(own))
        return float(multipliers @ (limits - own)), float(sizes)

    def norm_costs(self, multipliers: Vector, cells: Cells, reach: float) -> NormCosts:
        """Return twice what changes of squared norms cost at least, by their squares.

        Parameters
        ----------
        multipliers : ndarray, shape (m,)
        cells : Cells
        reach : float
            The largest Frobenius norm of a change of the points' Gram matrix; zero for changes that
            are tangent to the bound.
        """
        return NormCosts(True, np.zeros(len(cells)))

    def orthogonal_norms(self, classes: SeparateClasses, cells: Cells) -> Vector | None:
        """Return the best squared norms of orthogonal classes, shape (m,), None if unknown.

        Only at level "orbits"; the loss falls as any of them grows, and nothing couples them but
        the control.
        """
        return None

    @abstractmethod
    def manifold(self, cells: Cells) -> Manifold:
        """Return where X = (N/τ)^{1/2} H lies at unit temperature, N the mass of each row."""

    @abstractmethod
    def conic(self, own: Any, cells: Cells) -> list[Any]:
        """Return the bounds as cvxpy constraints on the squared norms, at unit temperature."""

    def conic_dual(self, cells: Cells) -> tuple[Any, Any] | None:
        """Return multipliers per cell as numbers or cvxpy variables, and their price.

        Of the dual program; a penalty is given and has no price. None where nobody said them.
        """
        return None

    def conic_multipliers(self, values: list[Any], cells: Cells) -> Vector | None:
        """Return multipliers per cell from those of the constraints of `conic`, None if unknown."""
        if not values or values[0] is None:
            return None
        return np.asarray(values[0], dtype=float)
