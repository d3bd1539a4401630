"""Newton on the singleton equations: where to start, and the roots reached from there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from ...equations.singletons import SingletonEquations
from ...gram.cells import CellGram
from ...gram.curve import SlackVectorGram
from ...problem.program import Program
from ...proof.repair import products_by_cell
from ...types import Vector
from ..slack_vector.newton import MAX_MOVE

MAX_STEPS = 40


def start_beside(
    equations: SingletonEquations, gram: SlackVectorGram, log_strength: float
) -> Vector:
    """Return the unknowns that the solution without the singletons suggests.

    The singletons are put where they are at rest: y solves (E3) with the classes held fixed.
    `log_strength` is the log of its multiplier λ/2.
    """
    if equations.bounded:
        return _start_on_boundary(equations, gram)
    beta, product = gram.log_normalizer, np.zeros_like(gram.centre)
    weighted = (np.tile(equations.copies, (len(beta), 1)) - np.eye(len(beta))) * gram.pair
    weighted[np.diag_indices_from(weighted)] += gram.own
    constant = np.log(equations.sizes / 2) - beta - log_strength
    for _ in range(MAX_STEPS):
        pull = np.exp(constant + product)
        residual = product + weighted @ pull
        # I + M diag(B)/ν_0 with M positive semidefinite: never singular
        step = np.linalg.solve(np.eye(len(beta)) + weighted * pull, -residual)
        size = float(np.abs(step).max())
        product = product + step * min(1.0, MAX_MOVE / max(size, MAX_MOVE))
        if size < 1e-6:
            break
    beta = np.logaddexp(beta, math.log(equations.singletons) + product)
    return np.concatenate([gram.log_slack, beta, product, [log_strength]])


def _start_on_boundary(equations: SingletonEquations, gram: SlackVectorGram) -> Vector:
    """Return the start for a ball or sphere, where the slack vector is √γ B.

    With q = √(ν_0/κ_0) that gives y = log(2v/s) + β + log q, and (E4) becomes the equation
    ρ κ_0 q + Σ κ v (log(2v/s) + β + log q) = 0, which Wright's omega function solves.
    """
    beta, log_slack = gram.log_normalizer, gram.log_slack
    constant = log_slack + math.log(2) - np.log(equations.sizes) + beta
    peak = float(log_slack.max())
    weight = equations.copies * np.exp(log_slack - peak)
    limit = equations.control.parameter * equations.singletons
    total = float(weight.sum())
    mean = float(weight @ constant) / total
    log_ratio = -mean - float(special.wrightomega(math.log(limit / total) - peak - mean))
    product = constant + log_ratio
    log_strength = 2 * log_ratio + math.log(equations.singletons)
    beta = np.logaddexp(beta, math.log(equations.singletons) + product)
    return np.concatenate([log_slack, beta, product, [log_strength]])


def one_anchored_class(equations: SingletonEquations) -> Vector:
    """Return the solution for a single anchored class under ridge or budget, in closed form.

    Without v, and with b = √γ B and w = √(κ_0 ν_0), (E1) is b² + 2bw = ν_0 s, and (E3), own b + w y
    = 0 with y = log(2wb/(κ_0 s)) + β, is linear in β. A budget's ν_0 is where the trace is nρ.
    """
    size, alone = float(equations.sizes[0]), equations.singletons
    ratio = math.sqrt(1 + size / alone) - 1  # b/w

    def unknown(log_strength: float) -> Vector:
        inside = math.log1p((alone / size * ratio**2 - 1) * math.exp(log_strength))
        base = log_strength + math.log(2 * ratio / size)  # y − β
        beta = -(ratio * (inside - math.log(size - 1)) + base) / (1 + ratio)
        return np.array([-np.inf, beta, base + beta, log_strength])

    if equations.control.is_penalty:
        return unknown(math.log(equations.control.parameter / 2))

    def excess(log_strength: float) -> float:
        with np.errstate(invalid="ignore"):  # (E2) has no v here
            return float(equations.residual(equations.terms(unknown(log_strength)))[-1])

    n, step = equations.samples, 1.0
    high = math.log((alone + math.sqrt(alone * n)) / (n - 1) / 2)  # λ_max/2: G = 0
    while excess(high - step) < 0:
        step *= 2
    return unknown(float(optimize.brentq(excess, high - step, high, xtol=1e-14, rtol=1e-14)))


def start_near(equations: SingletonEquations, relaxation: Program, gram: CellGram) -> Vector:
    """Return the unknowns that a nearly optimal Gram matrix suggests, NaN if there are none."""
    softmax = relaxation.loss.expand(gram)
    on_itself, product = softmax.own[:-1], gram.pair[:-1, -1]
    beta = np.log(equations.sizes - 1) + gram.own[:-1] - np.log(on_itself)
    pull = equations.sizes * np.exp(product - beta) / 2
    corner = gram.own[-1]
    strength = -float(equations.copies @ (pull * product)) / corner
    if equations.control.is_penalty:
        strength = equations.control.parameter / 2
    outside = (softmax.pair.sum(axis=1))[:-1]
    diagonal = -equations.sizes * outside
    if equations.bounded:
        along = products_by_cell(relaxation.loss.gradient(softmax), gram)[:-1]
        diagonal = diagonal - along / gram.own[:-1] / equations.copies
    else:
        diagonal = diagonal + strength * equations.sizes
    squared = diagonal - equations.singletons / strength * pull**2
    floor = 1e-3 * np.abs(diagonal)
    log_slack = np.log(np.maximum(squared, floor)) / 2
    return np.concatenate([log_slack, beta, product, [np.log(strength)]])


class Root(NamedTuple):
    """A root: its Gram matrix, the unknowns, and the Newton steps to it."""

    gram: CellGram
    unknown: Vector
    steps: int


def singleton_roots(equations: SingletonEquations, start: Vector) -> Iterator[Root]:
    """Yield roots near a start; both forms of the slack are tried, the likelier first."""
    with np.errstate(all="ignore"):
        for has_slack in (not equations.bounded, equations.bounded):
            root = newton_root(equations, start, has_slack)
            if root is not None:
                yield root


def newton_root(equations: SingletonEquations, unknown: Vector, has_slack: bool) -> Root | None:
    """Return a root near a start, if there is one; without v its unknowns and (E2) are left out."""
    m, last = len(equations.sizes), math.inf
    active = np.ones(3 * m + 1, dtype=bool)
    rows = active.copy()
    if not has_slack:
        unknown = np.concatenate([np.full(m, -np.inf), unknown[m:]])
        active[:m] = False
        rows[m : 2 * m] = False
    for step_number in range(MAX_STEPS):
        terms = equations.terms(unknown)
        residual = equations.residual(terms)[rows]
        if not np.isfinite(residual).all():
            return None
        try:
            step = np.linalg.solve(equations.jacobian(terms)[np.ix_(rows, active)], -residual)
        except np.linalg.LinAlgError:
            return None
        size = float(np.abs(step).max())
        unknown = unknown.copy()
        unknown[active] += step * min(1.0, MAX_MOVE / max(size, MAX_MOVE))
        if size < 1e-9 or (size < 1e-4 and size > last / 2):
            return Root(equations.gram(equations.terms(unknown)), unknown, step_number + 1)
        last = size
    return None
