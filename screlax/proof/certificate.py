"""Proof of optimality from any approximate solution; no solver's word is used.

For row-stochastic P and multipliers y on the squared norms, weak duality gives the lower bound

    D(P, y) = Σ_g ω_g Σ_h p_gh log(w_gh / p_gh) − (bound paid for y)      whenever  S(P, y) ⪰ 0,

and the objective at a feasible Gram matrix is an upper bound. Both points are *made* feasible here
(`repair.py`), whatever they were made from, and the gap is summed from its three nonnegative parts

    upper − lower = Σ_g ω_g KL(p_g ‖ softmax_g) + ⟨S, G⟩ + Σ_g y_g (ρ − own_g)

instead of subtracting two nearly equal numbers. All arithmetic is in double precision; what its
rounding can do to either bound is estimated beforehand from what is summed, and is part of the gap.
Source: Lagrangian duality of the relaxation in Behnia and Thrampoulidis 2024; Boyd and
Vandenberghe, Convex Optimization, section 5.9 (semidefinite duals).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..gram.cells import CellGram, Level
from ..gram.curve import AnyGram
from ..problem.constraints.norms import Ball, Budget, Sphere
from ..problem.program import Relaxation, RowWeights
from ..types import Matrix, Vector
from .blocks import slack_product
from .dual import DualPoint
from .repair import dual_candidates, repair_dual, repair_primal
from .rounding import bound_rounding, gap_rounding, value_rounding


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
            return cls(level, math.inf, infimum, infimum, math.inf, math.inf, *eigenvalues)
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

    def proves(self, tolerance: float) -> bool:
        """Whether the relative gap is a number from zero to `tolerance`."""
        return math.isfinite(self.upper) and 0 <= self.relative_gap <= tolerance

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
    scale = abs(value) + (value - infimum if math.isfinite(infimum) else 0.0)
    return gap / max(scale, sys.float_info.min) if math.isfinite(gap) else math.inf


def format_gap(gap: float, rounding: float) -> str:
    """Return a relative gap as text; one that is within twice its rounding as "< that".

    Parameters
    ----------
    gap, rounding : float
        Relative; rounding is the part of the gap that stands for rounding errors.
    """
    within = 0 < gap <= 2 * rounding and math.isfinite(gap)
    return f"< {1.06 * gap:.1e}" if within else f"{gap:.2e}"


@dataclass(frozen=True, eq=False)
class Proof:
    """A certificate together with the two points it stands on.

    Attributes
    ----------
    certificate : Certificate
    gram : CellGram or SlackVectorGram
        The feasible Gram matrix G/τ whose objective is `certificate.upper`.
    dual : DualPoint or None
        The dual candidate behind `certificate.lower`; None for the softmax rows of `gram`.
    """

    certificate: Certificate
    gram: AnyGram
    dual: DualPoint | None


def certify(relaxation: Relaxation, gram: CellGram, duals: Iterable[DualPoint] = ()) -> Proof:
    """Repair an approximate Gram matrix and prove how far from optimal it is.

    Parameters
    ----------
    relaxation : Relaxation
        The problem at the level of `gram`.
    gram : CellGram
        Any approximate solution G/τ; need not be feasible, but must be finite.
    duals : iterable of DualPoint, optional
        Further dual candidates, for example a solver's own; each is checked and repaired like the
        softmax rows of `gram`, and the best bound counts.
    """
    with np.errstate(all="ignore"):
        primal = repair_primal(relaxation, gram)
        value, softmax = relaxation.value(primal.gram), relaxation.softmax(primal.gram)
        error = value_rounding(relaxation, primal.gram, softmax, value, primal.shift)
        candidates = dual_candidates(relaxation, softmax, duals)
        bounds = [_bound(relaxation, primal.gram, softmax, candidate) for candidate in candidates]
    best = max(bounds, key=lambda bound: max(bound.direct, value - bound.gap - bound.rounding))
    certificate = Certificate.around(
        Level(relaxation.level).value,
        value,
        best.gap,
        relaxation.infimum,
        (error, best.rounding),
        (primal.smallest, best.slack_min),
        best.direct,
    )
    return Proof(certificate, primal.gram, None if best.dual.rows is softmax else best.dual)


@dataclass(frozen=True, eq=False)
class _Bound:
    """A dual candidate's gap and its rounding, the same bound computed directly, and its origin."""

    gap: float
    rounding: float
    direct: float
    slack_min: float
    dual: DualPoint


def _bound(
    relaxation: Relaxation, gram: CellGram, softmax: RowWeights, candidate: DualPoint
) -> _Bound:
    """Return what a dual candidate proves; nothing where it cannot be repaired beyond rounding."""
    feasible = repair_dual(relaxation, candidate, gram)
    if not feasible.is_proved:
        return _Bound(math.inf, math.inf, -math.inf, feasible.smallest, candidate)
    rows, multipliers = feasible.rows, feasible.multipliers
    gap = duality_gap(relaxation, gram, softmax, rows, multipliers)
    rounding = gap_rounding(relaxation, gram, softmax, rows, multipliers)
    direct = dual_bound(relaxation, rows, multipliers)
    direct -= bound_rounding(relaxation, rows, multipliers)
    if math.isnan(gap + rounding):
        gap = rounding = math.inf
    return _Bound(
        gap, rounding, -math.inf if math.isnan(direct) else direct, feasible.smallest, candidate
    )


def dual_bound(relaxation: Relaxation, rows: RowWeights, multipliers: Vector) -> float:
    """Return D(P, y) term by term; the direct formula, for checking `lower`."""
    entropy = _weighted_entropy(rows.own, relaxation.weight.own)
    entropy = entropy + _weighted_entropy(rows.pair, relaxation.weight.pair).sum(axis=1)
    bound = float(relaxation.anchors @ entropy)
    if isinstance(relaxation.control, Ball | Sphere | Budget):
        bound -= relaxation.control.parameter * float(multipliers.sum())
    return bound


def duality_gap(
    relaxation: Relaxation,
    gram: CellGram,
    softmax: RowWeights,
    rows: RowWeights,
    multipliers: Vector,
) -> float:
    """Return upper − lower of a feasible pair from its three nonnegative parts.

    Parameters
    ----------
    relaxation : Relaxation
    gram : CellGram
        Feasible Gram matrix G/τ.
    softmax : RowWeights
        The softmax rows at `gram`.
    rows, multipliers
        Feasible dual point.
    """
    divergence = relative_entropy(rows.own, softmax.own)
    divergence = divergence + relative_entropy(rows.pair, softmax.pair).sum(axis=1)
    gap = float(relaxation.anchors @ divergence)
    gap += slack_product(relaxation.slack(rows, multipliers), gram)
    if isinstance(relaxation.control, Ball | Sphere | Budget):
        gap += float(multipliers @ (relaxation.control.parameter - gram.own))
    return gap


_ENTROPY_SERIES = [(-1) ** j / (j * (j - 1)) for j in range(9, 1, -1)]
"""(1 + d) log(1 + d) − d = d² Σ_j (−1)^j d^{j−2} / (j(j−1)), highest power first."""


def relative_entropy(p: Vector | Matrix, q: Vector | Matrix) -> Vector | Matrix:
    """Return p log(p/q) − p + q entry by entry, accurate to the last digits also where p ≈ q.

    The entries are nonnegative and, for stochastic rows, sum to the Kullback–Leibler divergence.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        change = (p - q) / q
        near = np.abs(change) < 1e-2
        small = np.where(near, change, 0.0)
        series = small**2 * np.polyval(_ENTROPY_SERIES, small)
        far = np.where(p > 0, p * (np.log(p) - np.log(q)), 0.0) - p + q
    return np.where((p == 0) & (q == 0), 0.0, np.where(near, q * series, far))


def _weighted_entropy(p: Vector | Matrix, weight: Vector | Matrix) -> Vector | Matrix:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * (np.log(weight) - np.log(p)), 0.0)
