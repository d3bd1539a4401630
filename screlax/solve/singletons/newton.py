"""Newton on the singleton equations: where to start, and the roots reached from there."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ...equations.singletons import SingletonEquations
from ...gram.curve import SlackVectorGram
from ...gram.levels import CellGram, Vector
from ...problem.program import Relaxation
from ...proof.repair import row_products
from ..slack_vector.newton import MAX_MOVE

MAX_STEPS = 40


def start_beside(equations: SingletonEquations, gram: SlackVectorGram, strength: float) -> Vector:
    """Return the unknowns that the solution without the singletons suggests.

    The singletons are put where they are at rest: y solves (E3) with the classes held fixed.
    """
    if equations.bounded:
        return _start_on_boundary(equations, gram)
    beta, product = gram.log_normalizer, np.zeros_like(gram.centre)
    weighted = (np.tile(equations.copies, (len(beta), 1)) - np.eye(len(beta))) * gram.pair
    weighted[np.diag_indices_from(weighted)] += gram.own
    for _ in range(MAX_STEPS):
        pull = equations.sizes * np.exp(product - beta) / 2
        residual = product + weighted @ pull / strength
        # I + M diag(B)/ν_0 with M positive semidefinite: never singular
        step = np.linalg.solve(np.eye(len(beta)) + weighted * pull / strength, -residual)
        size = float(np.abs(step).max())
        product = product + step * min(1.0, MAX_MOVE / max(size, MAX_MOVE))
        if size < 1e-6:
            break
    log_slack = gram.centre + np.log(equations.sizes) - beta / 2
    beta = np.logaddexp(beta, math.log(equations.singletons) + product)
    return np.concatenate([log_slack, beta, product, [np.log(strength)]])


def _start_on_boundary(equations: SingletonEquations, gram: SlackVectorGram) -> Vector:
    """Return the start for a ball or sphere, where the slack vector is √γ B.

    With q = √(ν_0/κ_0) that gives y = log(2v/s) + β + log q, and (E4) becomes the equation
    ρ κ_0 q + Σ κ v (log(2v/s) + β + log q) = 0, increasing and convex in log q.
    """
    beta = gram.log_normalizer
    log_slack = gram.centre + np.log(equations.sizes) - beta / 2
    constant = log_slack + math.log(2) - np.log(equations.sizes) + beta
    weight = equations.copies * np.exp(log_slack)
    limit = equations.control.parameter * equations.singletons
    total, shift = float(weight.sum()), float(weight @ constant)
    log_ratio = -shift / total
    for _ in range(MAX_STEPS):
        risen = limit * float(np.exp(log_ratio))
        step = -(risen + total * log_ratio + shift) / (risen + total)
        log_ratio += step
        if abs(step) < 1e-10:
            break
    product = constant + log_ratio
    log_strength = 2 * log_ratio + math.log(equations.singletons)
    beta = np.logaddexp(beta, math.log(equations.singletons) + product)
    return np.concatenate([log_slack, beta, product, [log_strength]])


def start_near(equations: SingletonEquations, relaxation: Relaxation, gram: CellGram) -> Vector:
    """Return the unknowns that a nearly optimal Gram matrix suggests, NaN if there are none."""
    softmax = relaxation.softmax(gram)
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
        along = row_products(relaxation, softmax, gram)[:-1]
        diagonal = diagonal - along / gram.own[:-1] / equations.copies
    else:
        diagonal = diagonal + strength * equations.sizes
    squared = diagonal - equations.singletons / strength * pull**2
    floor = 1e-3 * np.abs(diagonal)
    log_slack = np.log(np.maximum(squared, floor)) / 2
    return np.concatenate([log_slack, beta, product, [np.log(strength)]])


def singleton_roots(equations: SingletonEquations, start: Vector) -> Iterator[tuple[CellGram, int]]:
    """Yield the Gram matrices of roots near a start, with the Newton steps taken.

    Both forms of the slack are tried, the likelier first.
    """
    with np.errstate(all="ignore"):
        for has_slack in (not equations.bounded, equations.bounded):
            root = _newton(equations, start, has_slack)
            if root is not None:
                yield equations.gram(equations.terms(root[0])), root[1]


def _newton(
    equations: SingletonEquations, unknown: Vector, has_slack: bool
) -> tuple[Vector, int] | None:
    """Return a root and the steps to it; without v its unknowns and (E2) are left out."""
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
            return unknown, step_number + 1
        last = size
    return None
