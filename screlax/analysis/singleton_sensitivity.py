"""How a solution with singletons moves: the implicit function theorem on `equations.singletons`.

The unknowns X move by −(∂R/∂X)^{-1} ∂R/∂θ, with the exact Jacobian in O(m) a parameter. What
depends on θ otherwise, ∂R/∂θ and the Gram matrix along the path (X + h dX, θ + h), is smooth and
explicit, and is differenced: central differences of relative step h lose h² and 1e-16/h.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..equations.singleton_jacobian import SingletonJacobian
from ..equations.singletons import SingletonEquations, SingletonState, singleton_equations
from ..gram.kernels import EXACT
from ..gram.shared_point import SingletonGram
from ..problem.losses.class_rows import ClassTerms
from ..problem.ufm import UFM
from ..proof.singletons import state_of_singleton_gram
from ..types import Matrix, Vector
from .implicit import Optimum
from .sensitivity import Sensitivity

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
    sizes = problem.class_sizes.distinct
    bare = terms.anchors == 0
    known = ~bare | ((slopes.anchors == 0) & (bare.sum() == 1))

    def by_size(orbit: int) -> _Path:
        return _by_size(moves.equations, terms, slopes, orbit, int(sizes[orbit]))

    def own_by_size() -> Matrix:
        found = np.full((len(sizes), len(sizes)), np.nan)
        paths = {int(orbit): by_size(int(orbit)) for orbit in np.flatnonzero(known)}
        for (orbit, each), step in zip(paths.items(), moves.of(list(paths.values())), strict=True):
            found[:, orbit] = tau * moves.own(each, step)
        return found

    def pair_by_size(orbit: int) -> Matrix:
        if not known[orbit]:
            return np.full((len(sizes), len(sizes)), np.nan)
        each = by_size(orbit)
        return tau * moves.gram(each, moves.of([each])[0])[1]

    unit = gram.scaled(1 / tau).dense()
    optimum = Optimum.of(problem, unit)
    power = control.temperature_power
    by_parameter, by_temperature = tau**power, power * control.parameter / tau
    value = optimum.value_by_parameter()
    return Sensitivity(
        value_by_parameter=value * by_parameter,
        value_by_temperature=value * by_temperature,
        value_by_size=optimum.value_by_sizes(terms, slopes),
        own_by_parameter=tau * own * by_parameter,
        own_by_temperature=unit.own + tau * own * by_temperature,
        pair_by_parameter=tau * pair * by_parameter,
        pair_by_temperature=unit.pair + tau * pair * by_temperature,
        find_own_by_size=own_by_size,
        pair_by_size=pair_by_size,
    )


def _by_size(
    equations: SingletonEquations, terms: ClassTerms, slopes: ClassTerms, orbit: int, size: int
) -> _Path:
    """Return the path along which all classes of an orbit grow."""

    def at(distance: float) -> SingletonEquations:
        grown = np.zeros(len(terms.anchors))
        grown[orbit] = distance
        moved = ClassTerms(
            terms.anchors + grown * slopes.anchors,
            terms.own + grown * slopes.own,
            terms.pair + grown * slopes.pair,
            terms.embeddings + grown * slopes.embeddings,
        )
        return SingletonEquations(moved, equations.all_copies, equations.control)

    return _Path(at, _STEP * size)


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
            moments = equations.moments(moved)
            grams.append(
                SingletonGram(
                    moments.own,
                    moments.centre,
                    moved.log_normalizer,
                    moved.log_slack,
                    moved.log_pull,
                    moments.product,
                    moments.corner,
                    moved.log_strength,
                    equations.all_copies,
                    equations.places,
                )
            )
        return grams

    def own(self, path: _Path, step: tuple[Matrix, float]) -> Vector:
        """Return the derivatives of the squared norms along a path, at unit temperature."""
        up, down = self._ends(path, step)
        return np.asarray((up.own - down.own) / (2 * path.step))

    def gram(self, path: _Path, step: tuple[Matrix, float]) -> tuple[Vector, Matrix]:
        """Return the derivatives of own and pair along a path, at unit temperature."""
        up, down = self._ends(path, step)
        return (up.own - down.own) / (2 * path.step), (up.pair - down.pair) / (2 * path.step)
