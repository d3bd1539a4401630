"""The result of a landscape survey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problem.ufm import UFM
from ..solution.solution import Solution
from .notebook import landscape_card
from .point import LandscapePoint
from .table import landscape_table


@dataclass(frozen=True, eq=False)
class Landscape:
    """Where descent ended from many random starts in several embedding dimensions.

    Attributes
    ----------
    problem : UFM
        The problem whose embeddings were optimised.
    level : str
        "classes" (one embedding per class) or "samples" (every embedding by itself).
    seed : int
        Seed of all random starts.
    solution : Solution
        The certified optimum over all dimensions; its `lower` is what gaps are measured from.
    points : tuple of LandscapePoint
        By dimension, then by number of the start.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([6, 4, 2], screlax.Sphere(1.0))
    >>> landscape = screlax.survey_landscape(problem, dims=[3, 2], starts=2)
    >>> landscape.dims, len(landscape.points)
    ((2, 3), 4)
    >>> all(point.value >= landscape.solution.lower for point in landscape.points)
    True
    """

    problem: UFM
    level: str
    seed: int
    solution: Solution
    points: tuple[LandscapePoint, ...]

    @property
    def dims(self) -> tuple[int, ...]:
        """The embedding dimensions, in increasing order."""
        return tuple(sorted({point.dim for point in self.points}))

    def at(self, dim: int) -> tuple[LandscapePoint, ...]:
        """Return the points of one dimension, in order of their starts.

        Examples
        --------
        >>> import screlax
        >>> problem = screlax.UFM([6, 4, 2], screlax.Sphere(1.0))
        >>> landscape = screlax.survey_landscape(problem, dims=[2, 3], starts=2)
        >>> [(point.dim, point.start) for point in landscape.at(3)]
        [(3, 0), (3, 1)]
        """
        return tuple(point for point in self.points if point.dim == dim)

    def table(self, reached: float = 1e-8) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """Summarise by dimension.

        Parameters
        ----------
        reached : float, default 1e-8
            Certified relative gap up to which a start counts as having reached the optimum.

        Returns
        -------
        dict of str to ndarray, each of shape (number of dimensions,)
            - dim, starts
            - reached: fraction of the starts with a gap of at most `reached`
            - best_gap, median_gap, worst_gap: certified relative gaps
            - values: number of values that differ by more than `reached`, relatively
            - gram_distance: greatest ‖G/‖G‖ − G'/‖G'‖‖_F of two that reached the optimum; zero
              where the optimum is unique up to rotation, NaN where there are no two, or all are
              zero
            - procrustes_distance: greatest ‖H/‖H‖ − H'R/‖H'‖‖_F of two of them, R the best
              orthogonal matrix
            - global, strict_saddle, spurious, not_stationary: how many were classified so

        Examples
        --------
        >>> import screlax
        >>> problem = screlax.UFM([6, 6, 6], screlax.Ridge(0.1))
        >>> table = screlax.survey_landscape(problem, dims=[2, 3], starts=2).table()
        >>> table["dim"], table["reached"], table["global"]
        (array([2, 3]), array([1., 1.]), array([2, 2]))
        """
        return landscape_table(self.points, reached)

    def _repr_html_(self) -> str:
        return landscape_card(self)

    def __repr__(self) -> str:
        dims = ", ".join(map(str, self.dims))
        return (
            f"<Landscape of k={self.problem.classes} classes at level {self.level}, "
            f"{self.problem.description}: dim {dims}; {len(self.points)} descents>"
        )
