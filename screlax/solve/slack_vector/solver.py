"""Roots of the slack-vector equations: direct Newton, then continuation where that breaks down."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...equations.slack_vector import SlackVectorEquations, State
from ...gram.kernels import Array
from .newton import NewtonResult, newton
from .start import alike_state, initial_state

_MAX_CONTINUATION_STEPS = 60
_FIRST_STRIDE, _LAST_STRIDE = 1.0, 1e-4
_SHARES_OF_RADIUS = 0.25 ** np.arange(1, 13)
_EASY_STEPS = 12
_EASY_SHARES = (1.0, 1e-2, 1e-4)
"""Shares of min a/r that are tried as λ."""


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
        converged[index] = again.converged[0]
        for whole, part in zip(_arrays(state), _arrays(again.state), strict=True):
            whole[index] = part[0]
    return NewtonResult(state, converged, steps)


def _again(equations: SlackVectorEquations) -> NewtonResult:
    """Try another start, then continuation, for a single parameter."""
    steps = 0
    if not equations.is_penalty and equations.copies.sum() > 2 and equations.has_own:
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
    """Approach the parameter from where direct Newton works."""
    target, steps = float(np.log(equations.parameters[0])), 0
    start = _easy_strength(equations) if equations.control.is_penalty else _easy_radius(equations)
    if start is None:
        return _nowhere(equations, steps)
    point = start
    for point in _walk(equations, start, target):
        if point.place == target:
            return NewtonResult(point.state, np.ones(1, dtype=bool), point.steps)
    # where it ended is a better place for a descent to start than where it began
    return NewtonResult(point.state, np.zeros(1, dtype=bool), point.steps)


def _walk(equations: SlackVectorEquations, start: _Point, target: float) -> Iterator[_Point]:
    """Yield solutions from an easy one on to the target, with a stride that adapts to failures.

    Ridge goes down or up in log λ, the others go up in log ρ. Each step starts on the line through
    the last two solutions: far out, where margins decide, they lie on one.
    """
    last = before = start
    steps, stride = start.steps, math.copysign(_FIRST_STRIDE, target - start.place)
    yield last
    for _ in range(_MAX_CONTINUATION_STEPS):
        aim = target if abs(target - last.place) <= abs(stride) else last.place + stride
        is_ridge = equations.control.is_penalty
        local = equations if is_ridge else equations.at(np.exp([aim]))
        result = newton(local, _on_line(equations, before, last, aim), max_steps=15)
        steps += result.steps
        if not result.converged[0]:
            stride /= 4
            if abs(stride) < _LAST_STRIDE:
                return
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
    is_ridge = equations.control.is_penalty
    if not is_ridge:
        places = np.exp(places)
    share = 0.0 if first is second else (places[2] - places[1]) / (places[1] - places[0])
    parts = zip(_arrays(first.state), _arrays(second.state), strict=True)
    state = State(*(end + share * (end - begin) for begin, end in parts))
    return replace(state, log_strength=np.array([aim])) if is_ridge else state


def _easy_radius(equations: SlackVectorEquations) -> _Point | None:
    """Return a large ρ below the wanted one at which direct Newton works, and the solution there.

    Far below the temperature there need not be a root, where the classes carry different weights.
    """
    radii = equations.parameters * _SHARES_OF_RADIUS
    local = equations.at(radii)
    result = newton(local, initial_state(local), max_steps=_EASY_STEPS)
    if not result.converged.any():
        return None
    first = slice(index := int(np.argmax(result.converged)), index + 1)
    return _Point(math.log(radii[index]), result.state.pick(first), result.steps)


def _easy_strength(equations: SlackVectorEquations) -> _Point | None:
    """Return a λ at which direct Newton works and the solution there; None where there is none.

    Every root is an optimum where λ r ≤ 2a for all classes and o ≤ u.
    """
    steps, strength = 0, float((equations.anchors / equations.embeddings).min())
    for share in _EASY_SHARES:
        local = equations.at(np.array([share * strength]))
        result = newton(local, initial_state(local))
        steps += result.steps
        if result.converged[0]:
            return _Point(math.log(share * strength), result.state, steps)
    return None
