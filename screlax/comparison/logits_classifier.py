"""The classifier that is best for given class means: a convex program by itself, solved by L-BFGS.

Under a bound the length is fixed at it, under fixed norms that of every row: then what is minimised
over are directions. Whatever the descent finds is feasible, and its objective proved by evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import linalg, optimize

from ..types import Matrix, Vector
from .logits_pair import LogitPair, slack_at

_STEPS = 500
"""Evaluations of the descent."""

Placed = tuple[Matrix, Callable[[Matrix], Matrix]]
"""A classifier that the control allows, and what takes slopes by it to slopes by the variables."""


def best_classifier(pair: LogitPair) -> tuple[Matrix, Vector]:
    """Return the classifier that is best for the class means of a pair, and its bias.

    From the pair's own, or where that is zero from the means themselves.
    """
    basis = linalg.qr(pair.means.T, mode="economic")[0]  # best rows lie in the span of the means
    means = pair.means @ basis
    start = pair.weights @ basis
    if not start.any() and not pair.program.norm.is_penalty:
        start = means.copy()
    if pair.program.norm.fixes_rows:
        start[~start.any(axis=1), 0] = 1.0  # a zero has no direction: any will do
    program, shape = pair.program, start.shape
    place, penalty = _placing(pair), program.norm.amount if program.norm.is_penalty else 0.0
    size, scale = float(program.anchors.sum()), float(np.abs(start).max()) or 1.0
    small = replace(pair, means=means)

    def value_and_slope(flat: Vector) -> tuple[float, Vector]:
        variables, bias = scale * flat[: start.size].reshape(shape), flat[start.size :]
        bias = bias if program.has_bias else pair.bias
        weights, back = place(variables)
        found = small.with_classifier(weights, bias)
        slack = slack_at(program, means @ weights.T, bias)
        slope = (slack * program.slope).T @ means
        slope += penalty * program.classifier_mass[:, None] * weights
        by_bias = slack.sum(axis=0) if program.has_bias else np.empty(0)
        return found.value / size, np.concatenate([scale * back(slope).ravel(), by_bias]) / size

    first = [start.ravel() / scale, pair.bias if program.has_bias else np.empty(0)]
    options: Any = {"maxfun": _STEPS, "maxiter": _STEPS, "ftol": 0.0, "gtol": 1e-12, "maxcor": 20}
    found: Any = optimize.minimize(
        value_and_slope, np.concatenate(first), jac=True, method="L-BFGS-B", options=options
    )
    weights, _ = place(scale * found.x[: start.size].reshape(shape))
    return weights @ basis.T, found.x[start.size :] if program.has_bias else pair.bias


def _placing(pair: LogitPair) -> Callable[[Matrix], Placed]:
    """Return what takes variables to classifiers that the control allows."""
    norm, mass = pair.program.norm, pair.program.classifier_mass[:, None]
    if norm.is_penalty:
        return lambda variables: (variables, lambda slope: slope)
    if norm.fixes_rows:
        length: Any = np.sqrt(norm.amount)
        axis: Any = 1
        mass = np.ones_like(mass)
    else:
        length, axis = norm.amount / np.sqrt(pair.feature_cost), None

    def place(variables: Matrix) -> Placed:
        size = np.sqrt(np.sum(mass * variables**2, axis=axis, keepdims=True))
        unit = variables / size

        def back(slope: Matrix) -> Matrix:
            along = np.sum(slope * unit, axis=axis, keepdims=True)
            return np.asarray(length / size * (slope - along * mass * unit))

        return length * unit, back

    return place
