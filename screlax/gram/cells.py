"""Cells: groups of interchangeable points, on which matrices and losses are written down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..types import Vector


@dataclass(frozen=True, eq=False)
class Cells:
    """What the rows and columns of a cell matrix stand for.

    Attributes
    ----------
    points : ndarray, shape (m,)
        κ_g, how many points (samples, or class means) cell g has.
    samples_each : ndarray, shape (m,)
        How many samples each of its points stands for.
    """

    points: Vector
    samples_each: Vector

    def __len__(self) -> int:
        """Return the number of cells m."""
        return len(self.points)

    @cached_property
    def mass(self) -> Vector:
        """How many samples each cell has, shape (m,); tr G = Σ_g mass_g own_g."""
        return self.points * self.samples_each

    @property
    def samples(self) -> float:
        """Number of samples n."""
        return float(self.mass.sum())
