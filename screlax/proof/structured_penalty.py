"""Feasible points of ridge and budget from a slack vector; see `structured.py`."""

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


class PenaltyPoints:
    """Own is free, so it takes up the residual of (E2).

    Attributes are those of `StructuredProof` with the same names, and `is_sound`, shape (B,):
    whether these are digits.
    """

    def __init__(self, equations: SlackVectorEquations, state: State, moments: Moments) -> None:
        self._equations, self._state, self._moments = equations, state, moments
        flow = 2 * moments.slack * moments.share  # Σ a p_cc' by `peak`
        off, mass = moments.peak * flow / equations.anchors, equations.embeddings
        leaving = moments.peak * flow / mass
        on_itself = moments.peak * moments.slack**2 / mass
        self._half = self._half_strength(leaving + on_itself)
        residual = self._half - leaving - on_itself
        self._flow_error = share_error(moments, moments.share, moments.total)
        self._unsure = SUM * (self._half + on_itself) + self._flow_error * leaving
        missing = np.maximum(0.0, (self._unsure - residual).max(axis=1, keepdims=True))
        self._shift: Array | None = None
        self._along = np.zeros_like(moments.slack)
        self.own = 0.0 - moments.product / moments.slack  # not −0.0 where G is zero
        self.centre = moments.centre
        left_out, shift_left_out = product_left_out(moments), np.zeros_like(self._half)
        unit = state.log_normalizer + 2 * moments.log_peak
        self._outside = unit + np.log(flow / equations.pair)
        largest = np.maximum(np.abs(self.own), np.abs(self.centre)).max(axis=1)
        if equations.is_budget:
            unit = unit + 2 * self._meet_the_trace()
            share, slack_rate = 0.0, residual + missing
            shift_left_out = self._shift_by(left_out)
            left_out = left_out + shift_left_out * np.abs(self._along)
        else:
            share = missing / (missing + self._half)
            slack_rate = (1 - share) * residual + share * self._half
        self._kept = (1 - share) * off
        self._bounds(slack_rate)
        has_digits = largest <= MOST_MOVED * np.abs(self.own).max(axis=1)
        inside = np.log(equations.terms.own) + self.own
        self.is_sound = has_digits & others_are_known(self._outside, unit, inside)
        spread, spread_left_out = self.own - 2 * self.centre, left_out + 2 * shift_left_out
        self.is_sound &= is_resolved(self._flow_error, spread_left_out)
        self.is_sound &= (spread >= spread_left_out).all(axis=1)
        self.spread_min = spread.min(axis=1)
        self.slack_min = residual.min(axis=1)

    def _half_strength(self, leaving: Array) -> Array:
        """Return λ/2 (B, 1): given for ridge; for budget what (E1) yields on average."""
        equations = self._equations
        if equations.is_budget:
            return np.asarray((leaving @ equations.mass)[:, None] / equations.total_mass)
        return np.asarray(equations.parameters[:, None] / 2)

    def _meet_the_trace(self) -> Array:
        """Move centres and own to the trace of the budget, which keeps G v = 0; return the move."""
        equations, moments = self._equations, self._moments
        self._along = 2 * (1 - moments.total / moments.slack)
        wanted = equations.total_mass * equations.parameters - self.own @ equations.mass
        self._shift = (wanted / (self._along @ equations.mass))[:, None]
        self.own = self.own + self._shift * self._along
        self.centre = self.centre + self._shift
        self._outside = self._outside + 2 * self._shift
        return self._shift

    def _shift_by(self, own_error: Array) -> Array:
        """Return how far the move to the trace is off at most, (B, 1), where own is off."""
        mass = self._equations.mass
        return np.asarray((own_error @ mass / np.abs(self._along @ mass))[:, None])

    def _bounds(self, slack_rate: Array) -> None:
        equations = self._equations
        anchors, mass = equations.anchors * equations.copies, equations.mass
        inside = np.log(equations.terms.own) + self.own
        logs = np.stack([self._outside, inside])
        softmax = np.exp(logs - np.logaddexp(inside, self._outside))
        self._softmax, self._rest = softmax
        divergence = relative_entropy(np.stack([self._kept, 1 - self._kept]), softmax)
        gap = divergence.sum(axis=0) @ anchors + (slack_rate * self.own) @ mass
        within = (self._kept * (1 + self._flow_error) < 1).all(axis=1)
        self.gap = np.where(within, gap, np.inf)
        rows = row_loss(equations.terms.own, self._outside - self.own)
        self.upper, self._size = rows @ anchors, np.abs(rows) @ anchors
        if not equations.is_budget:
            self.upper = self.upper + self._half[:, 0] * (self.own @ mass)

    def rounding(self) -> Rounding:
        """Return what rounding can have done to all of this."""
        equations, mass, half = self._equations, self._equations.mass, self._half
        anchors = equations.anchors * equations.copies
        entry_error, own_error = own_errors(equations, self._state, self._moments)
        if self._shift is not None:
            before = self.own - self._shift * self._along
            moved = self._shift_by(own_error + UNIT * np.abs(before))
            moved = moved + 4 * UNIT * np.abs(self._shift)
            own_error, entry_error = (
                own_error + moved * np.abs(self._along),
                entry_error + 2 * moved,
            )
        size = np.abs(self.own)
        entry_error = entry_error + SUM * (1 + size + log_size(self._outside))
        # of the Lagrangian per unit of own: it nearly vanishes
        slope = np.abs(anchors * self._softmax - mass * half) + SUM * mass * half
        slope = slope + anchors * self._softmax * own_error
        upper = SUM * self._size + (slope * own_error).sum(axis=1)
        outside_error = entry_error + self._flow_error
        upper = upper + (self._softmax * outside_error + row_error(equations.terms.own)) @ anchors
        upper = upper + SUM * half[:, 0] * (size @ mass)
        error = divergence_error(self._kept, self._softmax, outside_error + own_error)
        error = error + remainder_error(self._kept, self._softmax, self._rest, self._flow_error)
        return Rounding(
            upper + SMALL * float(anchors.sum()),
            (self._unsure * size) @ mass + error @ anchors,
            own_error,
            entry_error,
        )
