"""Certificates of solutions with singletons in time linear in the number of class sizes.

With any v, b > 0, β and ν_0, in the units of `screlax.equations.singletons`:

*Dual.* Take p between anchored classes and p_g0 = 2√κ_0 b ν_0/a on the singletons from the
formulas and p_own = 1 − Σ. Then S between anchored classes is ν_0 (v vᵀ + b bᵀ) exactly, and its
Schur complement by the singletons ν_0 (v vᵀ + diag(residual of (E1))). Ridge mixes a negative
residual away, budget adds it to its multiplier, as in `structured.py`; on a ball or sphere the
multipliers of the classes take all of it: ν = ν_0 b² + a Σ p.

*Primal.* Keep the formula between anchored classes and put h_0 in their span, along −Σ κ b h:
y = −G b/w and corner = bᵀG b/w². Ridge and budget have w = √κ_0, so that the singletons' part of
⟨S, G⟩ is zero; with v their own is what makes G v = 0, without v that of the formula. Ball and
sphere have own = ρ and the w that makes corner = ρ. What is left is G ⪰ 0 on the anchored classes
(`singleton_kernel.py`).

*Gap.* The softmax rows of that G are proportional to p over all other anchored classes, so that
the Kullback–Leibler divergence is that of three numbers: own, others, singletons.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

import numpy as np

from ..equations.singletons import SingletonEquations, SingletonState
from ..gram.kernels import CERTAIN
from ..gram.rounding import UNIT
from ..gram.shared_point import SingletonGram
from ..problem.losses.rows_minorant import relative_entropy
from ..types import Vector
from .certificate import Certificate
from .dense import Proof
from .singleton_points import SingletonPoint
from .structured_rounding import SMALL, SUM, divergence_error, row_error, row_loss
from .structured_sums import RESOLVED, sum_error


class SingletonProof:
    """A feasible point and bounds, from a state of the singleton equations.

    Parameters
    ----------
    equations : SingletonEquations
    state : SingletonState

    Attributes
    ----------
    point : SingletonPoint
    certificate : Certificate
        Without an upper bound where `point` could not be proved to be feasible.
    """

    def __init__(self, equations: SingletonEquations, state: SingletonState) -> None:
        if equations.control.is_penalty:  # whatever the state was made for
            state = replace(state, log_strength=equations.given_log_strength())
        self._equations, self._state = equations, state
        with np.errstate(all="ignore"):
            self._moments = equations.moments(state, CERTAIN)
            self._strength = float(np.exp(state.log_strength))
            self.point = SingletonPoint(equations, state, self._moments)
            self._dual()
            self._rows()
            self.certificate = self._certificate()

    def _dual(self) -> None:
        """Set the rows P off the diagonal, (2, m), and the part of the gap that is ⟨S, G⟩."""
        equations, moments, point = self._equations, self._moments, self.point
        flow = np.zeros_like(point.own)
        for vector, share in zip(moments.vectors, moments.shares, strict=True):
            flow = flow + vector * share
        scale = math.log(2) + self._state.log_strength - np.log(equations.anchors)
        self._logs = scale + np.log(np.stack([flow, equations.root * moments.vectors[-1]]))
        self._rows_off = np.exp(self._logs)
        self.slack_min = 0.0
        if equations.bounded:
            self._product_gap()
            return
        flows = np.sum(equations.flows(moments), axis=0)
        residual = 1 - 2 * flows / equations.share
        self._unsure = SUM + 2 * self._sum_error * self._flow_sizes() / equations.share
        self._unsure = self._unsure + 2 * UNIT * abs(self._state.log_strength)  # e^{log ν_0}
        self.slack_min = float(residual.min())
        missing = max(0.0, float((self._unsure - residual).max()))
        mixed = 0.0 if equations.is_budget else missing / (missing + 1)
        self._rows_off = (1 - mixed) * self._rows_off
        slack = residual + missing if equations.is_budget else (1 - mixed) * residual + mixed
        mass = equations.mass * self._strength / equations.single_mass
        single = self._strength * equations.singletons * (missing if equations.is_budget else mixed)
        self._slackness = float(mass @ (slack * point.own)) + single * point.corner
        self._slackness_error = float(mass @ (self._unsure * np.abs(point.own)))

    @property
    def _sum_error(self) -> float:
        """What sums of flows can be off by, relative to `_flow_sizes`."""
        couplings = self._moments.couplings
        return sum_error(couplings.by_beta) + couplings.flow_left_out

    def _flow_sizes(self) -> Vector:
        """Return `flows` with what interpolated sums subtract added."""
        moments, exact = self._moments, self._moments.couplings.is_exact
        sizes = self._equations.root * moments.vectors[-1]
        for vector, share, total in zip(
            moments.vectors, moments.shares, moments.totals, strict=True
        ):
            sizes = sizes + vector * ((share if exact else total) + vector / 2)
        return np.asarray(sizes)

    def _product_gap(self) -> None:
        """Set ⟨S, G⟩ of a ball or sphere: κ_0 ν_0 ‖h_0 + Σ κ b h/√κ_0‖²."""
        equations, stretch = self._equations, self.point.stretch
        most = self._strength * equations.singletons * equations.control.parameter
        error = self.point.stretch_error + 8 * UNIT
        self._slackness = most * (1 - stretch) ** 2
        self._slackness_error = most * error * (2 * abs(1 - stretch) + error)

    def _rows(self) -> None:
        """Set logits and softmax rows of G over own, others and singletons, (3, m)."""
        equations, point = self._equations, self.point
        others = self._state.log_normalizer + equations.log_scale + self._logs[0] + 2 * point.shift
        singles = math.log(equations.singletons * equations.single_weight) + point.product
        logits = np.stack([np.log(equations.own_weight) + point.own, others, singles])
        self._outside = np.logaddexp(others, singles)
        self._softmax = np.exp(logits - np.logaddexp(logits[0], self._outside))
        self._logits = logits

    def _value(self) -> float:
        """Return the objective at the feasible point."""
        equations, point = self._equations, self.point
        height = row_loss(equations.own_weight, self._outside - point.own)
        value = float((equations.copies * equations.anchors) @ height)
        return value + self._penalty()

    def _penalty(self) -> float:
        equations, point = self._equations, self.point
        if not equations.control.is_penalty:
            return 0.0
        trace = float(equations.mass @ point.own)
        trace += equations.singletons * equations.single_mass * point.corner
        return float(equations.control.parameter / 2 * trace)

    def _certificate(self) -> Certificate:
        equations, point = self._equations, self.point
        mass = equations.copies * equations.anchors
        own = 1 - self._rows_off.sum(axis=0)
        divergence = relative_entropy(np.vstack([own, self._rows_off]), self._softmax).sum(axis=0)
        gap, value = float(mass @ divergence) + self._slackness, self._value()
        flow_error = self._flow_error()
        sound = bool((own > flow_error * self._rows_off[0]).all()) and math.isfinite(gap)
        resolved = point.is_resolved and bool((flow_error <= RESOLVED).all())
        feasible = point.smallest > 0 and point.has_digits and resolved and math.isfinite(value)
        errors = self._rounding(value, gap, mass)
        if not (sound and math.isfinite(errors[1])):
            gap, errors = math.inf, (errors[0], 0.0)
        return Certificate.around(
            "orbits",
            value if feasible else math.inf,
            gap,
            equations.infimum,
            errors,
            (min(0.0, point.smallest), self.slack_min),
        )

    def _rounding(self, value: float, gap: float, mass: Vector) -> tuple[float, float]:
        """Return what rounding can have done to objective and gap."""
        equations, point = self._equations, self.point
        entry = point.entry_error + self._flow_error()
        sizes = np.where(np.isfinite(self._logits), np.abs(self._logits), 0.0)
        errors = np.stack([point.own_error, entry, point.product_error]) + SUM * (1 + sizes)
        upper = SUM * abs(value) + SMALL * equations.points
        upper += float(mass @ row_error(equations.own_weight))
        upper += float(mass @ (self._softmax[1:] * errors[1:]).sum(axis=0))
        upper += float((equations.copies * self._own_slope()) @ point.own_error)
        if equations.control.is_penalty:
            pulled = equations.root * equations.copies * self._moments.vectors[-1]
            upper += SUM * self._penalty() + self._strength * float(pulled @ point.product_error)
        wrong = np.zeros_like(point.own)
        for p, q, error in zip(self._rows_off, self._softmax[1:], errors[1:], strict=True):
            wrong = wrong + divergence_error(p, q, error + errors[0])
        return upper, SUM * abs(gap) + self._slackness_error + float(mass @ wrong)

    def _flow_error(self) -> Vector:
        """Return the relative error of Σ p over the others, from what its sums subtract."""
        moments = self._moments
        if moments.couplings.is_exact:
            return np.full_like(self.point.own, SUM)
        flow, size = np.zeros_like(self.point.own), np.zeros_like(self.point.own)
        for vector, share, total in zip(
            moments.vectors, moments.shares, moments.totals, strict=True
        ):
            flow, size = flow + vector * share, size + vector * total
        return np.asarray(self._sum_error * size / flow)

    def _own_slope(self) -> Vector:
        """Return by how much the objective changes with own, y and corner moving along."""
        equations, moments = self._equations, self._moments
        pull = moments.vectors[-1]
        parts = [-equations.anchors * self._softmax[1:].sum(axis=0)]
        if not equations.bounded:
            parts.append(self._strength * (equations.share + pull**2))
            parts.append(-equations.anchors * self._softmax[2] * pull / equations.root)
        return np.asarray(np.abs(np.sum(parts, axis=0)) + SUM * np.abs(parts).sum(axis=0))

    def departure(self, gram: SingletonGram) -> float:
        """Return how far a Gram matrix at unit temperature is from the proved one, in roundings."""
        point, given = self.point, _numbers(gram)
        proved = _numbers(self.gram)
        if given.shape != proved.shape:
            return math.inf
        errors = np.concatenate(
            [
                *(point.own_error, point.entry_error, point.product_error),
                [float(point.product_error.max())],
            ]
        )
        away = np.abs(given - proved)
        with np.errstate(all="ignore"):
            ratio = np.where(away == 0, 0.0, away / (2 * (errors + UNIT * np.abs(proved))))
        return float(np.nan_to_num(ratio, nan=np.inf).max())

    @cached_property
    def proof(self) -> Proof:
        """The certificate with the feasible Gram matrix."""
        return Proof(self.certificate, self.gram, None)

    @property
    def gram(self) -> SingletonGram:
        """The feasible Gram matrix."""
        at = self.point
        return self._equations.gram(self._state, at.own, at.centre, at.product, at.corner)


def _numbers(gram: SingletonGram) -> Vector:
    return np.concatenate([gram.unit_own, gram.centre, gram.product, [gram.corner]])


def state_of_singleton_gram(gram: SingletonGram) -> SingletonState:
    """Return the state that a stored Gram matrix came from."""
    return SingletonState(gram.log_slack, gram.log_pull, gram.log_normalizer, gram.log_strength)
