"""Trust-region Newton with conjugate gradients (Steihaug), on a manifold given by a few functions.

Nocedal and Wright, Numerical Optimization, algorithms 4.1 and 7.2; on manifolds Absil, Mahony and
Sepulchre, Optimization Algorithms on Matrix Manifolds, chapter 7.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..types import Matrix


class TrustRegionProblem(Protocol):
    """What the method needs to know: all vectors are matrices of the same shape."""

    def local_model(self, point: Matrix) -> Any:
        """Everything that `gradient` and `hessian` share at a point."""

    def change(self, model: Any, candidate: Matrix) -> float:
        """Objective at a candidate less that at the model's point, accurate however small."""

    def noise(self, model: Any) -> float:
        """Return the rounding in `change` that does not shrink with the step."""

    def gradient(self, model: Any) -> Matrix:
        """Riemannian gradient."""

    def hessian(self, model: Any, direction: Matrix) -> Matrix:
        """Riemannian Hessian applied to a tangent direction."""

    def retract(self, point: Matrix, step: Matrix) -> Matrix:
        """Move along a tangent step and return to the manifold."""


_MAX_FAILURES = 8
_FLAT = 1e-13


@dataclass(frozen=True, eq=False)
class TrustRegionResult:
    """Where the method ended.

    Attributes
    ----------
    point : ndarray
    gradient_norm : float
    iterations, products : int
        Outer iterations and Hessian-vector products.
    reason : str
        Why it stopped.
    """

    point: Matrix
    gradient_norm: float
    iterations: int
    products: int
    reason: str


def minimize(
    problem: TrustRegionProblem,
    point: Matrix,
    *,
    gradient_tolerance: float,
    max_iterations: int = 300,
    max_products: int = 20_000,
    deadline: float = math.inf,
    observe: Callable[[Matrix, float], str] | None = None,
) -> TrustRegionResult:
    """Minimise from a point until the gradient is small or nothing improves any more.

    Parameters
    ----------
    problem : TrustRegionProblem
    point : ndarray
        A point on the manifold.
    gradient_tolerance : float
        Frobenius norm of the gradient to stop at.
    max_iterations, max_products : int
        Limits on outer iterations and on Hessian-vector products.
    deadline : float
        Value of `time.perf_counter()` after which to stop.
    observe : callable, optional
        Called before every iteration with point and gradient norm; returns a reason to stop, or "".
    """
    radius_limit = 4 * max(float(np.linalg.norm(point)), 1.0)
    radius, model = radius_limit / 32, problem.local_model(point)
    products = failures = 0
    for iteration in range(max_iterations):
        gradient = problem.gradient(model)
        norm = float(np.linalg.norm(gradient))
        reason = "" if observe is None else observe(point, norm)
        if not reason:
            converged = norm <= gradient_tolerance
            reason = _reason_to_stop(converged, failures, products > max_products, deadline)
        if reason:
            return TrustRegionResult(point, norm, iteration, products, reason)
        step, predicted, used, on_boundary = steihaug(problem, model, gradient, radius)
        products += used
        candidate = problem.retract(point, step)
        candidate_model = problem.local_model(candidate)
        ratio = gain(problem, model, candidate, candidate_model, predicted, norm)
        if not ratio >= 0.25:
            radius = 0.25 * min(radius, float(np.linalg.norm(step)))
        elif ratio > 0.75 and on_boundary:
            radius = min(2 * radius, radius_limit)
        failures = 0 if ratio > 0.05 else failures + 1
        if ratio > 0.05:
            point, model = candidate, candidate_model
    return TrustRegionResult(point, norm, max_iterations, products, "iteration limit")


def gain(
    problem: TrustRegionProblem,
    model: Any,
    candidate: Matrix,
    candidate_model: Any,
    predicted: float,
    norm: float,
) -> float:
    """Return the decrease over the predicted one; `norm` is that of the gradient before."""
    if predicted > problem.noise(model):
        return -problem.change(model, candidate) / predicted
    # the value can no longer tell a good step, but near a minimum the gradient can
    return float(np.linalg.norm(problem.gradient(candidate_model)) < 0.9 * norm)


def _reason_to_stop(converged: bool, failures: int, exhausted: bool, deadline: float) -> str:
    if converged:
        return "gradient small"
    if failures >= _MAX_FAILURES:
        return "limit of double precision"
    if exhausted:
        return "product limit"
    return "time limit" if time.perf_counter() > deadline else ""


class HasHessian(Protocol):
    """What conjugate gradients need to know."""

    def hessian(self, model: Any, direction: Matrix) -> Matrix:
        """Hessian applied to a direction."""


def steihaug(
    problem: HasHessian, model: Any, gradient: Matrix, radius: float
) -> tuple[Matrix, float, int, bool]:
    """Minimise the quadratic model within the radius: step, predicted decrease, products used."""
    step, residual = np.zeros_like(gradient), gradient
    hessian_step = np.zeros_like(gradient)
    direction, product = -residual, float(np.vdot(residual, residual))
    norm = float(np.linalg.norm(gradient))
    target = norm * min(0.1, norm**0.5 / (1 + norm**0.5))
    target = max(target, 1e-3 * norm if norm > 1 else 0.0)
    stiffest = 0.0
    for used in range(1, 4 * gradient.size + 1):
        curved = problem.hessian(model, direction)
        curvature = float(np.vdot(direction, curved))
        relative = curvature / float(np.vdot(direction, direction))
        stiffest = max(stiffest, abs(relative))
        if used > 1 and abs(relative) < _FLAT * stiffest:
            break  # a symmetry of the problem: its curvature is rounding, of either sign
        length = product / curvature if curvature > 0 else math.inf
        if curvature <= 0 or np.linalg.norm(step + length * direction) >= radius:
            length = _to_boundary(step, direction, radius)
            step, hessian_step = step + length * direction, hessian_step + length * curved
            return step, _decrease(gradient, step, hessian_step), used, True
        step, hessian_step = step + length * direction, hessian_step + length * curved
        residual = residual + length * curved
        if np.linalg.norm(residual) <= target or used >= 500:
            break
        new_product = float(np.vdot(residual, residual))
        direction = -residual + (new_product / product) * direction
        product = new_product
    return step, _decrease(gradient, step, hessian_step), used, False


def _decrease(gradient: Matrix, step: Matrix, hessian_step: Matrix) -> float:
    return -float(np.vdot(gradient, step)) - float(np.vdot(step, hessian_step)) / 2


def _to_boundary(step: Matrix, direction: Matrix, radius: float) -> float:
    a, b = float(np.vdot(direction, direction)), float(np.vdot(step, direction))
    c = float(np.vdot(step, step)) - radius**2
    return (-b + math.sqrt(max(b * b - a * c, 0.0))) / a
