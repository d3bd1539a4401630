"""Cross-entropy with features and classifier of fixed norms, by descent and Newton on spheres.

Curvature along a row is about its multiplier, which is found on the way: descent from the simplex
is stopped early twice to scale the rows by it. The last digits are Newton's, where neither the loss
nor a trust region can tell a good step any more, but the gradient can.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ...gram.logits import LogitGram
from ...problem.logits import LogitProgram
from ...types import Matrix
from ..trust_region import minimize
from .spheres import SpherePoint, SphereProblem

_ROUGH, _NEAR, _EXACT = 1e-2, 1e-6, 1e-12
_MOST_PRODUCTS = 600
_NOISE = 1e-2


def fixed_norm_logits(program: LogitProgram, seed: int = 0) -> tuple[LogitGram, int, str]:
    """Return logits near the optimum, the number of steps, and how they were found."""
    mass = np.tile(program.anchors, 2) / program.anchors.mean() + 1e-9
    rows, steps = _simplex(program, seed), 0
    for tolerance in (_ROUGH, _ROUGH, _NEAR):
        problem = SphereProblem(program, mass)
        start = problem.manifold.onto(rows * problem.root)
        found = minimize(problem, start, gradient_tolerance=tolerance)
        model, steps = problem.local_model(found.point), steps + found.iterations
        rows, mass = found.point / problem.root, np.maximum(problem.masses(model), 1e-12)
    model, more = _polished(problem, model)
    return program.gram(model.gram.unit_logits), steps + more, "trust region on spheres"


def _simplex(program: LogitProgram, seed: int) -> Matrix:
    """Return features and classifier on one simplex, slightly perturbed so that no zero stays."""
    k, root = program.classes, np.sqrt(program.copies)
    values, vectors = linalg.eigh(np.eye(program.size) - np.outer(root, root) / k)
    shared = vectors * np.sqrt(np.maximum(values, 0.0))
    rows = np.tile(np.column_stack([shared, np.sqrt(program.copies - 1)]), (2, 1))
    noise = np.random.default_rng(seed).standard_normal(rows.shape)
    noise[:, -1] *= np.tile(program.copies > 1, 2)
    return np.asarray(rows + _NOISE * np.sqrt(np.mean(rows**2)) * noise)


def _polished(problem: SphereProblem, model: SpherePoint) -> tuple[SpherePoint, int]:
    """Return where Newton steps end that make the gradient smaller, and their number."""
    gradient, steps = problem.gradient(model), 0
    while linalg.norm(gradient) > _EXACT and steps < 20:
        candidate = problem.retract(model.point, _newton_step(problem, model, gradient))
        after = problem.local_model(candidate)
        slope = problem.gradient(after)
        if not linalg.norm(slope) < 0.7 * linalg.norm(gradient):
            break
        model, gradient, steps = after, slope, steps + 1
    return model, steps


def _newton_step(problem: SphereProblem, model: SpherePoint, gradient: Matrix) -> Matrix:
    """Solve for a Newton step by conjugate gradients, to three digits."""
    step, residual = np.zeros_like(gradient), -gradient
    direction, square = residual, float(np.vdot(residual, residual))
    target = 1e-6 * square
    for _ in range(_MOST_PRODUCTS):
        curved = problem.hessian(model, direction)
        curvature = float(np.vdot(direction, curved))
        if curvature <= 0:
            break
        step = step + square / curvature * direction
        residual = residual - square / curvature * curved
        before, square = square, float(np.vdot(residual, residual))
        if square <= target:
            break
        direction = residual + square / before * direction
    return step
