"""Turning knobs until the certified optimum is as near to a target as it gets: Levenberg–Marquardt.

The distance is the length of r(x) = G/‖G‖ − T/‖T‖, over k×k entries; with J = ∂r/∂x by the
implicit function theorem a step solves (JᵀJ + μ) s = −Jᵀr, shortened by a larger μ until the
certified optimum there really is nearer. Coordinates at a limit that would leave it are held, and
those of whole numbers are rounded before the distance is measured.

Source: Nocedal and Wright, Numerical Optimization (2006), section 10.3; for J Bonnans and Shapiro,
Perturbation Analysis of Optimization Problems (2000), section 5.3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidInputError, ScrelaxError
from ..optional import require_memory
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..solve.solve import silent_solution
from ..types import Matrix, Vector
from .knob import Knob
from .target import Target

_STEPS = 60
_MOST_STARTS = 2
"""Starts that are searched from, the nearest of those there are."""

_LONGEST = 2.0
"""Largest step of a coordinate, all of which are logarithms."""

_SHORTENED = 14
"""Times that a step is shortened by a larger μ before the search ends."""

_GAIN = 1e-4
"""Relative gain of a step below which the search ends, once it has been so thrice."""

EXACT = 1e-9
"""Distance below which only rounding is left."""

_EDGE = 1e-6
"""Distance of a coordinate from its limit up to which it is there."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """Where a search ended.

    Attributes
    ----------
    solution : Solution
        The certified optimum there.
    distance : float
    at_limit : tuple of str
        Names of knobs with a coordinate at one of its limits, which are no natural end.
    stopped : str
        Why there was no further step where that is not that none is nearer; else empty.
    solves : int
        How many problems were solved.
    """

    solution: Solution
    distance: float
    at_limit: tuple[str, ...]
    stopped: str
    solves: int


class Search:
    """The knobs that are turned together, from a problem that has them all."""

    def __init__(self, knobs: Sequence[Knob], problem: UFM, target: Target) -> None:
        self.knobs, self.base, self.target = knobs, problem, target
        limits = [knob.limits(problem) for knob in knobs]
        self._low = np.concatenate([low for low, _ in limits])
        self._high = np.concatenate([high for _, high in limits])
        self._ends = np.cumsum([len(low) for low, _ in limits])[:-1]
        entries = len(target.residual(target.gram)) * len(self._low)
        require_memory(24 * entries, f"a design of {len(self._low):,} numbers")

    def at(self, problem: UFM) -> Vector:
        """Return the coordinates of a problem."""
        return np.concatenate([knob.at(problem) for knob in self.knobs])

    def starts(self) -> list[Vector]:
        """Return coordinates to begin at: where the problem is, and those of each knob."""
        here, found = self.at(self.base), [self.at(self.base)]
        for number, knob in enumerate(self.knobs):
            for start in knob.starts(self.base):
                parts = np.split(here, self._ends)
                parts[number] = start
                found.append(np.concatenate(parts))
        return found

    def best(self, starts: Sequence[Vector]) -> Tuned:
        """Search from several starts, the nearest first, until one end is exact; return the best.

        Raises
        ------
        InvalidInputError
            If there is nothing to solve at any of them.
        """
        solved = [found for start in starts if (found := self._solved(start)) is not None]
        if not solved:
            raise InvalidInputError("no problem among the starts of the search could be solved")
        solved.sort(key=lambda found: self.target.distance(found[1].orbit_gram))
        best, solves = None, 0
        for x, solution in solved[:_MOST_STARTS]:
            end = self._from(x, solution)
            solves += end.solves
            if best is None or end.distance < best.distance:
                best = end
            if best.distance <= EXACT:
                break
        assert best is not None
        return dataclasses.replace(best, solves=solves)

    def _turned(self, coordinates: Vector) -> UFM:
        problem = self.base
        for knob, part in zip(self.knobs, np.split(coordinates, self._ends), strict=True):
            problem = knob.turned(problem, part)
        return problem

    def _slopes(self, solution: Solution) -> Matrix:
        gram, problem = solution.orbit_gram, solution.problem
        if not gram.own.any():
            raise InvalidInputError("the optimum is zero, and has no direction")
        columns = [knob.slopes(problem, gram, self.target.flat) for knob in self.knobs]
        return self.target.slopes(gram, np.hstack(columns))

    def _solved(self, wanted: Vector) -> tuple[Vector, Solution] | None:
        """Return the coordinates that there are nearest to those wanted, and the optimum there."""
        try:
            problem = self._turned(np.clip(wanted, self._low, self._high))
            return self.at(problem), silent_solution(problem)
        except ScrelaxError:
            return None

    def _from(self, x: Vector, solution: Solution) -> Tuned:
        """Search from one start and the optimum there."""
        damping, slow, solves, stopped = 1e-3, 0, 1, ""
        residual = self.target.residual(solution.orbit_gram)
        distance = float(np.linalg.norm(residual))
        for _ in range(_STEPS):
            if distance <= EXACT or slow == 3:
                break
            try:
                slopes = self._slopes(solution)
            except InvalidInputError as error:
                stopped = str(error)
                break
            better, damping, tried = self._step(x, residual, slopes, damping)
            solves += tried
            if better is None:
                break
            x, solution = better
            residual = self.target.residual(solution.orbit_gram)
            before, distance = distance, float(np.linalg.norm(residual))
            slow = slow + 1 if before - distance <= _GAIN * before else 0
        return Tuned(solution, distance, self._limited(x), stopped, solves)

    def _step(
        self, x: Vector, residual: Vector, slopes: Matrix, damping: float
    ) -> tuple[tuple[Vector, Solution] | None, float, int]:
        """Return the first nearer point on the way from long to short steps, or None."""
        known = np.where(np.isfinite(slopes), slopes, 0.0)
        gradient, distance = known.T @ residual, float(np.linalg.norm(residual))
        free = ~((x <= self._low + _EDGE) & (gradient > 0))
        free &= ~((x >= self._high - _EDGE) & (gradient < 0))
        square = known[:, free].T @ known[:, free]
        scale = float(np.trace(square)) / max(1, int(free.sum()))
        if not (scale > 0 and gradient[free].any()):
            return None, damping, 0
        for tried in range(1, _SHORTENED + 1):
            step = np.zeros_like(x)
            damped = square + damping * scale * np.eye(len(square))
            step[free] = -np.linalg.solve(damped, gradient[free])
            step *= min(1.0, _LONGEST / max(float(np.abs(step).max()), 1e-300))
            found = self._solved(x + step)
            if found is not None and self.target.distance(found[1].orbit_gram) < distance:
                return found, max(damping / 5, 1e-12), tried
            damping *= 5
        return None, damping, _SHORTENED

    def _limited(self, x: Vector) -> tuple[str, ...]:
        """Return the knobs with a coordinate at one of its limits."""
        below, above = (
            np.split(there, self._ends)
            for there in (x <= self._low + _EDGE, x >= self._high - _EDGE)
        )
        parts = zip(self.knobs, below, above, strict=True)
        return tuple(
            knob.name
            for knob, low, high in parts
            if high.any() or (low.any() and not knob.has_floor)
        )
