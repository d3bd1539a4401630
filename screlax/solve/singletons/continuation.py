"""Roots of the singleton equations continued from small norms, where a descent sees the geometry.

The way is ρ on a ball or sphere, and −log λ for ridge and budget (a budget's λ where the trace is
reached). Each step starts on the line through the last two roots: far out, where margins decide
and the loss is at its floor in double precision, roots lie on one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...equations.singletons import SingletonEquations
from ...problem.class_sizes import ClassSizes
from ...problem.constraints.norms import Control, Ridge
from ...problem.program import Program
from ...proof.dense import certify
from ...types import Vector
from .newton import Root, newton_root

_EASY = (8.0, 3.0, 1.0)
"""Places at which a descent finds the geometry, most useful first."""

_MAX_STEPS = 60
_MAX_CLOSING = 20
_PROVED = 1e-9


class _Point(NamedTuple):
    place: float
    root: Root


def continued(
    sizes: ClassSizes, relaxation: Program, roots: Callable[[Program], Iterator[Root]]
) -> Root | None:
    """Return a root reached from a problem with smaller norms, or None.

    Parameters
    ----------
    sizes : ClassSizes
        With singletons.
    relaxation : Program
        The problem at orbit level.
    roots : callable
        Roots of an easier problem, found directly.
    """
    control = relaxation.control
    is_budget = not (control.fixes_norms or control.is_penalty)
    target = _target(control)
    for easy in _EASY:
        if target < 2 * easy:
            continue
        easier = control.with_parameter(easy) if control.fixes_norms else Ridge(math.exp(-easy))
        there = replace(relaxation, control=easier)
        start = next((root for root in roots(there) if _proves(there, root)), None)
        if start is None:
            continue
        way = _walk(sizes, control, _Point(easy, start), target)
        far = _at_trace(sizes, control, way) if is_budget else _last(way, target)
        if far is not None:
            return far
    return None


def _proves(relaxation: Program, root: Root) -> bool:
    return root.gram.is_finite() and certify(relaxation, root.gram).certificate.proves(_PROVED)


def _target(control: Control) -> float:
    if control.fixes_norms:
        return float(control.parameter)
    return -math.log(control.parameter) if control.is_penalty else math.inf


def _equations_at(sizes: ClassSizes, control: Control, place: float) -> SingletonEquations:
    if control.fixes_norms:
        return SingletonEquations(sizes, control.with_parameter(place))
    return SingletonEquations(sizes, Ridge(1.0), -place - math.log(2))


def _walk(sizes: ClassSizes, control: Control, start: _Point, target: float) -> Iterator[_Point]:
    """Yield points from a start on to the target, with a stride that adapts to failures."""
    before = last = start
    stride, steps = start.place / 4, start.root.steps
    yield start
    for _ in range(_MAX_STEPS):
        aim = min(target, last.place + stride)
        equations = _equations_at(sizes, control, aim)
        found = _either_form(equations, _on_line(before, last, aim), last.root.unknown)
        if found is None:
            stride /= 4
            continue
        steps += found.steps
        before, last, stride = last, _Point(aim, found._replace(steps=steps)), stride * 2
        yield last
        if aim == target:
            return


def _last(way: Iterator[_Point], target: float) -> Root | None:
    """Return the root at the target, if the way gets there."""
    return next((point.root for point in way if point.place == target), None)


def _at_trace(sizes: ClassSizes, control: Control, way: Iterator[_Point]) -> Root | None:
    """Return the root of a budget: on the way of the ridge, where the trace is nρ."""
    equations = SingletonEquations(sizes, control)

    def excess(point: _Point) -> float:
        with np.errstate(all="ignore"):
            terms = equations.terms(point.root.unknown)
            return float(equations.residual(terms)[-1])

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
        guess, known = _on_line(below, above, float(between)), above.root.unknown
        found = _either_form(equations, guess, known)
        if found is not None:
            return found._replace(steps=above.root.steps + found.steps)
        middle = _either_form(_equations_at(sizes, control, float(between)), guess, known)
        if middle is None:
            return None
        point = _Point(float(between), middle)
        below, above = (point, above) if excess(point) < 0 else (below, point)
    return None


def _either_form(equations: SingletonEquations, guess: Vector, known: Vector) -> Root | None:
    """Return a root near a guess, in the form of a known one or else in the other."""
    has_slack = bool(np.isfinite(known[0]))
    start = np.where(np.isfinite(guess), guess, known)
    with np.errstate(all="ignore"):
        found = newton_root(equations, start, has_slack)
        return newton_root(equations, start, not has_slack) if found is None else found


def _on_line(first: _Point, second: _Point, aim: float) -> Vector:
    """Return the unknowns at a place on the line through two points."""
    if first is second:
        return second.root.unknown
    share = (aim - second.place) / (second.place - first.place)
    with np.errstate(invalid="ignore"):  # −inf where v has vanished
        return second.root.unknown + share * (second.root.unknown - first.root.unknown)
