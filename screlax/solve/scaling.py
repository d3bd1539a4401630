"""Newton steps in coordinates in which the factored objective curves nearly alike.

The Hessian at X is about D ↦ S D + A D B, S the dual slack, A = diag(a) from the curvature of the
loss by pairs of cells, w_gh ≈ a_g a_h, and B = XᵀAX. With A^{-½}SA^{-½} = QσQᵀ and B = VβVᵀ it is
|σ_i| + β_j in the coordinates Z of D = A^{-½}QZVᵀ, which are divided by its root (a preconditioner
for conjugate gradients; Nocedal and Wright, Numerical Optimization, section 7.1).

Near the optimum on a sphere or ball that takes a tenth of the Hessian products. Far from it the
exponentials of the loss bend more than any such metric knows: it is for a limited number of steps,
after which plain descent goes on.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from scipy import linalg

from ..gram.blocks import slack_blocks
from ..types import Matrix
from .lifted import Lifted, LiftedPoint
from .trust_region import gain, steihaug

_STEPS, _PRODUCTS = 30, 500
_STEEPER, _FLATTER, _LEAST = 10.0, 0.1, 1e-6
"""How the floor of the scales, relative to the stiffest, moves after a bad and a good step."""


def scaled_descent(
    problem: Lifted, point: Matrix, gradient_tolerance: float, deadline: float
) -> tuple[Matrix, int]:
    """Take up to thirty scaled trust-region steps; return the point and how many there were."""
    model, floor, radius, products = problem.local_model(point), 0.1, math.inf, 0
    for step_number in range(_STEPS):
        gradient = problem.gradient(model)
        norm = float(np.linalg.norm(gradient))
        late = products > _PRODUCTS or time.perf_counter() > deadline
        if norm <= gradient_tolerance or late:
            return point, step_number
        scaled = _Scaled(problem, model, floor)
        slope = scaled.backward(gradient)
        radius = min(radius, float(np.linalg.norm(slope)))
        step, predicted, used, on_boundary = steihaug(scaled, model, slope, radius)
        products += used
        candidate = problem.retract(point, scaled.forward(step))
        found = problem.local_model(candidate)
        ratio = gain(problem, model, candidate, found, predicted, norm)
        if not ratio >= 0.25:
            radius = 0.25 * min(radius, float(np.linalg.norm(step)))
            floor = min(_STEEPER * floor, 1.0)
        elif ratio > 0.75:
            radius = 2 * radius if on_boundary else radius
            floor = max(_FLATTER * floor, _LEAST)
        if ratio > 0.05:
            point, model = candidate, found
    return point, _STEPS


class _Scaled:
    """A model of the objective in the coordinates Z; see above."""

    def __init__(self, problem: Lifted, model: LiftedPoint, floor: float) -> None:
        objective: Any = problem.objective  # a `CellObjective`
        self.problem, self.model, self.width = problem, model, objective.width
        mass, rows = problem.mass, model.point[:, : self.width]
        curvature, own = _curvature(problem, model)
        self._left = 1 / np.sqrt(curvature)
        slack = 2 * slack_blocks(objective.cells, model.objective.slack).shared
        slack = slack - np.diag(model.radial[:, 0])
        weighted = curvature[:, None] * rows
        stiff, self._right = linalg.eigh(2 * rows.T @ weighted)
        bent, self._rotation = linalg.eigh(self._left[:, None] * slack * self._left)
        scale = np.abs(bent)[:, None] + np.maximum(stiff, 0.0)
        self._scale = 1 / np.sqrt(scale + floor * max(float(stiff.max()), 1e-300))
        rest = model.point[:, self.width :]
        level = float(np.median(np.abs(np.diagonal(slack)))) + 1e-300
        along = np.abs(_on_rest(problem, model, mass)[:, : rest.shape[1]])
        bend = (own + curvature**2)[:, None] * rest**2
        self._rest = 1 / np.sqrt(along + bend + 1e-4 * level)

    def forward(self, scaled: Matrix) -> Matrix:
        """Return D of Z, tangent."""
        direction = np.empty_like(scaled)
        inner = self._rotation @ (scaled[:, : self.width] * self._scale) @ self._right.T
        direction[:, : self.width] = self._left[:, None] * inner
        direction[:, self.width :] = scaled[:, self.width :] * self._rest
        return self.problem.project(self.model.point, direction)

    def backward(self, gradient: Matrix) -> Matrix:
        """Return the gradient by Z of that by D: the adjoint of `forward`."""
        gradient = self.problem.project(self.model.point, gradient)
        scaled = np.empty_like(gradient)
        inner = self._left[:, None] * gradient[:, : self.width]
        scaled[:, : self.width] = (self._rotation.T @ inner @ self._right) * self._scale
        scaled[:, self.width :] = gradient[:, self.width :] * self._rest
        return scaled

    def hessian(self, model: Any, direction: Matrix) -> Matrix:
        """Return the Hessian by Z applied to a direction."""
        return self.backward(self.problem.hessian(model, self.forward(direction)))


def _curvature(problem: Lifted, model: LiftedPoint) -> tuple[Matrix, Matrix]:
    """Return a, with w_gh ≈ a_g a_h the curvature of the loss by X of pairs, and that of own."""
    objective: Any = problem.objective
    loss, mass, rows = objective.relaxation.loss, problem.mass, model.objective.softmax
    pair = loss.anchors[:, None] * rows.pair * (1 - rows.pair) / np.outer(mass, mass)
    pair = (pair + pair.T) / 2
    own = 2 * loss.anchors * rows.own * (1 - rows.own) / mass**2
    pair[np.diag_indices_from(pair)] += own
    vector = np.sqrt(pair.sum(axis=1))
    for _ in range(20):  # the best rank one is the leading eigenvector, which is positive
        vector = pair @ vector
        vector /= np.linalg.norm(vector) or 1.0
    size = math.sqrt(max(float(vector @ pair @ vector), 1e-300))
    return np.maximum(size * vector, 1e-8 * size * max(float(vector.max()), 1e-100)), 2 * own


def _on_rest(problem: Lifted, model: LiftedPoint, mass: Matrix) -> Matrix:
    """Return the curvature along the columns that are no vectors: within-cell spread, and slack."""
    objective: Any = problem.objective
    slack = model.objective.slack
    spread = (slack.own - np.diagonal(slack.pair) / objective.others) / mass * 2
    columns = [spread - model.radial[:, 0]] * (objective.columns - objective.width)
    return np.column_stack([*columns, -model.radial[:, 0]])
