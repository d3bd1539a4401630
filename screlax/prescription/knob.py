"""What can be turned by degrees: each knob knows its coordinates, and how the optimum follows them.

Coordinates are logarithms, so that they are free, and their steps relative. The derivatives of the
optimal Gram matrix are those of the implicit function theorem (`screlax.analysis`); a knob says how
the terms of the loss, or its gradient, move with it.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..analysis.sensitivity import GramMoves
from ..gram.curve import AnyGram
from ..problem.ufm import UFM
from ..types import Matrix, Vector

Flat = Callable[[Vector, Matrix], Vector]
"""Squared norms and inner products to one vector of numbers."""


class Knob(ABC):
    """One thing that can be turned, of one or more coordinates.

    Attributes
    ----------
    name : str
        What it is asked for by.
    has_floor : bool
        Whether nothing exists below the smallest coordinates: they end no search too early.
    """

    name: ClassVar[str]
    has_floor: ClassVar[bool] = False

    @abstractmethod
    def why_not(self, problem: UFM) -> str | None:
        """Return why a problem does not have this knob, or None where it has."""

    def prepared(self, problem: UFM) -> UFM:
        """Return the same problem in the form that can be turned."""
        return problem

    @abstractmethod
    def at(self, problem: UFM) -> Vector:
        """Return the coordinates of a problem."""

    @abstractmethod
    def limits(self, problem: UFM) -> tuple[Vector, Vector]:
        """Return the smallest and largest coordinates."""

    def starts(self, problem: UFM) -> list[Vector]:
        """Return coordinates from which to search, beside those of the problem."""
        return []

    @abstractmethod
    def turned(self, problem: UFM, coordinates: Vector) -> UFM:
        """Return the problem at other coordinates, those of whole numbers rounded."""

    @abstractmethod
    def slopes(self, problem: UFM, gram: AnyGram, flat: Flat) -> Matrix:
        """Return the derivatives of the Gram matrix by the coordinates, as columns of `flat`.

        Raises
        ------
        InvalidInputError
            If the solution has none, as at the edge between two regimes.
        """


def columns_of(moves: GramMoves, count: int, flat: Flat) -> Matrix:
    """Return derivatives by so many numbers as columns of `flat`."""
    return np.column_stack([flat(moves.own[:, g], moves.pair(g)) for g in range(count)])


def with_loss(problem: UFM, **options: Any) -> UFM:
    """Return the problem with other options of its loss or sampler."""
    return dataclasses.replace(problem, loss=problem.loss.with_options(**options))
