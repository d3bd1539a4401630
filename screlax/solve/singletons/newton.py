"""Damped Newton on the singleton equations: O(m) a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...equations.linear import StructuredJacobian
from ...equations.singleton_jacobian import SingletonJacobian
from ...equations.singletons import SingletonEquations, SingletonState
from ...types import Matrix, Vector
from ..slack_vector.newton import CHORD_STEP, CONVERGED_STEP, MAX_MOVE, STALLED_STEP

MAX_STEPS = 40
_FADING = -0.7
"""Where v = 0 at the solution, every log v falls by about one a step."""
_FADING_STEPS = 2
_ENOUGH = 0.9
"""A long step is taken in full where it lowers the residual to that share."""


@dataclass(frozen=True, eq=False)
class SingletonRoot:
    """Where Newton ended.

    Attributes
    ----------
    state : SingletonState
    converged : bool
        Whether the last step was full and nothing in double precision, or stalled in rounding.
    steps : int
        Newton steps taken.
    """

    state: SingletonState
    converged: bool
    steps: int


def singleton_newton(
    equations: SingletonEquations, state: SingletonState, max_steps: int = MAX_STEPS
) -> SingletonRoot:
    """Iterate to a root; v is dropped, with its equation, once it falls step by step."""
    last, fading, derivatives = np.inf, 0, None
    with np.errstate(all="ignore"):
        for taken in range(1, max_steps + 1):
            again = derivatives is not None
            try:
                before, step, strength, derivatives = _direction(equations, state, derivatives)
            except np.linalg.LinAlgError:
                break
            size = max(float(np.abs(step).max()), abs(strength))
            if not np.isfinite(size):
                break
            further = state.moved(step, strength)
            if size > MAX_MOVE and not _residual_size(equations, further) < _ENOUGH * before:
                further = state.moved(step * MAX_MOVE / size, strength * MAX_MOVE / size)
            state = further
            stalled = size < STALLED_STEP and size > last / 2 and not again
            if size < CONVERGED_STEP or stalled:
                return SingletonRoot(state, True, taken)
            fading = fading + 1 if state.log_slack is not None and step[0].max() < _FADING else 0
            if fading >= _FADING_STEPS:
                state, last, derivatives = state.without_slack(), np.inf, None
                continue
            last = size
            if again or size >= CHORD_STEP:
                derivatives = None
    return SingletonRoot(state, False, taken)


@dataclass(frozen=True, eq=False)
class _Derivatives:
    """The Jacobian at some state, with what its border costs to eliminate."""

    inside: StructuredJacobian
    tangent: Matrix | None
    last_row: Matrix | None
    last_entry: float


def _direction(
    equations: SingletonEquations, state: SingletonState, known: _Derivatives | None
) -> tuple[float, Matrix, float, _Derivatives]:
    """Return the size of the residual, the Newton direction, that of log ν_0, and derivatives."""
    moments = equations.moments(state)
    residual = equations.residual(state, moments)
    if not np.isfinite(residual).all():
        raise np.linalg.LinAlgError
    size = float(np.linalg.norm(residual)) + abs(equations.last(moments))
    if known is None:
        known = _derivatives(SingletonJacobian(equations, state, moments))
    step = _solved(known.inside, -residual)
    if known.tangent is None or known.last_row is None:
        return size, step, 0.0, known
    missing = equations.last(moments) + float(np.vdot(known.last_row, step))
    strength = float(-missing / (known.last_entry - np.vdot(known.last_row, known.tangent)))
    return size, step - strength * known.tangent, strength, known


def _residual_size(equations: SingletonEquations, state: SingletonState) -> float:
    moments = equations.moments(state)
    return float(np.linalg.norm(equations.residual(state, moments))) + abs(equations.last(moments))


def _derivatives(jacobian: SingletonJacobian) -> _Derivatives:
    inside = jacobian.structured()
    if jacobian.is_ridge:
        return _Derivatives(inside, None, None, 1.0)
    row, entry = jacobian.last_row()
    return _Derivatives(inside, _solved(inside, jacobian.by_strength()), row, entry)


def _solved(inside: StructuredJacobian, right: Matrix) -> Vector | Matrix:
    return np.asarray(inside.solve(right[None, :, :, None])[0, :, :, 0])
