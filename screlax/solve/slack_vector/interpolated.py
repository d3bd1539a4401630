"""Starts for all points of a path: the slack vector interpolated between Chebyshev points."""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.chebyshev import chebfit, chebvander

from ...equations.slack_vector import SlackVectorEquations, State
from ...gram.kernels import Array
from ...types import Vector
from .newton import newton
from .start import initial_state

_REFINEMENTS = (2, 3, 4, 5)
_FEWEST_INTERPOLATED = 17


def interpolated_starts(equations: SlackVectorEquations) -> State:
    """Return starts interpolated between nested Chebyshev points.

    Each refinement of the points starts from the interpolant of the last; the path is analytic in
    its coordinate, so that a few refinements come within a Newton step of every point.
    """
    pole = _pole(equations)
    place = _coordinate(equations, equations.parameters, pole)
    low, high = float(place.min()), float(place.max())
    if len(place) < _FEWEST_INTERPOLATED or high - low < 1e-6:
        return initial_state(equations)
    middle, half = (low + high) / 2, (high - low) / 2
    known: Array | None = None  # Chebyshev coefficients of every column
    for level in _REFINEMENTS:
        points = np.cos(np.linspace(0, np.pi, 2**level + 1))
        local = equations.at(_parameter(equations, middle + half * points, pole))
        start = initial_state(local) if known is None else _at(local, known, points, pole)
        # refinements need no more than the accuracy of their own interpolant
        result = newton(local, start) if known is None else newton(local, start, max_steps=1)
        if not np.isfinite(result.state.log_normalizer).all():
            return initial_state(equations)
        columns = _columns(local, result.state, pole)
        known = np.asarray(chebfit(points, columns, 2**level), dtype=float)
    assert known is not None
    return _at(equations, known, (place - middle) / half, pole)


def _at(equations: SlackVectorEquations, coefficients: Array, points: Vector, pole: float) -> State:
    """Return the interpolated states at points of [−1, 1]."""
    return _state(equations, chebvander(points, len(coefficients) - 1) @ coefficients, pole)


def _coordinate(equations: SlackVectorEquations, parameter: Vector, pole: float) -> Vector:
    """Return the coordinate in which a path is nearly straight: ρ, or the log odds of λ.

    For a balanced profile squared norms are linear in both; plain log λ has a singularity just
    above λ_max.
    """
    is_ridge = equations.control.is_penalty
    return _log_odds(np.log(parameter), pole) if is_ridge else parameter


def _parameter(equations: SlackVectorEquations, coordinate: Vector, pole: float) -> Vector:
    is_ridge = equations.control.is_penalty
    return np.exp(_log_strength(coordinate, pole)) if is_ridge else coordinate


def _log_odds(log_strength: Vector, pole: float) -> Vector:
    """Return log λ − log(pole − λ), from log λ: λ itself underflows where ρ/τ is large."""
    return np.asarray(log_strength - np.log(pole - np.exp(log_strength)))


def _log_strength(log_odds: Vector, pole: float) -> Vector:
    return np.asarray(math.log(pole) - np.logaddexp(0.0, -log_odds))


def _pole(equations: SlackVectorEquations) -> float:
    """Return λ at which a class would vanish among others like it, above every λ of a path."""
    classes, terms = float(equations.copies.sum()), equations.terms
    balanced = 2 * classes / (classes - 1) * float((terms.anchors / terms.embeddings).max())
    largest = float(equations.parameters.max()) if equations.control.is_penalty else 0.0
    return max(balanced, (1 + 1e-6) * largest)


def _columns(equations: SlackVectorEquations, state: State, pole: float) -> Array:
    """Return a state as columns to interpolate, the multiplier of a budget by its log odds."""
    parts = [state.log_slack, state.log_normalizer]
    if equations.is_budget:
        parts.append(_log_odds(state.log_strength, pole)[:, None])
    return np.concatenate(parts, axis=1)


def _state(equations: SlackVectorEquations, columns: Array, pole: float) -> State:
    m = len(equations.copies)
    log_strength = np.log(equations.parameters)
    if equations.is_budget:
        log_strength = _log_strength(columns[:, -1], pole)
    return State(columns[:, :m], columns[:, m : 2 * m], log_strength)
