"""Roots of the singleton equations continued from small norms, where they are found directly.

The way is ρ on a ball or sphere, and −log ν_0 for ridge and budget (a budget's ν_0 where the trace
is reached). Each step starts on the line through the last two roots: far out, where margins decide
and the loss is at its floor in double precision, roots lie on one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...equations.singletons import SingletonEquations, SingletonState
from ...problem.constraints.norms import Ridge
from .newton import SingletonRoot, singleton_newton

_EASY = (8.0, 3.0, 1.0)
"""Places at which roots are found directly, most useful first."""

_MAX_STEPS = 60
_MAX_CLOSING = 20


class _Point(NamedTuple):
    place: float
    root: SingletonRoot


def continued(
    equations: SingletonEquations,
    direct: Callable[[SingletonEquations], SingletonRoot | None],
) -> SingletonRoot | None:
    """Return a root reached from a problem with smaller norms, or None.

    Parameters
    ----------
    equations : SingletonEquations
    direct : callable
        The optimum of an easier problem, found directly, or None.
    """
    target = _target(equations)
    for easy in _EASY:
        if target < 2 * easy:
            continue
        start = direct(_equations_at(equations, easy))
        if start is None:
            continue
        way = _walk(equations, _Point(easy, start), target)
        far = _at_trace(equations, way) if equations.is_budget else _last(way, target)
        if far is not None:
            return far
    return None


def _target(equations: SingletonEquations) -> float:
    if equations.bounded:
        return float(equations.control.parameter)
    return math.inf if equations.is_budget else -equations.given_log_strength()


def _equations_at(equations: SingletonEquations, place: float) -> SingletonEquations:
    if equations.bounded:
        return equations.under(equations.control.with_parameter(place))
    return equations.under(Ridge(2 * math.exp(-min(place, 300.0)) / equations.single_mass))


def _walk(equations: SingletonEquations, start: _Point, target: float) -> Iterator[_Point]:
    """Yield points from a start on to the target, with a stride that adapts to failures."""
    before = last = start
    stride, steps = start.place / 4, start.root.steps
    yield start
    for _ in range(_MAX_STEPS):
        aim = min(target, last.place + stride)
        local = _equations_at(equations, aim)
        found = _either_form(local, _on_line(equations, before, last, aim))
        if found is None:
            stride /= 4
            continue
        steps += found.steps
        before, last, stride = last, _Point(aim, replace(found, steps=steps)), stride * 2
        yield last
        if aim == target:
            return


def _last(way: Iterator[_Point], target: float) -> SingletonRoot | None:
    """Return the root at the target, if the way gets there."""
    return next((point.root for point in way if point.place == target), None)


def _at_trace(equations: SingletonEquations, way: Iterator[_Point]) -> SingletonRoot | None:
    """Return the root of a budget: on the way of the ridge, where the trace is as wanted."""

    def excess(point: _Point) -> float:
        with np.errstate(all="ignore"):
            return equations.last(equations.moments(point.root.state))

    below = next(way)
    if excess(below) > 0:
        return None
    above = None
    for above in way:
        if excess(above) >= 0:
            break
        below = above
    if above is None or above is below:
        return None
    for _ in range(_MAX_CLOSING):
        between = np.interp(0.0, [excess(below), excess(above)], [below.place, above.place])
        guess = _on_line(equations, below, above, float(between))
        found = _either_form(equations, guess)
        if found is not None:
            return replace(found, steps=above.root.steps + found.steps)
        middle = _either_form(_equations_at(equations, float(between)), guess)
        if middle is None:
            return None
        point = _Point(float(between), middle)
        below, above = (point, above) if excess(point) < 0 else (below, point)
    return None


def _either_form(equations: SingletonEquations, guess: SingletonState) -> SingletonRoot | None:
    """Return a root near a guess, with v or without."""
    found = singleton_newton(equations, guess)
    if not found.converged and guess.log_slack is not None:
        found = singleton_newton(equations, guess.without_slack())
    return found if found.converged else None


def _on_line(
    equations: SingletonEquations, first: _Point, second: _Point, aim: float
) -> SingletonState:
    """Return the state at a place on the line through two points."""
    start, end = first.root.state, second.root.state
    share = 0.0 if first is second else (aim - second.place) / (second.place - first.place)

    def ahead(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        return np.asarray(after + share * (after - before))

    slack = None
    if end.log_slack is not None:
        begun = end.log_slack if start.log_slack is None else start.log_slack
        slack = ahead(begun, end.log_slack)
    strength = end.log_strength + share * (end.log_strength - start.log_strength)
    return SingletonState(
        slack,
        ahead(start.log_pull, end.log_pull),
        ahead(start.log_normalizer, end.log_normalizer),
        strength if equations.bounded else -aim,
    )
