"""The critical imbalance of a step profile: the ratio of sizes at which its minority merges.

Sizes become real numbers: the class sizes of the problem are taken so large that their ratio is
fine, and the masses are brought back to the scale of the problem.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import optimize

from ...problem.logits import LogitProgram
from ...problem.ufm import UFM
from .logits import norm_at, norms_around, strengths

_LARGEST = 1e8
"""Imbalance ratios up to which one is looked for."""

_CLASS, _SAMPLES = 2**39, 2**52
"""Samples that a class, and all together, have at most once they are many."""


def critical_imbalance(problem: UFM) -> tuple[float, float] | None:
    """Return two ratios between which the minority of a step profile merges; None if not one.

    At the first it is proved to be apart and at the second to be merged, with the majority and the
    control as they are. None too where the ratio is not between 1 and 10⁸.
    """
    sizes = problem.class_sizes
    step = sizes.orbits == 2 and sizes.distinct[0] > sizes.distinct[1]
    if not step or sizes.multiplicities[1] < 2:
        return None
    lower, upper = 1.0, 2.0
    if _lead(problem, lower) >= 0:
        return None
    while _lead(problem, upper) < 0:
        lower, upper = upper, 2 * upper
        if upper > _LARGEST:
            return None
    root = float(optimize.brentq(lambda r: _lead(problem, r), lower, upper, rtol=1e-13, xtol=1e-12))
    width = 1e-10
    while width < 0.1:
        before, after = root * (1 - width), root * (1 + width)
        if _is_merged(problem, before) is False and _is_merged(problem, after):
            return before, after
        width *= 4
    return None


def _lead(problem: UFM, ratio: float) -> float:
    """Return a number from −1 to 1 that is about positive where the minority is merged."""
    program = _program_at(problem, ratio)
    at, amount = float(strengths(program)[1]), program.norm.amount
    if program.norm.is_penalty:
        return (amount - at) / (amount + at)
    norm = norm_at(program, at)
    return (norm - amount) / (norm + amount)


def _is_merged(problem: UFM, ratio: float) -> bool | None:
    """Whether the minority is merged at a ratio, None where that is not proved."""
    program = _program_at(problem, ratio)
    at, amount = float(strengths(program)[1]), program.norm.amount
    if program.norm.is_penalty:
        return at <= amount
    lower, upper = norms_around(program, at)
    return amount <= lower if amount <= lower or amount > upper else None


def _program_at(problem: UFM, ratio: float) -> LogitProgram:
    """Return the program with the minority at this ratio, the majority as it is."""
    sizes, control = problem.class_sizes, problem.control
    many = float(min(_CLASS, _SAMPLES // sizes.classes))
    scale = many / float(sizes.distinct[0])
    program = problem.loss.logit_program(
        sizes.with_sizes(np.array([many, max(round(many / ratio), 1)])),
        control.logit_norm(problem.temperature, problem.classes),
        counts_samples=control.counts_samples,
        balance=control.balance,
    )
    features = program.feature_mass / (scale if control.counts_samples else 1.0)
    return replace(program, anchors=program.anchors / scale, feature_mass=features)
