"""Roots of the slack-vector equations: direct Newton, then continuation where that breaks down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...equations.slack_vector import SlackVectorEquations, State
from ...gram.kernels import Array
from ...problem.constraints.norms import Ridge
from .newton import NewtonResult, alike_state, initial_state, newton

_MAX_CONTINUATION_STEPS = 60
_MAX_CLOSING = 20
_FIRST_STRIDE = 2.0


def solve_slack_vector(equations: SlackVectorEquations) -> NewtonResult:
    """Find a root for every parameter of the batch; `converged` says where there is one."""
    result = newton(equations, initial_state(equations))
    if result.converged.all():
        return result
    state, converged, steps = result.state, result.converged.copy(), result.steps
    for index in np.flatnonzero(np.logical_not(converged)).tolist():
        single = equations.at(equations.parameters[index : index + 1])
        again = _again(single)
        steps += again.steps
        if again.converged[0]:
            converged[index] = True
            for whole, part in zip(_arrays(state), _arrays(again.state), strict=True):
                whole[index] = part[0]
    return NewtonResult(state, converged, steps)


def _again(equations: SlackVectorEquations) -> NewtonResult:
    """Try another start, then continuation, for a single parameter."""
    steps = 0
    if not equations.is_penalty and equations.copies.sum() > 2:
        alike = newton(equations, alike_state(equations))
        if alike.converged[0]:
            return alike
        steps = alike.steps
    continued = _continued(equations)
    return replace(continued, steps=continued.steps + steps)


def _arrays(state: State) -> tuple[Array, Array, Array]:
    return state.log_slack, state.log_normalizer, state.log_strength


class _Point(NamedTuple):
    """A solution on the way: the log of its λ (ridge, budget) or ρ, its state, steps so far."""

    place: float
    state: State
    steps: int


def _continued(equations: SlackVectorEquations) -> NewtonResult:
    """Approach the parameter from where G is small."""
    if equations.is_budget:
        return _down_to_trace(equations)
    target, steps = float(np.log(equations.parameters[0])), 0
    for point in _walk(equations, target):
        steps = point.steps
        if point.place == target:
            return NewtonResult(point.state, np.ones(1, dtype=bool), steps)
    return _nowhere(equations, steps)


def _down_to_trace(equations: SlackVectorEquations) -> NewtonResult:
    """Follow the ridge solutions until their trace is that of the budget, then close in on it."""
    wanted = equations.samples * equations.parameters[0]
    ridge = SlackVectorEquations(equations.sizes, equations.copies, Ridge(1.0), np.ones(1))

    def trace(point: _Point) -> float:
        state = point.state
        return float((equations.own(state, equations.moments(state))[0] @ equations.mass)[0])

    steps, inside = 0, None
    for point in _walk(ridge, -np.inf):
        steps = point.steps
        if inside is None or trace(point) < wanted:
            inside = point
            continue
        for _ in range(_MAX_CLOSING):
            place = np.interp(wanted, [trace(inside), trace(point)], [inside.place, point.place])
            guess = _on_line(ridge, inside, point, float(place))
            result = newton(equations, guess)
            steps += result.steps
            if result.converged[0]:
                return NewtonResult(result.state, result.converged, steps)
            middle = newton(ridge, guess)
            steps += middle.steps
            between = _Point(float(place), middle.state, steps)
            inside, point = (between, point) if trace(between) < wanted else (inside, between)
        break
    return _nowhere(equations, steps)


def _walk(equations: SlackVectorEquations, target: float) -> Iterator[_Point]:
    """Yield solutions from an easy one on to the target, with a stride that adapts to failures.

    Ridge goes down in log λ from λ_max, where G = 0 is the exact solution; ball and sphere go up in
    log ρ from the balanced formula. Each step starts on the line through the last two solutions:
    far out, where margins decide, they lie on one.
    """
    last = _easy_start(equations)
    before, steps = last, 0
    stride = -_FIRST_STRIDE if equations.is_penalty else target - last.place
    yield last
    for _ in range(_MAX_CONTINUATION_STEPS):
        aim = target if abs(target - last.place) <= abs(stride) else last.place + stride
        local = equations if equations.is_penalty else equations.at(np.exp([aim]))
        result = newton(local, _on_line(equations, before, last, aim), max_steps=15)
        steps += result.steps
        if not result.converged[0]:
            stride /= 4
            continue
        before, last, stride = last, _Point(aim, result.state, steps), stride * 2
        yield last
        if aim == target:
            return


def _nowhere(equations: SlackVectorEquations, steps: int) -> NewtonResult:
    return NewtonResult(initial_state(equations), np.zeros(1, dtype=bool), steps)


def _on_line(equations: SlackVectorEquations, first: _Point, second: _Point, aim: float) -> State:
    """Return the state at a log parameter on the line through two points: in log λ, or in ρ."""
    places = np.array([first.place, second.place, aim])
    if not equations.is_penalty:
        places = np.exp(places)
    share = 0.0 if first is second else (places[2] - places[1]) / (places[1] - places[0])
    parts = zip(_arrays(first.state), _arrays(second.state), strict=True)
    state = State(*(end + share * (end - begin) for begin, end in parts))
    return replace(state, log_strength=np.array([aim])) if equations.is_penalty else state


def _easy_start(equations: SlackVectorEquations) -> _Point:
    """Return an easy parameter and a state near its solution."""
    if not equations.is_penalty:
        easy = min(1e-2, float(equations.parameters[0]))
        return _Point(float(np.log(easy)), initial_state(equations.at(np.array([easy]))), 0)
    n = equations.samples
    strength = 2 * n / (n - 1)
    log_slack = np.log(equations.sizes) + 0.5 * np.log(strength / (2 * n))
    normalizer = np.full_like(log_slack, np.log(n - 1))
    place = float(np.log(strength))
    return _Point(place, State(log_slack[None, :], normalizer[None, :], np.array([place])), 0)
