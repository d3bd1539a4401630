"""Where Newton on the slack-vector equations starts: closed forms, class by class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...equations.slack_vector import ROUGH, SlackVectorEquations, State, kernel_moves
from ...gram.kernels import Array
from .newton import MAX_MOVE

_TRACE_STEPS = 40
_TRACE_ACCURACY = 1e-3
_MOST_OF_SLACK = 0.15
_WIDE_RADIUS = 6.0
"""ρ/τ per unit of log(largest/smallest size) from which the slack vector starts out alike."""


def initial_state(equations: SlackVectorEquations) -> State:
    """Return Z and squared norms of balanced formulas, class by class; `alike_state` far out.

    On a ball or sphere with v moved so that it nearly is in the kernel of G.
    """
    terms, classes = equations.terms, equations.copies.sum()
    log_ratio = np.log(terms.pair / terms.anchors)  # of Z to the sum of a row's exponentials
    log_strength = _initial_log_strength(equations)
    if equations.is_penalty:
        log_odds, _ = _log_odds(equations, log_strength)
        mean = log_odds @ equations.mass / equations.total_mass * (classes - 1) / classes
        own = log_odds - mean[:, None] / (classes - 1)
    else:
        mean = equations.parameters
        own = np.repeat(mean[:, None], len(log_ratio), axis=1)
    pair = np.repeat(-mean[:, None] / (classes - 1), len(log_ratio), axis=1)
    with np.errstate(divide="ignore"):  # nothing inside where there is no own weight
        inside, outside = np.log(terms.own) + own, np.log(equations.others) + pair
        beta = np.logaddexp(inside, outside) + log_ratio
    start = State(np.log(terms.pair) + pair / 2 - beta / 2, beta, log_strength)
    if equations.is_penalty or classes < 3:
        return start
    range_of_sizes = max(np.ptp(np.log(terms.pair)), np.ptp(np.log(terms.anchors)))
    wide = equations.parameters >= _WIDE_RADIUS * range_of_sizes
    if wide.any() and equations.has_own:
        alike = alike_state(equations).log_slack
        start = replace(start, log_slack=np.where(wide[:, None], alike, start.log_slack))
    return _nearer_the_kernel(equations, start)


def _log_odds(equations: SlackVectorEquations, log_strength: Array) -> tuple[Array, Array]:
    """Return log(p/(1 − p) U/o) of classes whose Z are alike, and the slope of its mean by log λ.

    With Z alike v is in proportion to r, and 1 − p is the share (λ r/(2a)) (1 − r/Σκr): exactly so
    for balanced classes, and for SC at G = 0 whatever the imbalance. The squared norms are these
    log odds less what classes have in common, mean own/(k − 1).
    """
    terms = equations.terms
    # in logarithms: where ρ/τ is large the share of the negatives underflows
    miss = np.minimum(log_strength[:, None] + np.log(_share_of_others(equations)), -1e-12)
    log_odds = np.log(-np.expm1(miss)) - miss + np.log(equations.others / terms.own)
    return log_odds, (1 / np.expm1(miss)) @ equations.mass / equations.total_mass


def _share_of_others(equations: SlackVectorEquations) -> Array:
    """Return (1 − p)/λ, by class."""
    others = 1 - equations.embeddings / equations.total_mass
    return np.asarray(equations.embeddings / (2 * equations.anchors) * others)


def _nearer_the_kernel(equations: SlackVectorEquations, state: State) -> State:
    """Return a state of a ball or sphere with centres moved so that G v = 0 at the old v.

    That is not done where a class carries so much of v that the new one is quite another.
    """
    with np.errstate(all="ignore"):
        moments = equations.moments(state, ROUGH)
        residual = moments.product + equations.parameters[:, None] * moments.slack
        move = kernel_moves(moments, equations.copies, residual)
        largest = (moments.slack / moments.total).max(axis=1, keepdims=True)
        size = np.abs(move).max(axis=1, keepdims=True)
        move = np.where((size < MAX_MOVE) & (largest < _MOST_OF_SLACK), move, 0.0)
    return replace(state, log_slack=state.log_slack + move)


def alike_state(equations: SlackVectorEquations) -> State:
    """Return Z of separate classes, and the v alike for all that solves (E2) summed over them.

    For a ball or sphere, which tends to that as ρ grows beyond the differences of log sizes.
    """
    beta = np.log(equations.weight) + equations.parameters[:, None]
    flat, none = np.zeros_like(beta), np.zeros(len(beta))
    moments = equations.moments(State(flat, beta, none))
    classes = equations.copies.sum()
    rows = (equations.parameters[:, None] + moments.product) @ equations.copies
    return State(flat - rows[:, None] / (2 * classes * (classes - 1)), beta, none)


def _initial_log_strength(equations: SlackVectorEquations) -> Array:
    """Return log λ; of a budget, where the mean of `_log_odds` is that of its trace.

    That has a root for every ρ > 0, below the λ at which a p would be zero. The mean is concave
    and falls in log λ, and nearly linear in log(pole/λ − 1), in which Newton comes down to the
    root from the λ of balanced classes.
    """
    if equations.control.is_penalty:
        return np.asarray(np.log(equations.parameters))
    if not equations.is_budget:
        return np.zeros_like(equations.parameters)
    classes, share = equations.copies.sum(), _share_of_others(equations)
    ratio = equations.others / equations.terms.own
    pole, largest = 1 / share.max(), 1 / (share * (1 + 1 / ratio)).max()
    least = np.log(max(pole / largest - 1, np.finfo(float).eps))
    wanted = equations.parameters * classes / (classes - 1)
    mean = equations.mass / equations.total_mass
    place = wanted - np.log(ratio) @ mean  # log(pole/λ − 1)
    for _ in range(_TRACE_STEPS):
        place = np.maximum(place, least)
        log_odds, slope = _log_odds(equations, np.log(pole) - np.logaddexp(0.0, place))
        move = (log_odds @ mean - wanted) / (slope * np.exp(place - np.logaddexp(0.0, place)))
        place = place + move
        if (np.abs(move) < _TRACE_ACCURACY).all():
            break
    return np.asarray(np.log(pole) - np.logaddexp(0.0, np.maximum(place, least)))
