"""Proof of optimality from any approximate solution; no solver's word is used.

An affine minorant of the loss and multipliers y of the control give, by weak duality, the lower
bound (`screlax.problem.losses.minorant`), for row-stochastic P and a row softmax

    D(P, y) = Σ_g ω_g Σ_h p_gh log(w_gh / p_gh) − (bound paid for y)      whenever  S(P, y) ⪰ 0,

and the objective at a feasible Gram matrix is an upper bound. How both are made: `dense` for any
loss, `structured` in O(m) for slack-vector solutions. All arithmetic is in double precision; what
its rounding can do to either bound is estimated beforehand from what is summed, and is part of the
gap.
Source: Lagrangian duality of the relaxation in Behnia and Thrampoulidis 2024; Boyd and
Vandenberghe, Convex Optimization, section 5.9 (semidefinite duals).
"""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from typing import Any

from ..io.notebook import card

ALL_ROUNDING = "what is left is what rounding in double precision can do"
"""Why a gap is no smaller where most of it stands for rounding."""


@dataclass(frozen=True)
class Certificate:
    """Two proved bounds on the optimal value, and the raw quality of what they were made from.

    Always infimum ≤ lower ≤ upper.

    Attributes
    ----------
    level : str
        The level at which the certificate was computed.
    upper : float
        Objective at the feasible Gram matrix, summed over anchors, rounded up; +inf where there is
        no feasible matrix.
    lower : float
        Dual bound: no embeddings of any dimension have a smaller objective.
    infimum : float
        Simple bound that holds for all embeddings; see `UFM.infimum`.
    gap : float
        upper − lower, summed from its nonnegative parts, not by subtraction, with `rounding`.
    rounding : float
        What rounding can at most have done to both bounds together, estimated from the sizes of
        what was summed. A gap of this size is zero as far as double precision can tell.
    primal_min_eigenvalue : float
        Smallest eigenvalue of the n×n Gram matrix as the solver returned it, before repair, not
        counting the zeros that lifting from a smaller level adds.
    slack_min_eigenvalue : float
        Smallest eigenvalue of N^{-1/2} S N^{-1/2}, the dual slack per sample, before repair.
    is_verified : bool
        Whether the bounds hold in exact arithmetic, enclosed by the certifier "verified", and not
        up to an estimate of rounding.

    Examples
    --------
    >>> import screlax
    >>> certificate = screlax.solve_relaxation([50, 20, 5], screlax.Ridge(0.1)).certificate
    >>> bool(certificate.infimum <= certificate.lower <= certificate.upper)
    True
    >>> certificate.proves(1e-9)
    True
    """

    level: str
    upper: float
    lower: float
    infimum: float
    gap: float
    rounding: float
    primal_min_eigenvalue: float
    slack_min_eigenvalue: float
    is_verified: bool = False

    @classmethod
    def around(
        cls,
        level: str,
        value: float,
        gap: float,
        infimum: float,
        rounding: tuple[float, float],
        eigenvalues: tuple[float, float],
        bound: float = -math.inf,
    ) -> Certificate:
        """Make the bounds from computed numbers and what rounding can have done to them.

        Parameters
        ----------
        level : str
        value, gap : float
            Objective at a feasible Gram matrix and duality gap, as computed; +inf where there is no
            such matrix or no such bound.
        infimum : float
        rounding : pair of float
            Largest errors of `value` and of `gap`.
        eigenvalues : pair of float
            `primal_min_eigenvalue` and `slack_min_eigenvalue`.
        bound : float, optional
            A lower bound found in another way than by the gap, less its own rounding.
        """
        if not math.isfinite(value + rounding[0]):
            lower = max(infimum, bound)
            return cls(level, math.inf, lower, infimum, math.inf, math.inf, *eigenvalues)
        upper = max(value + rounding[0], infimum)
        known = min(max(infimum, bound), upper)
        allowance = min(2 * rounding[0] + rounding[1], upper - known)
        total = max(gap, 0.0) + allowance
        closer = total < upper - known
        lower, total = (upper - total, total) if closer else (known, upper - known)
        return cls(level, upper, lower, infimum, total, allowance, *eigenvalues)

    @property
    def relative_gap(self) -> float:
        r"""Gap / (\|upper\| + upper − infimum); see `relative_gap`."""
        return relative_gap(self.gap, self.upper, self.infimum)

    @property
    def gap_in_words(self) -> str:
        """The relative gap as text, "< …" where it is within rounding."""
        return format_gap(self.relative_gap, relative_gap(self.rounding, self.upper, self.infimum))

    @property
    def is_rounding(self) -> bool:
        """Whether more than half of the gap stands for rounding: nothing gets much below it."""
        return self.gap <= 2 * self.rounding < math.inf

    def shortfall(self, tolerance: float) -> str:
        """Why the gap is above a tolerance, where no solver could do better; else empty."""
        return ALL_ROUNDING if self.is_rounding and not self.proves(tolerance) else ""

    def proves(self, tolerance: float) -> bool:
        """Whether the relative gap is a number from zero to `tolerance`."""
        return math.isfinite(self.upper) and 0 <= self.relative_gap <= tolerance

    def _repr_html_(self) -> str:
        arithmetic = "exact arithmetic" if self.is_verified else "double precision"
        return card(
            "Certificate",
            [
                (
                    "bounds",
                    f"{self.lower:.12g} ≤ optimum ≤ {self.upper:.12g}, of the objective as a sum",
                ),
                ("relative gap", self.gap_in_words),
                ("holds in", f"{arithmetic}, at level {self.level}"),
                ("rounding", f"{self.rounding:.2g} of the gap of {self.gap:.2g}"),
                ("infimum", f"{self.infimum:.12g}, which no value is below"),
            ],
        )

    def record(self) -> dict[str, Any]:
        """Return all numbers by name, ready for JSON."""
        return {**asdict(self), "relative_gap": self.relative_gap}


def relative_gap(gap: float, value: float, infimum: float) -> float:
    r"""Return gap / (\|value\| + spread), with the spread value − infimum of the objective.

    The one definition used everywhere. For the SC loss the spread is at most the value, so that
    this is between gap/(2 value) and gap/value; the spread keeps it meaningful for objectives that
    may be zero or negative. What is below the smallest normal double counts as zero.

    Parameters
    ----------
    gap : float
        value − a lower bound.
    value : float
    infimum : float
        Of the objective, `UFM.infimum`; −inf leaves the spread out.
    """
    if gap == 0:
        return 0.0
    scale = max(value_and_spread(value, infimum), sys.float_info.min)
    return gap / scale if math.isfinite(gap) else math.inf


def value_and_spread(value: float, infimum: float) -> float:
    r"""Return \|value\| + value − infimum, without the spread where there is no infimum."""
    return abs(value) + (value - infimum if math.isfinite(infimum) else 0.0)


def value_of_gap(tolerance: float, lower: float, infimum: float) -> float:
    r"""Return the value whose `relative_gap` to a lower bound is a tolerance, below 1/2."""
    if not math.isfinite(infimum):
        return lower / (1 - math.copysign(tolerance, lower))
    value = lower - tolerance * infimum
    return value / (1 - 2 * tolerance) if value > 0 else value


def format_gap(gap: float, rounding: float) -> str:
    """Return a relative gap as text; one that is within twice its rounding as "< that".

    Parameters
    ----------
    gap, rounding : float
        Relative; rounding is the part of the gap that stands for rounding errors.
    """
    within = 0 < gap <= 2 * rounding and math.isfinite(gap)
    return f"< {1.06 * gap:.1e}" if within else f"{gap:.2e}"
