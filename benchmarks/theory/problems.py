"""Twenty problems on which `claims.py` puts the theory to the test."""

from __future__ import annotations

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere

PROBLEMS: dict[str, UFM] = {
    "balanced, k=3, ridge": UFM([6] * 3, Ridge(0.1)),
    "balanced, k=5, sphere": UFM([8] * 5, Sphere(1.0), 0.5),
    "balanced, k=10, ball": UFM([20] * 10, Ball(1.0), 0.2),
    "balanced, k=16, budget": UFM([4] * 16, Budget(2.0)),
    "step, k=6, ridge": UFM(screlax.step(6, 50, 10), Ridge(0.05)),
    "step, k=8, sphere": UFM(screlax.step(8, 100, 20), Sphere(1.0), 0.1),
    "step, k=10, ball": UFM(screlax.step(10, 40, 4), Ball(3.0)),
    "step, k=5, budget": UFM(screlax.step(5, 30, 10, minority_fraction=0.4), Budget(3.0)),
    "exponential, k=6, ridge": UFM(screlax.exponential(6, 60, 10), Ridge(0.02)),
    "exponential, k=8, sphere": UFM(screlax.exponential(8, 200, 50), Sphere(1.0), 0.2),
    "exponential, k=10, ball": UFM(screlax.exponential(10, 500, 100), Ball(1.0), 0.3),
    "exponential, k=12, budget": UFM(screlax.exponential(12, 100, 20), Budget(1.0), 0.2),
    "one singleton, k=5, ridge": UFM([20, 10, 5, 3, 1], Ridge(0.05)),
    "two singletons, k=6, sphere": UFM([20, 10, 5, 3, 1, 1], Sphere(1.0), 0.3),
    "three singletons, k=7, ball": UFM([9, 9, 4, 4, 1, 1, 1], Ball(2.0)),
    "one singleton, k=4, budget": UFM([12, 6, 2, 1], Budget(1.5)),
    "two classes, ridge": UFM([70, 3], Ridge(0.3)),
    "dominating class, k=5, sphere": UFM([1000, 10, 7, 5, 3], Sphere(0.5)),
    "near λ_max, k=4, ridge": UFM([9, 7, 5, 3], Ridge(1.9)),
    "weak ridge, k=6": UFM([40, 20, 10, 5, 3, 2], Ridge(1e-4)),
}
"""Every control with balanced, step and exponential class sizes and with singletons; two classes;
minority collapse (rank 1); an optimum close to zero; and one nearly at infinity."""
