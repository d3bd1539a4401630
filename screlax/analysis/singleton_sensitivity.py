"""How a solution with singletons moves: the implicit function theorem on `equations.singletons`.

The unknowns X move by −(∂R/∂X)^{-1} ∂R/∂θ, with the exact Jacobian in O(m) a parameter. What
depends on θ otherwise, ∂R/∂θ and the Gram matrix along the path (X + h dX, θ + h), is smooth and
explicit, and is differenced: central differences of relative step h lose h² and 1e-16/h.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..equations.singleton_jacobian import SingletonJacobian
from ..equations.singletons import SingletonEquations, SingletonState, singleton_equations
from ..gram.kernels import EXACT
from ..gram.shared_point import SingletonGram
from ..problem.losses.class_rows import ClassTerms
from ..problem.ufm import UFM
from ..proof.singletons import state_of_singleton_gram
from ..types import Matrix, Vector
from .implicit import Optimum
from .sensitivity import GramMoves, Sensitivity

_STEP = 1e-5


@dataclass(frozen=True, eq=False)
class _Path:
    """One parameter: the equations at a distance from it, and the step to difference by."""

    at: Callable[[float], SingletonEquations]
    step: float

    def state(self, state: SingletonState, distance: float) -> SingletonState:
        """Return a state with the ν_0 that a ridge gives at a distance."""
        equations = self.at(distance)
        if not equations.control.is_penalty:
            return state
        change = equations.given_log_strength() - self.at(0.0).given_log_strength()
        return state.moved(np.zeros((len(state.fields) + 1, 1)), change)


def singleton_sensitivity(problem: UFM, gram: SingletonGram) -> Sensitivity:
    """Differentiate a solution with singletons, in units of G."""
    tau, control = problem.temperature, problem.control_at_unit_temperature
    moves = _Moves(singleton_equations(problem), state_of_singleton_gram(gram))
    terms, slopes = problem.slack_terms, problem.slack_terms_by_size
    assert terms is not None
    path = _Path(
        lambda distance: moves.equations.under(
            control.with_parameter(control.parameter + distance)
        ),
        _STEP * control.parameter,
    )
    own, pair = moves.gram(path, moves.of([path])[0])
    by_size = _ByTerms(moves, terms, slopes, problem.class_sizes.distinct, tau)
    unit = gram.scaled(1 / tau).dense()
    optimum = Optimum.of(problem, unit)
    return Sensitivity.of_unit(
        *(problem, unit, optimum.value_by_parameter(), own, pair),
        value_by_size=optimum.value_by_sizes(terms, slopes),
        find_own_by_size=by_size.own,
        pair_by_size=by_size.pair,
    )


def singleton_moves(
    problem: UFM, gram: SingletonGram, slopes: ClassTerms, numbers: Vector
) -> GramMoves:
    """Differentiate a solution with singletons by a number of each orbit, in units of G.

    Parameters
    ----------
    problem : UFM
    gram : SingletonGram
    slopes : ClassTerms
        Entry h: derivatives of the terms of the classes of orbit h by the number of that orbit.
    numbers : ndarray, shape (m,)
        The numbers themselves, of which a small part is the step of differences.
    """
    moves = _Moves(singleton_equations(problem), state_of_singleton_gram(gram))
    terms = problem.slack_terms
    assert terms is not None
    found = _ByTerms(moves, terms, slopes, numbers, problem.temperature)
    return GramMoves(found.own(), found.pair)


@dataclass(frozen=True, eq=False)
class _ByTerms:
    """Derivatives by a number of each orbit that the terms of its classes depend on.

    NaN where classes without anchors get some, and where they no longer are all alike.
    """

    moves: _Moves
    terms: ClassTerms
    slopes: ClassTerms
    numbers: NDArray[Any]
    temperature: float

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        bare, still = self.terms.anchors == 0, self.slopes.are_zero
        return np.asarray(~bare | still | ((self.slopes.anchors == 0) & (bare.sum() == 1)))

    def own(self) -> Matrix:
        """Return the derivatives of the squared norms, (m, m)."""
        found = np.full((len(self.numbers), len(self.numbers)), np.nan)
        paths = {int(orbit): self._path(int(orbit)) for orbit in np.flatnonzero(self._known)}
        steps = self.moves.of(list(paths.values()))
        for (orbit, path), step in zip(paths.items(), steps, strict=True):
            found[:, orbit] = self.temperature * self.moves.own(path, step)
        return found

    def pair(self, orbit: int) -> Matrix:
        """Return those of the inner products by the number of an orbit, (m, m)."""
        if not self._known[orbit]:
            return np.full((len(self.numbers), len(self.numbers)), np.nan)
        path = self._path(orbit)
        return self.temperature * self.moves.gram(path, self.moves.of([path])[0])[1]

    def _path(self, orbit: int) -> _Path:
        """Return the path along which the number of an orbit grows."""
        equations, slopes = self.moves.equations, self.slopes

        def at(distance: float) -> SingletonEquations:
            grown = np.zeros(len(self.numbers))
            grown[orbit] = distance
            moved = self.terms.plus(slopes.times(grown))
            return SingletonEquations(moved, equations.all_copies, equations.control)

        return _Path(at, _STEP * float(self.numbers[orbit]))


class _Moves:
    """Solves the linearised equations at a state."""

    def __init__(self, equations: SingletonEquations, state: SingletonState) -> None:
        self.equations, self._state = equations, state

    @cached_property
    def _jacobian(self) -> SingletonJacobian:
        moments = self.equations.moments(self._state)
        return SingletonJacobian(self.equations, self._state, moments, EXACT)

    def of(self, paths: list[_Path]) -> list[tuple[Matrix, float]]:
        """Return the derivatives of the unknowns and of log ν_0 along each path."""
        found = [self._residual_slope(path) for path in paths]
        right = np.stack([-residual for residual, _ in found], axis=-1)
        inside = self._jacobian.structured()
        moved = inside.solve(right[None])[0]
        if self._jacobian.is_ridge:
            return [(column, 0.0) for column in np.moveaxis(moved, -1, 0)]
        tangent = inside.solve(self._jacobian.by_strength()[None, :, :, None])[0, :, :, 0]
        row, entry = self._jacobian.last_row()
        rate = entry - float(np.vdot(row, tangent))
        steps = []
        for column, (_, last) in zip(np.moveaxis(moved, -1, 0), found, strict=True):
            strength = -(last + float(np.vdot(row, column))) / rate
            steps.append((column - strength * tangent, strength))
        return steps

    def _residual_slope(self, path: _Path) -> tuple[Matrix, float]:
        """Return ∂R/∂θ at fixed unknowns, and that of (E4)."""
        ends = []
        for distance in (path.step, -path.step):
            equations, state = path.at(distance), path.state(self._state, distance)
            moments = equations.moments(state)
            ends.append((equations.residual(state, moments), equations.last(moments)))
        (up, last_up), (down, last_down) = ends
        return (up - down) / (2 * path.step), (last_up - last_down) / (2 * path.step)

    def _ends(self, path: _Path, step: tuple[Matrix, float]) -> list[SingletonGram]:
        """Return the Gram matrix on both sides of the parameter."""
        grams = []
        for distance in (path.step, -path.step):
            equations = path.at(distance)
            moved = path.state(self._state, distance).moved(distance * step[0], distance * step[1])
            at = equations.moments(moved)
            grams.append(equations.gram(moved, at.own, at.centre, at.product, at.corner))
        return grams

    def own(self, path: _Path, step: tuple[Matrix, float]) -> Vector:
        """Return the derivatives of the squared norms along a path, at unit temperature."""
        up, down = self._ends(path, step)
        return np.asarray((up.own - down.own) / (2 * path.step))

    def gram(self, path: _Path, step: tuple[Matrix, float]) -> tuple[Vector, Matrix]:
        """Return the derivatives of own and pair along a path, at unit temperature."""
        up, down = self._ends(path, step)
        return (up.own - down.own) / (2 * path.step), (up.pair - down.pair) / (2 * path.step)
