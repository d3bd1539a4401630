"""Claims about cross-entropy: where classes merge, and where optima go."""

from __future__ import annotations

import numpy as np

import screlax
from screlax import UFM, LayerPeeled, WeightDecay

from .finding import Effort, Finding

_CRITICAL = 12.1924470803
_COSINES = {0.0: -0.1111, 0.25: -0.0767, 0.5: -0.0172, 0.75: 0.1080, 1.0: 0.5175}
"""Between minority classifiers by log10 of the imbalance, from a conic solver beforehand."""


def merging(effort: Effort) -> Finding:
    """Solve just below and just above n_c = λ_W λ_H, where equal classes come to coincide."""
    rng, wrong, worst = np.random.default_rng(0), 0, 0.0
    thresholds = 50 if effort.whole else 4
    for _ in range(thresholds):
        small, big = int(rng.integers(2, 30)), int(rng.integers(40, 400))
        sizes = [big] * int(rng.integers(1, 4)) + [small] * int(rng.integers(2, 5))
        for side in (0.99, 1.01):
            control = WeightDecay(side * np.sqrt(small), side * np.sqrt(small))
            found = screlax.solve_relaxation(UFM(sizes, control, loss="cross-entropy"), tol=1e-9)
            gram = found.class_gram
            apart = (gram[-1, -1] - gram[-1, -2]) / gram.max()
            wrong += (apart > 1e-6) != (side < 1) or found.status != "optimal"
            worst = max(worst, abs(apart) if side > 1 else 0.0)
    return Finding(
        "cross-entropy: equal classes share their mean if and only if n_c ≤ λ_W λ_H",
        f"{2 * thresholds} solves 1 % below and above random thresholds",
        f"{wrong} wrong; merged up to {2 * worst:.0e} of the largest ‖h‖²",
        wrong == 0,
    )


def critical(effort: Effort) -> Finding:
    """Find the imbalance at which the minority of the layer-peeled model merges, and the way."""
    control = LayerPeeled(5.0, 1.0)
    problem = UFM([100] * 5 + [10] * 5, control, loss="cross-entropy")
    found = screlax.minority_collapse(problem).critical_imbalance
    assert found is not None
    before, after = found
    worst = 0.0
    for exponent, cosine in _COSINES.items():
        sizes = [round(10**exponent * 10**6)] * 5 + [10**6] * 5
        gram = screlax.solve_relaxation(sizes, control, loss="cross-entropy").classifier_gram
        worst = max(worst, abs(gram[-1, -2] / gram[-1, -1] - cosine))
    middle = (before + after) / 2
    return Finding(
        "layer-peeled: the minority merges from an imbalance R₀ on (k = 10, half of it, E_H = 5)",
        f"R₀ = {_CRITICAL}; cosines of minority classifiers at five ratios, to four digits",
        f"R₀ off by {abs(middle - _CRITICAL):.0e}, proved within {after - before:.0e}; "
        f"cosines by {worst:.0e}",
        before < _CRITICAL < after and worst < 6e-5,
    )


def limit(effort: Effort) -> Finding:
    """Prove the closed form of the limit, simplex-encoded labels, for sizes and adjustments."""
    rng, worst, problems = np.random.default_rng(1), 0.0, 500 if effort.whole else 20
    for _ in range(problems):
        k = int(rng.integers(2, 13))
        sizes = rng.integers(1, 10 ** rng.integers(1, 6), k)
        loss = screlax.losses.CrossEntropy(multiplicative=np.exp(rng.normal(0, 1, k)))
        found = screlax.solve_limit(UFM(sizes, WeightDecay(1.0, 1.0), loss=loss))
        worst = max(worst, found.certificate.relative_gap)
    return Finding(
        "cross-entropy, λ → 0: simplex-encoded labels, with any multiplicative adjustment",
        f"{problems} random class sizes and Δ, up to 12 classes",
        f"certified relative gap ≤ {worst:.0e}",
        worst <= 1e-12,
    )
