"""Certificates of slack-vector solutions in time linear in the number of class sizes.

No eigenvalue is computed. With any v > 0 and β, and g = log(v √Z / u), equation (E1) and the
kernel as in `screlax.equations.slack_vector`:

*Dual.* Take p_gh from the formula and p_own = 1 − Σ p_gh. Then S = v vᵀ + diag(r ε) exactly, with
ε the residual of (E1) per embedding, so that the smallest eigenvalue of N^{-1/2} S N^{-1/2} is at
least −ε, ε = max(0, −min r). Ridge mixes ε away (`repair.py`), budget adds it to its multiplier;
on a ball or sphere the multipliers ν = v² + s(1 − p_own) > 0 make S = v vᵀ without any residual.

*Primal.* Keep the formula off the diagonal and make G v = 0 hold exactly: ridge and budget by the
choice of own, ball and sphere (where own = ρ) by moving the centres g, a diagonal plus rank-one
linear system. By the conditional positive definiteness of the kernel G is then
positive semidefinite if the spreads own − 2g are nonnegative.

*Gap.* The softmax rows of that G are proportional to the p_gh off the diagonal, so that the
Kullback–Leibler divergence is that of two numbers, and ⟨v vᵀ, G⟩ = 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..equations.slack_vector import SlackVectorEquations, State
from ..gram.curve import SlackVectorGram
from ..gram.kernels import CERTAIN, Array
from ..gram.rounding import UNIT
from .certificate import Certificate, relative_gap
from .structured_bounded import BoundedPoints
from .structured_penalty import PenaltyPoints
from .structured_rounding import Rounding


@dataclass(frozen=True, eq=False)
class StructuredProof:
    """Feasible points and bounds for a batch; leading axis B throughout.

    Attributes
    ----------
    own, centre, log_normalizer : ndarray, shape (B, m)
        The feasible Gram matrix.
    log_slack : ndarray, shape (B, m)
        log v, from which it and the dual point were made.
    upper, gap : ndarray, shape (B,)
        Objective and duality gap as computed; infinite where there is no feasible matrix or no
        bound.
    spread_min, slack_min : ndarray, shape (B,)
        Smallest own − 2g, and lower bound on the smallest slack eigenvalue per sample.
    infimum : float
        `UFM.infimum`.
    find_rounding : callable
        Returns `rounding`.
    """

    own: Array
    centre: Array
    log_normalizer: Array
    log_slack: Array
    upper: Array
    gap: Array
    spread_min: Array
    slack_min: Array
    infimum: float
    find_rounding: Callable[[], Rounding]

    @cached_property
    def rounding(self) -> Rounding:
        """What rounding can have done to all of this; found when it is asked for."""
        with np.errstate(all="ignore"):
            return self.find_rounding()

    def certificate(self, index: int = 0) -> Certificate:
        """Return one of the certificates."""
        errors = float(self.rounding.upper[index]), float(self.rounding.gap[index])
        gap = float(self.gap[index])
        if not math.isfinite(gap + errors[1]):
            gap, errors = math.inf, (errors[0], 0.0)  # no bound, which is not rounding
        return Certificate.around(
            "orbits",
            float(self.upper[index]),
            gap,
            self.infimum,
            errors,
            (min(0.0, float(self.spread_min[index])), float(self.slack_min[index])),
        )

    def is_near(self, tolerance: float, index: int = 0) -> bool:
        """Whether a relative gap is at most that much, rounding aside."""
        upper, gap = float(self.upper[index]), float(self.gap[index])
        return math.isfinite(upper) and relative_gap(gap, upper, self.infimum) <= tolerance

    def departure(self, gram: SlackVectorGram) -> float:
        """Return how far a Gram matrix at unit temperature is from the first, in roundings.

        Up to one, rounding explains it; +inf where there is no number.
        """
        proved = np.concatenate([self.own[0], self.centre[0]])
        away = np.abs(np.concatenate([gram.unit_own, gram.centre]) - proved)
        if not away.any():
            return 0.0
        errors = np.concatenate([self.rounding.own[0], self.rounding.centre[0]])
        with np.errstate(all="ignore"):
            ratio = np.where(away == 0, 0.0, away / (2 * (errors + UNIT * np.abs(proved))))
        return float(np.nan_to_num(ratio, nan=np.inf).max())

    def gram(self, copies: Array, index: int = 0) -> SlackVectorGram:
        """Return one of the feasible Gram matrices."""
        return SlackVectorGram(
            self.own[index],
            self.centre[index],
            self.log_normalizer[index],
            self.log_slack[index],
            copies,
        )


def prove(equations: SlackVectorEquations, state: State) -> StructuredProof:
    """Make a state of the slack-vector equations feasible and bound its distance from optimal."""
    make = PenaltyPoints if equations.is_penalty else BoundedPoints
    with np.errstate(all="ignore"):
        points = make(equations, state, equations.moments(state, CERTAIN))
        feasible = points.is_sound & np.isfinite(points.upper) & (points.spread_min >= 0)
        sound = feasible & np.isfinite(points.gap)
    return StructuredProof(
        points.own,
        points.centre,
        state.log_normalizer,
        state.log_slack,
        np.where(feasible, points.upper, np.inf),
        np.where(sound, points.gap, np.inf),
        points.spread_min,
        points.slack_min,
        equations.infimum,
        points.rounding,
    )


def state_of_gram(equations: SlackVectorEquations, gram: SlackVectorGram) -> State:
    """Return the state that a stored Gram matrix came from."""
    strength = equations.parameters if equations.control.is_penalty else [1.0]
    return State(gram.log_slack[None, :], gram.log_normalizer[None, :], np.log(strength))
