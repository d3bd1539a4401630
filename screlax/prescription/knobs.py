"""All knobs: the temperature, and those of one number a class."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..analysis.differentiate import differentiate
from ..errors import ProblemTooLargeError
from ..gram.curve import AnyGram
from ..problem.ufm import UFM
from ..solve.solve import silent_solution
from ..types import Matrix, Vector
from .class_knobs import ClassPrototypes, ClassShares, ClassWeights
from .knob import Flat, Knob

_TEMPERATURES = 5.0
"""Factor by which the temperature may leave the given one, unless bounds are given."""

_STARTS = 5
"""Temperatures of the range to search from."""

_APART = 1e-4
"""Of central differences of optima, in logarithms."""


@dataclass(frozen=True)
class Temperature(Knob):
    """The temperature τ, and with it the control, on whose λτ or ρ/τ alone angles depend.

    Attributes
    ----------
    bounds : tuple of float, optional
        Smallest and largest temperature; by default within five times of the given one.
    """

    name: ClassVar[str] = "temperature"
    bounds: tuple[float, float] | None = None

    def why_not(self, problem: UFM) -> str | None:
        """See `Knob.why_not`."""
        return None

    def at(self, problem: UFM) -> Vector:
        """See `Knob.at`."""
        return np.log([problem.temperature])

    def limits(self, problem: UFM) -> tuple[Vector, Vector]:
        """See `Knob.limits`."""
        tau = problem.temperature
        low, high = self.bounds or (tau / _TEMPERATURES, tau * _TEMPERATURES)
        return np.log([low]), np.log([high])

    def starts(self, problem: UFM) -> list[Vector]:
        """See `Knob.starts`: the range, since the distance may have several valleys."""
        low, high = self.limits(problem)
        return list(np.linspace(low, high, _STARTS))

    def turned(self, problem: UFM, coordinates: Vector) -> UFM:
        """See `Knob.turned`."""
        return dataclasses.replace(problem, temperature=float(np.exp(coordinates[0])))

    def slopes(self, problem: UFM, gram: AnyGram, flat: Flat) -> Matrix:
        """See `Knob.slopes`."""
        try:
            moved = differentiate(problem, gram)
        except ProblemTooLargeError:  # two solutions more are cheaper than a dense system
            up, down = (
                silent_solution(self.turned(problem, self.at(problem) + step)).orbit_gram
                for step in (_APART, -_APART)
            )
            change = flat(up.own, up.pair) - flat(down.own, down.pair)
            return change[:, None] / (2 * _APART)
        column = flat(moved.own_by_temperature, moved.pair_by_temperature)
        return problem.temperature * column[:, None]


KNOBS: dict[str, Knob] = {
    knob.name: knob for knob in (ClassWeights(), ClassPrototypes(), Temperature(), ClassShares())
}
"""Every knob by name."""
