"""The descent methods: L-BFGS, gradient descent, and truncated Newton."""

import math
from contextlib import suppress

import numpy as np
from scipy import optimize

from ..proof.certificate import value_and_spread
from ..solve.lifted import Lifted, LiftedPoint
from ..solve.trust_region import minimize
from ..types import Matrix
from .recorder import FLAT, Recorder

_POLISH_BELOW = 1e-6
"""Relative gradient norm at which L-BFGS hands over to Newton steps."""

_NEWTON_SHARE = 0.25
"""Share of the iterations that L-BFGS leaves to Newton steps."""

_GRADIENT_FLOOR = 1e-14
"""Relative gradient norm that no method is asked to go below."""

_AT_PRECISION = ("gradient small", "limit of double precision")
"""Reasons of `minimize` that say the same here."""

_REJECTED = 200
"""Trust-region steps that may be rejected, on top of those that count as iterations."""

_SUFFICIENT, _SHORTEST = 1e-4, 1e-12


def relative_gradient(problem: Lifted, norm: float, point: Matrix, value: float) -> float:
    """Return ‖gradient‖ ‖X‖, the first-order change for a change of size ‖X‖, by value and spread.

    Where the objective has no infimum, one unit per anchor is in the place of the spread.
    """
    objective = problem.objective
    scale = value_and_spread(value, objective.infimum)
    if not math.isfinite(objective.infimum):
        scale += objective.anchors
    return norm * float(np.linalg.norm(point)) / scale if scale > 0 else 0.0


def descend_lbfgs(problem: Lifted, point: Matrix, recorder: Recorder) -> Matrix:
    """Run L-BFGS (scipy) through the rescaling to the spheres, then Newton steps."""
    run = _FlatObjective(problem, point)
    if recorder.note(run.value, run.norm):
        return point
    reserve = math.floor(_NEWTON_SHARE * recorder.remaining)

    def after_iteration(intermediate_result: optimize.OptimizeResult) -> None:
        run.move_to(intermediate_result.x)
        stop = recorder.note(run.value, run.norm)
        close = relative_gradient(problem, run.norm, run.point, run.value) <= _POLISH_BELOW
        if stop or close or recorder.remaining <= reserve:
            raise StopIteration

    with suppress(_LostError):
        optimize.minimize(
            run,
            point.ravel(),
            jac=True,
            method="L-BFGS-B",
            callback=after_iteration,
            options={
                "maxiter": recorder.remaining,
                "maxfun": 20 * recorder.remaining,
                "maxcor": 20,
                "ftol": 0.0,
                "gtol": 0.0,
            },
        )
    recorder.confirm(problem.value(run.point))
    if not recorder.reason:
        return descend_newton(problem, run.point, recorder, is_noted=True)
    return run.point


class _LostError(ArithmeticError):
    """L-BFGS asks for a point that is NaN: squares of the gradient underflow."""


class _FlatObjective:
    """The objective per anchor as a function of a flat vector that is rescaled to the spheres."""

    def __init__(self, problem: Lifted, point: Matrix) -> None:
        self._problem, self._anchors = problem, problem.objective.anchors
        self._flat = point.ravel()
        self.point = point
        self.value, gradient = problem.value_and_gradient(point)
        self.norm = float(np.linalg.norm(gradient))

    def __call__(self, flat: Matrix) -> tuple[float, Matrix]:
        """Return value and gradient per anchor; remember them for `move_to`."""
        if not np.isfinite(flat).all():
            raise _LostError
        raw = flat.reshape(self._problem.shape)
        self.point, self._flat = self._problem.onto(raw), flat.copy()
        self.value, gradient = self._problem.value_and_gradient(self.point)
        self.norm = float(np.linalg.norm(gradient))
        chained = self._problem.through_scaling(raw, gradient)
        return self.value / self._anchors, chained.ravel() / self._anchors

    def move_to(self, flat: Matrix) -> None:
        """Make `point`, `value` and `norm` those of a flat vector."""
        if not np.array_equal(flat, self._flat):
            self(flat)


def descend_newton(
    problem: Lifted, point: Matrix, recorder: Recorder, *, is_noted: bool = False
) -> Matrix:
    """Run the trust-region Newton method with conjugate gradients; maybe the start is noted."""
    last: Matrix | None = point if is_noted else None

    def observe(at: Matrix, norm: float) -> str:
        nonlocal last
        if last is at:
            return recorder.reason
        last = at
        value = problem.value(at)
        flat = relative_gradient(problem, norm, at, value) <= _GRADIENT_FLOOR
        return recorder.note(value, norm) or (FLAT if flat else "")

    result = minimize(
        problem,
        point,
        gradient_tolerance=0.0,
        max_iterations=recorder.remaining + 1 + _REJECTED,
        observe=observe,
    )
    if not recorder.reason:
        recorder.reason = FLAT if result.reason in _AT_PRECISION else result.reason
    return result.point


def descend_gradient(problem: Lifted, point: Matrix, recorder: Recorder) -> Matrix:
    """Run gradient descent: Barzilai–Borwein steps, shortened until the value decreases.

    Barzilai and Borwein, IMA J. Numer. Anal. 8 (1988); Armijo's condition as in Nocedal and
    Wright, Numerical Optimization, section 3.1.
    """
    model = problem.local_model(point)
    gradient = problem.gradient(model)
    value, norm = problem.value(point), float(np.linalg.norm(gradient))
    length = 1.0
    while not recorder.note(value, norm):
        if relative_gradient(problem, norm, point, value) <= _GRADIENT_FLOOR:
            recorder.reason = FLAT
            break
        candidate = _shorten(problem, model, gradient, length)
        if candidate is None:
            recorder.reason = FLAT
            break
        model = problem.local_model(candidate)
        new_gradient = problem.gradient(model)
        moved, turned = candidate - point, new_gradient - gradient
        along = float(np.vdot(moved, turned))
        length = float(np.vdot(moved, moved)) / along if along > 0 else 2 * length
        point, gradient = candidate, new_gradient
        value, norm = problem.value(point), float(np.linalg.norm(gradient))
    return point


def _shorten(problem: Lifted, model: LiftedPoint, gradient: Matrix, length: float) -> Matrix | None:
    """Return the first of ever shorter steps along −gradient with enough decrease."""
    squared = float(np.vdot(gradient, gradient))
    first = length
    while length > _SHORTEST * first:
        candidate = problem.retract(model.point, -length * gradient)
        if problem.change(model, candidate) <= -_SUFFICIENT * length * squared:
            return candidate
        length /= 2
    return None
