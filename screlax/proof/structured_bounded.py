"""Feasible points of ball and sphere from a slack vector; see `structured.py`."""

from __future__ import annotations

import numpy as np

from ..equations.slack_vector import Moments, SlackVectorEquations, State
from ..gram.kernels import Array
from ..gram.rounding import UNIT
from ..problem.losses.rows_minorant import relative_entropy
from .structured_rounding import (
    MOST_MOVED,
    SMALL,
    SUM,
    Rounding,
    divergence_error,
    log_size,
    others_are_known,
    remainder_error,
    row_error,
    row_loss,
)
from .structured_sums import is_resolved, own_errors, product_left_out, share_error


class BoundedPoints:
    """Own = ρ is given, so the centres take up the residual of (E2).

    Attributes are those of `StructuredProof` with the same names, and `is_sound`, shape (B,):
    whether these are digits.
    """

    def __init__(self, equations: SlackVectorEquations, state: State, moments: Moments) -> None:
        self._equations, self._state, self._moments = equations, state, moments
        self._limit = equations.parameters[:, None]
        self._are_two = equations.copies.sum() == 2
        self._alone = equations.terms.own == 0  # rows of others only
        self.own = np.broadcast_to(self._limit, moments.slack.shape)
        self._move = self._moves_into_kernel()
        self.centre = moments.centre + self._move
        self._off = equations.outside(moments)
        self._off_error = share_error(moments, moments.share, moments.total)
        self._bounds()
        spread, left_out = self.own - 2 * self.centre, np.zeros_like(self.centre)
        if not self._are_two:
            left_out = self._spread_by(product_left_out(moments) * moments.slack)
        self.is_sound &= is_resolved(self._off_error, self._flow_error, left_out)
        self.is_sound &= (spread >= 2 * left_out).all(axis=1)
        self.spread_min = spread.min(axis=1)
        self.slack_min = np.zeros(len(self._limit))

    def _moves_into_kernel(self) -> Array:
        """Return how far to move the centres so that G v = 0.

        Centres g + μ change row g of G v by (V − 2v_g) μ_g + Σ κ v μ; it has to make up for
        ρ v_g + product_g.
        """
        moments, limit = self._moments, self._limit
        if self._are_two:  # opposite each other, where V − 2v vanishes
            pair = moments.product[:, :1] / moments.slack[:, -1:]
            return np.repeat((-limit - pair) / 2, moments.slack.shape[1], axis=1)
        slack = moments.slack
        self._inverse = 1 / (moments.total - 2 * slack)
        self._wanted = -self._inverse * (moments.product + limit * slack)
        weight = self._equations.copies * slack
        self._size = 1 + (weight * self._inverse).sum(axis=1, keepdims=True)
        self._common = (weight * self._wanted).sum(axis=1, keepdims=True) / self._size
        return np.asarray(self._wanted - self._inverse * self._common)

    def _bounds(self) -> None:
        equations, moments, state = self._equations, self._moments, self._state
        terms, mass = equations.terms, equations.anchors * equations.copies
        moved = state.log_slack + self._move
        log_peak = moved.max(axis=1, keepdims=True)
        slack = np.exp(moved - log_peak)
        share = equations.share_of_others(slack, moments.interpolation, moments.kernels)
        total = (equations.copies * slack).sum(axis=1, keepdims=True)
        self._flow_error = share_error(moments, share, total)
        inside = np.log(terms.own) + self.own
        unit = state.log_normalizer + 2 * log_peak
        self._outside = unit + np.log(2 * slack * share / terms.pair)
        has_digits = np.abs(moments.centre).max(axis=1) <= MOST_MOVED * self._limit[:, 0]
        self.is_sound = has_digits & others_are_known(self._outside, unit, inside)
        log_total = np.logaddexp(inside, self._outside)
        self._softmax, self._rest = np.exp([self._outside - log_total, inside - log_total])
        gap = self._divergence(log_total) @ mass
        if self._are_two:  # ⟨v vᵀ, G⟩ of two antipodal classes
            apart = (moments.slack[:, 0] - moments.slack[:, -1]) ** 2
            gap = gap + self._limit[:, 0] * moments.peak[:, 0] * apart
        if self._alone.any():
            gap = gap + self._price_of_normalising()
        within = (self._off * (1 + self._off_error) < 1) | self._alone
        self.gap = np.where(within.all(axis=1), gap, np.inf)
        rows = row_loss(terms.own, self._outside - self.own)
        self.upper, self._value_size = rows @ mass, np.abs(rows) @ mass

    def _divergence(self, log_total: Array) -> Array:
        """Return an upper bound on the divergence of each dual row from its softmax.

        Each log(p_gh/q_gh) is bounded; u − 1 + e^{−u} ≤ u² e^{|u|}/2. Rows without own weight are
        normalised, so that only differences of the moves count: by Hoeffding's lemma it is their
        square over eight, and twice that leaves room for rounding.
        """
        terms, size = self._equations.terms, np.abs(self._move)
        largest = size.max(axis=1, keepdims=True) + size
        scale = np.log(terms.pair / terms.anchors)
        largest = largest + np.abs(log_total + scale - self._state.log_normalizer)
        divergence = self._off * largest**2 / 2 * np.exp(largest)
        divergence = divergence + relative_entropy(1 - self._off, self._rest)
        apart = np.ptp(self._move, axis=1, keepdims=True)
        return np.asarray(np.where(self._alone, apart**2 / 4, divergence))

    def _price_of_normalising(self) -> Array:
        """Return ⟨E, G⟩ at most, shape (B,), where rows without own weight are normalised.

        That moves S = v vᵀ by E with |E_gh| ≤ (a_g p_gh |δ_g| + a_h p_hg |δ_h|)/2, δ = 1/Σp − 1;
        multipliers that are larger by its row sums make up for it.
        """
        equations, moments = self._equations, self._moments
        moved = np.where(self._alone, np.abs(1 - self._off) + SUM, 0.0)
        moved = moved + np.where(self._alone, self._off_error * self._off, 0.0)
        largest = (moved / np.minimum(self._off, 1.0)).max(axis=1, keepdims=True)
        others = moments.total - moments.slack - moments.share
        others = others + SUM * moments.total + self._off_error * moments.share
        others = 2 * moments.peak * moments.slack * others
        added = (equations.anchors * moved + largest * others) / 2
        return np.asarray(2 * self._limit[:, 0] * (added @ equations.copies))

    def rounding(self) -> Rounding:
        """Return what rounding can have done to all of this."""
        equations, mass = self._equations, self._equations.anchors * self._equations.copies
        entry_error, own_error = own_errors(equations, self._state, self._moments)
        move_error = self._move_error(own_error)
        entry_error = entry_error + move_error + move_error.max(axis=1, keepdims=True)
        entry_error = entry_error + SUM * (1 + self.own + log_size(self._outside))
        outside_error = entry_error + self._flow_error
        upper = self._softmax * outside_error + row_error(equations.terms.own)
        upper = SUM * self._value_size + upper @ mass
        row_errors = outside_error + self._off_error
        error = divergence_error(self._off, self._softmax, row_errors)
        error = error + remainder_error(self._off, self._softmax, self._rest, self._off_error)
        error = np.where(self._alone, entry_error.max(axis=1, keepdims=True) ** 2, error)
        return Rounding(
            upper + SMALL * float(mass.sum()),
            2 * SUM * self.gap + error @ mass,
            SUM * self.own,
            entry_error,
        )

    def _move_error(self, own_error: Array) -> Array:
        """Return the largest errors of the moves, with ρ v + product off by own_error · v."""
        moments, limit = self._moments, self._limit
        if self._are_two:
            return np.asarray(SUM * (np.abs(self._move) + np.abs(moments.centre) + limit))
        inverse, size = np.abs(self._inverse), np.abs(self._size)
        weight = self._equations.copies * moments.slack
        wrong = (own_error + UNIT * limit) * moments.slack
        error = inverse * wrong + SUM * np.abs(self._wanted)
        rest = (weight * error).sum(axis=1, keepdims=True) / size
        size_error = SUM * (1 + (weight * inverse).sum(axis=1, keepdims=True)) / size
        return np.asarray(error + inverse * (rest + (SUM + size_error) * np.abs(self._common)))

    def _spread_by(self, residual: Array) -> Array:
        """Return how far the moves are off at most where rows of G v are off by a residual."""
        weight = self._equations.copies * self._moments.slack
        error = np.abs(self._inverse) * residual
        rest = (weight * error).sum(axis=1, keepdims=True) / np.abs(self._size)
        return np.asarray(error + np.abs(self._inverse) * rest)
