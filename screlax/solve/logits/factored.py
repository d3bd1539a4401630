"""Cross-entropy by descent on features and classifier of orbit sums: slow, for any program.

Variables are A and B with A Bᵀ the action of Y on orbit sums, and s, whose squares are the
singular values of differences within orbits. The penalty is ½(‖A‖² + ‖B‖²) + Σ (κ−1) s².
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize

from ...gram.logits import CellMatrix, LogitGram
from ...problem.logits import LogitProgram
from ...types import Matrix, Vector


def descend(program: LogitProgram, weight: float, seed: int = 0) -> tuple[LogitGram, int]:
    """Return logits near the optimum with penalty weight ‖Y‖_*, and the number of iterations."""
    m, several = program.size, program.copies > 1
    start = np.random.default_rng(seed).standard_normal((2, m, m)) * 0.1 + np.eye(m)
    left, right = np.sqrt(program.feature_mass), np.sqrt(program.classifier_mass)

    def gram_of(flat: Vector) -> tuple[LogitGram, Matrix, Matrix, Vector]:
        a, b, s = flat[: m * m].reshape(m, m), flat[m * m : 2 * m * m].reshape(m, m), flat[-m:]
        y = CellMatrix.from_shared(a @ b.T, np.where(several, s**2, 0.0), program.copies)
        logits = CellMatrix(y.own / (left * right), y.pair / np.outer(left, right))
        return program.gram(logits), a, b, s

    def objective(flat: Vector) -> tuple[float, Any]:
        gram, a, b, s = gram_of(flat)
        slack = program.slack(program.rows(gram))
        shared = slack.shared(1 / left, 1 / right, program.copies)
        split = np.where(several, (program.copies - 1) * slack.spread / (left * right), 0.0)
        counted = np.where(several, program.copies - 1, 0.0)
        value = program.loss(gram) + weight * ((np.sum(a * a) + np.sum(b * b)) / 2 + counted @ s**2)
        slope = np.concatenate(
            [
                (shared @ b + weight * a).ravel(),
                (shared.T @ a + weight * b).ravel(),
                2 * s * (split + weight * counted),
            ]
        )
        return float(value), slope

    flat = np.concatenate([start.ravel(), np.ones(m)])
    options: Any = {"maxiter": 20000, "maxfun": 40000, "ftol": 0.0, "gtol": 1e-10, "maxcor": 30}
    found: Any = optimize.minimize(objective, flat, jac=True, method="L-BFGS-B", options=options)
    return gram_of(found.x)[0], int(found.nit)
