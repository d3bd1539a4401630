"""Cross-entropy: where the classes of one size share features and classifier.

Within an orbit of several classes the gradient by differences of logits is −(a/√(r v)) Δ (1 − p_own
+ p_other), and so, with s = aΔ/√(r v),

    a penalty μ‖Y‖_*:  merged ⇔ s ≤ μ, else p_own − p_other = 1 − μ/s

whatever else there is: for weight decay the classes of n_c ≤ λ_W λ_H samples. With a bound
‖Y‖_* ≤ ρ its multiplier is μ: merged ⇔ ρ ≤ ρ_s, the norm of the optimum at penalty s. That is the
slope of the concave function φ(μ) = min loss + μ‖Y‖_*, and so between

    (φ(s + h) − φ(s))/h   and   (φ(s) − φ(s − h))/h,

each bounded by certificates of φ.

Source: stationarity of the program in `screlax.problem.logits`. Minority collapse is of Fang et al.
2021 (arXiv 2101.12699), by weight decay of Dang et al. 2023 (arXiv 2301.00437).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ...gram.cells import Level
from ...gram.logits import LogitGram
from ...problem.logit_norms import NuclearPenalty
from ...problem.logits import LogitProgram
from ...proof.certificate import Certificate
from ...proof.logits import certify_program
from ...types import Vector
from ..logits.native import method_of

BY_FORMULA = (
    "by formula: up to a threshold s the probabilities of the own class and of another of its "
    "size differ by 1 − μ/s, with μ the number above"
)
BY_SLOPES = "proved on both sides, by bounds of three programs with a penalty"

_FEW = 12
"""Orbits that are all solved for."""

_FINEST, _COARSEST = 1e-8, 1e-3
"""Relative steps in μ from which slopes are taken."""


@dataclass(frozen=True)
class Penalised:
    """The optimum at a penalty, with its proof: a point of φ."""

    gram: LogitGram
    certificate: Certificate


def strengths(program: LogitProgram) -> Vector:
    """Return s of every orbit, shape (m,): the penalty from which on its classes are merged."""
    left, right = program.roots
    return np.asarray(program.anchors * program.slope / (left * right))


def penalised(program: LogitProgram, weight: float) -> Penalised:
    """Solve a program with the penalty weight‖Y‖_* in place of its bound."""
    posed = replace(program, norm=NuclearPenalty(weight))
    gram = method_of(posed)(posed)[0]
    return Penalised(gram, certify_program(posed, Level.ORBITS, gram))


def norm_at(program: LogitProgram, weight: float) -> float:
    """Return about ‖Y‖_* of the optimum at a penalty."""
    return penalised(program, weight).gram.nuclear_norm


def norms_around(program: LogitProgram, weight: float) -> tuple[float, float]:
    """Return bounds on ‖Y‖_* of every optimum at a penalty, both proved."""
    at = penalised(program, weight)
    gap = max(at.certificate.relative_gap, 1e-16)
    lower, upper = 0.0, math.inf
    for factor in (1, 8, 64):
        step = min(max(math.sqrt(gap), _FINEST), _COARSEST) * factor
        less, more = (penalised(program, weight * (1 + s * step)) for s in (-1, 1))
        lower = max(lower, _slope(at, more, step * weight)[0])
        upper = min(upper, _slope(less, at, step * weight)[1])
    return lower, upper


def norms_by_orbit(program: LogitProgram) -> list[tuple[float, float]]:
    """Return bounds on ρ_s of every orbit: all of them where there are few.

    ρ_s falls with s. Where there are many, those are found between which the bound of the program
    is, by bisection, and the others are bounded by these.
    """
    strength = strengths(program)
    found: dict[int, tuple[float, float]] = {}
    order = np.argsort(strength, kind="stable").tolist()
    few = len(order) <= _FEW
    first, last = 0, len(order)
    for orbit in order if few else ():
        found[orbit] = norms_around(program, float(strength[orbit]))
    while not few and first < last:
        middle = (first + last) // 2
        bounds = found[order[middle]] = norms_around(program, float(strength[order[middle]]))
        if program.norm.amount <= bounds[0]:
            first = middle + 1
        else:
            last = middle
    return _between_known(found, strength)


def _between_known(
    found: dict[int, tuple[float, float]], strength: Vector
) -> list[tuple[float, float]]:
    """Return bounds of all orbits from those of some: larger s, smaller norms."""
    all_bounds = []
    for own in strength.tolist():
        lower = [bounds[0] for orbit, bounds in found.items() if strength[orbit] >= own]
        upper = [bounds[1] for orbit, bounds in found.items() if strength[orbit] <= own]
        all_bounds.append((max(lower, default=0.0), min(upper, default=math.inf)))
    return all_bounds


def _slope(less: Penalised, more: Penalised, step: float) -> tuple[float, float]:
    """Return the smallest and the largest slope of φ between two of its points."""
    one, other = less.certificate, more.certificate
    return (other.lower - one.upper) / step, (other.upper - one.lower) / step
