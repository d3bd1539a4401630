"""Roots of the slack-vector equations: direct Newton, then continuation where that breaks down."""

from __future__ import annotations

import numpy as np

from ...equations.kernels import Array
from ...equations.slack_vector import SlackVectorEquations, State
from ...problem.class_sizes import ClassSizes
from ...problem.constraints.norms import Control
from .newton import NewtonResult, initial_state, newton

_MAX_CONTINUATION_STEPS = 60


def equations_for(
    sizes: ClassSizes, control: Control, parameters: Array | None = None
) -> SlackVectorEquations:
    """Return the equations of a problem without singletons, at unit temperature.

    Parameters
    ----------
    sizes : ClassSizes
    control : Control
        At unit temperature.
    parameters : ndarray, shape (B,), optional
        A batch of parameters of the control, by default its own.
    """
    if parameters is None:
        parameters = np.array([control.parameter])
    return SlackVectorEquations(
        sizes.distinct.astype(float), sizes.multiplicities.astype(float), control, parameters
    )


def solve_slack_vector(equations: SlackVectorEquations) -> NewtonResult:
    """Find a root for every parameter of the batch; `converged` says where there is one."""
    result = newton(equations, initial_state(equations))
    if result.converged.all():
        return result
    state, converged, steps = result.state, result.converged.copy(), result.steps
    for index in np.flatnonzero(np.logical_not(converged)).tolist():
        single = equations.at(equations.parameters[index : index + 1])
        again = _continued(single)
        steps += again.steps
        if again.converged[0]:
            converged[index] = True
            for whole, part in zip(_arrays(state), _arrays(again.state), strict=True):
                whole[index] = part[0]
    return NewtonResult(state, converged, steps)


def _arrays(state: State) -> tuple[Array, Array, Array]:
    return state.log_slack, state.log_normalizer, state.log_strength


def _continued(equations: SlackVectorEquations) -> NewtonResult:
    """Approach the parameter from where G is small, with a stride that adapts to failures.

    Ridge starts at λ_max, where G = 0 is the exact solution, and budget from the same point with a
    small ρ; ball and sphere start at a small ρ from the balanced formula.
    """
    target = float(np.log(equations.parameters[0]))
    reached, last = _easy_start(equations)
    stride, steps = target - reached, 0
    for _ in range(_MAX_CONTINUATION_STEPS):
        aim = target if abs(target - reached) <= abs(stride) else reached + stride
        local = equations.at(np.exp([aim]))
        result = newton(local, _moved(local, last), max_steps=15)
        steps += result.steps
        if result.converged[0]:
            last, reached, stride = result.state, aim, stride * 1.5
            if aim == target:
                return NewtonResult(last, result.converged, steps)
        else:
            stride /= 4
    return NewtonResult(initial_state(equations), np.zeros(1, dtype=bool), steps)


def _easy_start(equations: SlackVectorEquations) -> tuple[float, State]:
    """Return the logarithm of an easy parameter and a state near its solution."""
    if not equations.is_penalty:
        easy = min(1e-2, float(equations.parameters[0]))
        return float(np.log(easy)), initial_state(equations.at(np.array([easy])))
    n = equations.samples
    strength = 2 * n / (n - 1)
    log_slack = np.log(equations.sizes) + 0.5 * np.log(strength / (2 * n))
    normalizer = np.full_like(log_slack, np.log(n - 1))
    state = State(log_slack[None, :], normalizer[None, :], np.log([strength]))
    if equations.is_budget:
        return float(np.log(min(1e-4, equations.parameters[0]))), state
    return float(state.log_strength[0]), state


def _moved(equations: SlackVectorEquations, state: State) -> State:
    """Return the state with the multiplier that a ridge problem fixes."""
    if not equations.control.is_penalty:
        return state
    return State(state.log_slack, state.log_normalizer, np.log(equations.parameters))
