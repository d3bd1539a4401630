"""What a loss excess leaves open of the geometry, as users read it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ...checks import whole_number
from ...errors import InvalidInputError
from ...io.notebook import TextInNotebook
from ...problem.ufm import UFM
from ...short_repr import short_repr
from .bound import LevelSetBound
from .direction import Direction
from .optimum import Optimum
from .references import DIMENSION, Reference, reference_geometries

_FARTHEST = math.sqrt(2)
"""Largest distance of two normalised positive semidefinite matrices."""

DECIDED = 0.02
"""Up to this distance a geometry is told from its neighbours in pictures and tables."""

_SINGLE, _DOUBLE = 2.0**-24, 2.0**-53
"""Roundings of float32 and float64, relative to the value."""


@short_repr
@dataclass(frozen=True, eq=False)
class Determinacy(TextInNotebook):
    """What a loss excess leaves open of the geometry; see `screlax.analysis.determinacy`.

    Attributes
    ----------
    problem : UFM
    value : float
        The optimal value.
    curvature : float
        μ ≥ 0, of the objective per squared distance of normalised class Gram matrices, that of
        `direction`; +inf where every change costs to first order already.
    curvature_lower : float
        No direction has less, by counting eigenvalues; both agree to 1e-9 unless rounding hides
        the difference.
    direction : Direction or None
        The change of the normalised Gram matrix that the objective notices least.
    optimum : Optimum
        What all of it is computed from.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0), temperature=0.2)
    >>> found = solution.determinacy()
    >>> [reference.name for reference in found.references]
    ['random in 128', 'orthogonal frame', 'simplex ETF', 'all collapsed']
    >>> print(found.direction)
    all classes, equal ones alike
    """

    problem: UFM
    value: float
    curvature: float
    curvature_lower: float
    direction: Direction | None
    optimum: Optimum = field(repr=False)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """Random features of dimension 128, frame, simplex ETF, and all classes in one point."""
        return self.references_in(DIMENSION)

    def references_in(self, dim: int) -> tuple[Reference, ...]:
        """Return the references beside embeddings of a dimension: random features have that one.

        Of the others `rank` says which dimension they take.

        Raises
        ------
        InvalidInputError
            If the dimension is no whole number of at least one.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
        >>> [(one.name, one.rank) for one in solution.determinacy().references_in(2)][:2]
        [('random in 2', 2), ('orthogonal frame', 3)]
        """
        return reference_geometries(self.optimum, whole_number(dim, "dim"))

    def distance(self, relative_excess: float) -> float:
        """Return the distance that an excess of so much of the value allows, to second order.

        +inf where that is beyond √2, the largest there is: then the geometry is undecided.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
        >>> round(solution.determinacy().distance(1e-6), 4)
        0.0072
        """
        if self.curvature == 0:
            return math.inf
        found = math.sqrt(2 * relative_excess * abs(self.value) / self.curvature)
        return found if found <= _FARTHEST else math.inf

    def relative_excess(self, distance: float) -> float:
        """Return the excess relative to the value at which the distance may be so much.

        Examples
        --------
        >>> import screlax
        >>> determinacy = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0)).determinacy()
        >>> excess = determinacy.relative_excess(0.05)
        >>> round(determinacy.distance(excess), 12)
        0.05
        """
        return self.curvature * distance**2 / (2 * abs(self.value))

    def distance_bound(self, relative_excess: float) -> float:
        """Return a distance that no Gram matrix of at most that excess is further away than.

        For every feasible class Gram matrix, not to second order; +inf where nothing is proved.
        `distance` is what it becomes for small excesses; see `screlax.analysis.determinacy.bound`.

        Raises
        ------
        InvalidInputError
            If the excess is negative or NaN, or the loss does not say its Hessian row by row.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
        >>> found = solution.determinacy()
        >>> print(f"{found.distance(1e-6):.5f} {found.distance_bound(1e-6):.5f}")
        0.00724 0.00732
        """
        if not relative_excess >= 0:
            raise InvalidInputError(f"an excess is at least zero, got {relative_excess!r}")
        if self.optimum.form is None:
            raise InvalidInputError(
                f"loss {self.problem.loss} does not say its Hessian row by row "
                "(`GramLoss.row_curvature`), without which no bound is known"
            )
        return self._level_set.distance(relative_excess * abs(self.value))

    @cached_property
    def _level_set(self) -> LevelSetBound:
        return LevelSetBound(self.optimum)

    @property
    def single_precision(self) -> float:
        """The distance that a rounding of the value in float32 allows."""
        return self.distance(_SINGLE)

    @property
    def double_precision(self) -> float:
        """The distance that a rounding of the value in float64 allows."""
        return self.distance(_DOUBLE)

    @property
    def warning(self) -> str:
        """What double or single precision does not decide, in words; empty where they do."""
        for name, distance in (
            ("double", self.double_precision),
            ("single", self.single_precision),
        ):
            if not distance < DECIDED:
                return (
                    f"{name} precision does not decide the geometry: one rounding of the loss "
                    f"allows a distance of {_in_words(distance)}"
                )
        return ""

    def record(self) -> dict[str, Any]:
        """Return the numbers as JSON holds them; None where a distance may be of any size."""
        return {
            "curvature": _finite(self.curvature),
            "curvature_lower": _finite(self.curvature_lower),
            "direction": None if self.direction is None else str(self.direction),
            "distance_at_1e-6": _finite(self.distance(1e-6)),
            "excess_at_0.05": _finite(self.relative_excess(0.05)),
            "single_precision": _finite(self.single_precision),
            "double_precision": _finite(self.double_precision),
            "warning": self.warning,
            "references": [
                {
                    "name": one.name,
                    "distance": one.distance,
                    "relative_excess": one.relative_excess,
                    "rank": one.rank,
                    "is_average": one.is_average,
                }
                for one in self.references
            ],
        }

    def __str__(self) -> str:
        """Return a table in text, and in a sentence what single precision decides."""
        lines = [
            f"{self.problem.description}, temperature {self.problem.temperature:g}",
            *self._curvature_lines(),
            *(
                f"{reference.name:17} distance {reference.distance:.4f}, "
                f"relative excess {'at most ' if reference.is_average else ''}"
                f"{reference.relative_excess:.2g}{' on average' if reference.is_average else ''}"
                for reference in self.references
            ),
        ]
        if self.warning:
            lines.append(self.warning)
        return "\n".join(lines)

    def _curvature_lines(self) -> list[str]:
        """Say how sharp the optimum is, and along what it is least so."""
        if math.isinf(self.curvature):
            return [
                "every change of the geometry costs to first order; an excess of 1e-6 of the value "
                f"allows a distance of at most {_in_words(self.distance_bound(1e-6))}"
            ]
        return [
            f"curvature {self.curvature:.3g} per squared distance of normalised Gram matrices"
            + ("" if self.direction is None else f", least along {self.direction}"),
            "an excess of 1e-6 of the value allows a distance of about "
            f"{_in_words(self.distance(1e-6))}; one of 0.05 takes an excess of "
            f"{self.relative_excess(0.05):.2g}",
        ]


def _in_words(distance: float) -> str:
    return f"{distance:.3g}" if math.isfinite(distance) else "any size"


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
