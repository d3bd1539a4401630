"""Where Newton on the singleton equations starts."""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, special

from ...equations.couplings import Couplings
from ...equations.linear import StructuredJacobian
from ...equations.singletons import SingletonEquations, SingletonState
from ...gram.cells import CellGram
from ...gram.curve import SlackVectorGram
from ...problem.losses.thresholds import zero_threshold
from ...problem.program import Program
from ...proof.repair import products_by_cell
from ...types import Vector
from ..slack_vector.newton import MAX_MOVE

_MAX_STEPS = 40
_CLOSE = 1e-6


def start_beside(
    equations: SingletonEquations, gram: SlackVectorGram, log_strength: float
) -> SingletonState:
    """Return what the solution without the singletons suggests.

    The singletons are put where they are at rest: y = −G B/ν_0 with the classes held fixed.
    `log_strength` is the log of its multiplier ν_0, of no meaning on a ball or sphere.
    """
    if equations.bounded:
        return _start_on_boundary(equations, gram)
    beta = gram.log_normalizer
    constant = np.log(equations.pair_weight * equations.single_weight / 2) - beta - log_strength
    product = _at_rest(equations.copies, gram, constant)
    more = math.log(equations.singletons * equations.single_weight) - equations.log_scale
    normalizer = np.logaddexp(beta, more + product)
    pull = constant + beta - normalizer + product + math.log(equations.singletons) / 2
    return SingletonState(gram.log_slack - log_strength / 2, pull, normalizer, log_strength)


def _start_on_boundary(equations: SingletonEquations, gram: SlackVectorGram) -> SingletonState:
    """Return the start for a ball or sphere: b is the slack vector of the classes alone.

    With q = √(ν_0/κ_0) that gives y = c + log q, and (E4) becomes ρ κ_0 q + Σ κ b (c + log q) = 0,
    which Wright's omega function solves.
    """
    weight_there = equations.pair_weight * equations.single_weight
    constant = gram.log_slack + math.log(2) - np.log(weight_there) + gram.log_normalizer
    peak = float(gram.log_slack.max())
    weight = equations.copies * np.exp(gram.log_slack - peak)
    total, limit = float(weight.sum()), equations.control.parameter * equations.singletons
    mean = float(weight @ constant) / total
    log_ratio = -mean - float(special.wrightomega(math.log(limit / total) - peak - mean))
    log_strength = 2 * log_ratio + math.log(equations.singletons)
    more = math.log(equations.singletons * equations.single_weight) - equations.log_scale
    beta = np.logaddexp(gram.log_normalizer, more + constant + log_ratio)
    return SingletonState(None, gram.log_slack - log_strength / 2, beta, log_strength)


def _at_rest(copies: Vector, gram: SlackVectorGram, constant: Vector) -> Vector:
    """Return the y that solves y + G e^{constant + y} = 0, by Newton in O(m) a step."""
    couplings = Couplings.between(gram.log_normalizer, None)
    basis, bend = couplings.beta_basis, couplings.kernels.bend[0]
    centre, spread = gram.centre, gram.unit_own - 2 * gram.centre
    left = np.hstack([basis, centre[:, None]])[None, None]
    product = -np.maximum(constant, 0.0)
    for _ in range(_MAX_STEPS):
        pull = np.exp(constant + product)
        weight = copies * pull
        together = centre * weight.sum() + weight @ centre - couplings.bend(weight)
        residual = product + spread * pull + together
        right = np.vstack([weight * (centre - bend), weight])[None, :, None]
        # I + G diag(B/ν_0) with G positive semidefinite: never singular
        jacobian = StructuredJacobian((1 + spread * pull)[None, None, None], left, right)
        step = jacobian.solve(-residual[None, None, :, None])[0, 0, :, 0]
        size = float(np.abs(step).max())
        product = product + step * min(1.0, MAX_MOVE / max(size, MAX_MOVE))
        if size < _CLOSE or not math.isfinite(size):
            break
    return product


def start_tilted(equations: SingletonEquations) -> SingletonState:
    """Return a simplex of the anchored classes, tilted away from the singletons by the best angle.

    For ball and sphere, with at least two anchored classes: with angle φ products are
    ρ (sin² φ − cos² φ/(k − 1)) between classes and −ρ sin φ with the singletons.
    """
    limit, classes = equations.control.parameter, float(equations.copies.sum())
    inside = np.log(equations.own_weight)
    everyone = float(equations.copies @ equations.pair_weight) - equations.pair_weight
    singles = math.log(equations.singletons * equations.single_weight)

    def leaving(tilt: float) -> Vector:
        """Return the log odds of leaving every class."""
        pair = limit * (tilt**2 - (1 - tilt**2) / (classes - 1))
        alone = singles - limit * (1 + tilt)
        return np.asarray(np.logaddexp(np.log(everyone) + pair - limit, alone) - inside)

    log_mass = np.log(equations.copies * equations.anchors)

    def height(tilt: float) -> float:
        """Return the logarithm of the loss above its floor, also where that underflows."""
        odds = leaving(tilt)
        rows = np.where(odds < -30, odds, np.log(np.logaddexp(0.0, np.maximum(odds, -30.0))))
        terms = log_mass + rows
        return float(terms.max() + np.log(np.exp(terms - terms.max()).sum()))

    found = optimize.minimize_scalar(height, bounds=(1e-6, 1.0), method="bounded")
    tilt = float(found.x)
    beta = np.logaddexp(0.0, leaving(tilt)) + inside + limit - equations.log_scale
    pull = np.log(equations.pair_weight * equations.single_weight / 2) - limit * tilt - beta
    peak = float(pull.max())
    strength = math.log(tilt * float(equations.copies @ np.exp(pull - peak))) + peak
    return SingletonState(
        None, pull - strength + math.log(equations.singletons) / 2, beta, strength
    )


def one_anchored_class(equations: SingletonEquations) -> SingletonState:
    """Return the solution for a single anchored class under ridge or budget, in closed form.

    Without v, (E1) is b²/2 + b√κ_0 = r/(2 r_0), and (E3) is linear in β. A budget's ν_0 is where
    the trace is that of the budget.
    """
    root, ratio = equations.root, float(equations.share[0])
    pull = ratio / (math.sqrt(root**2 + ratio) + root)
    start = SingletonState(None, np.array([math.log(pull)]), np.zeros(1), 0.0)

    def at(log_strength: float) -> SingletonState:
        state = start.moved(np.zeros((2, 1)), log_strength)
        moments = equations.moments(state)
        own, product = float(moments.own[0]), float(moments.product[0])
        shift = -(own * pull + root * product) / (pull + root)
        return state.moved(np.array([[0.0], [shift]]), 0.0)

    if equations.control.is_penalty:
        return at(equations.given_log_strength())

    def excess(log_strength: float) -> float:
        return equations.last(equations.moments(at(log_strength)))

    step = 1.0
    highest = zero_threshold(equations.terms, equations.all_copies)  # λ_max: G = 0
    high = math.log(highest / 2 * equations.single_mass)
    while excess(high - step) < 0:
        step *= 2
    return at(float(optimize.brentq(excess, high - step, high, xtol=1e-14, rtol=1e-14)))


def start_near(
    equations: SingletonEquations, relaxation: Program, gram: CellGram
) -> SingletonState:
    """Return the state that a nearly optimal Gram matrix suggests, NaN if there is none."""
    softmax = relaxation.loss.expand(gram)
    anchored = equations.places < len(equations.copies)
    product, corner = gram.pair[anchored][:, ~anchored][:, 0], gram.own[~anchored][0]
    own = gram.own[anchored]
    normalizer = np.log(equations.own_weight) + own - np.log(softmax.own[anchored])
    beta = normalizer - equations.log_scale
    weight = equations.pair_weight * equations.single_weight
    pull = weight * np.exp(product - beta) / 2  # B
    strength = float(-(equations.copies @ (pull * product)) / corner)
    if equations.control.is_penalty:
        strength = math.exp(equations.given_log_strength())
    diagonal = -equations.anchors * softmax.pair.sum(axis=1)[anchored]
    if equations.bounded:
        along = products_by_cell(relaxation.loss.gradient(softmax), gram)[anchored]
        diagonal = diagonal - along / own / equations.copies
    else:
        diagonal = diagonal + strength * equations.share
    log_strength = float(np.log(strength))
    log_pull = np.log(pull) + math.log(equations.singletons) / 2 - log_strength
    squared = diagonal / strength - np.exp(2 * log_pull)
    log_slack = np.log(np.maximum(squared, 1e-3 * np.abs(diagonal) / strength)) / 2
    slack = None if equations.bounded else log_slack
    return SingletonState(slack, log_pull, beta, log_strength)
