"""Proof of optimality from any approximate solution; no solver's word is used.

For row-stochastic P and multipliers y on the squared norms, weak duality gives the lower bound

    D(P, y) = Σ_g ω_g Σ_h p_gh log(w_gh / p_gh) − (bound paid for y)      whenever  S(P, y) ⪰ 0,

and the objective at a feasible Gram matrix is an upper bound. Both points are *made* feasible here
(`repair.py`), whatever they were made from, and the gap is summed from its three nonnegative parts

    upper − lower = Σ_g ω_g KL(p_g ‖ softmax_g) + ⟨S, G⟩ + Σ_g y_g (ρ − own_g)

instead of subtracting two nearly equal numbers. All arithmetic is in double precision: the
certificate holds up to rounding of the order of 1e-15 of the value.
Source: Lagrangian duality of the relaxation in Behnia and Thrampoulidis 2024; Boyd and
Vandenberghe, Convex Optimization, section 5.9 (semidefinite duals).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..gram.curve import AnyGram
from ..gram.levels import CellGram, Level, Matrix, Vector
from ..problem.constraints.norms import Ball, Budget, Sphere
from ..problem.program import Relaxation, RowWeights
from .blocks import slack_product
from .dual import DualPoint
from .repair import dual_candidates, repair_dual, repair_primal


@dataclass(frozen=True)
class Certificate:
    """Two proved bounds on the optimal value, and the raw quality of what they were made from.

    Attributes
    ----------
    level : str
        The level at which the certificate was computed.
    upper : float
        Objective at the feasible Gram matrix, summed over anchors.
    lower : float
        Dual bound: no embeddings of any dimension have a smaller objective.
    gap : float
        upper − lower, summed from its nonnegative parts, not by subtraction.
    relative_gap : float
        gap / upper (the objective is positive).
    primal_min_eigenvalue : float
        Smallest eigenvalue of the n×n Gram matrix as the solver returned it, before repair, not
        counting the zeros that lifting from a smaller level adds.
    slack_min_eigenvalue : float
        Smallest eigenvalue of N^{-1/2} S N^{-1/2}, the dual slack per sample, before repair.
    """

    level: str
    upper: float
    lower: float
    gap: float
    relative_gap: float
    primal_min_eigenvalue: float
    slack_min_eigenvalue: float

    def proves(self, tolerance: float) -> bool:
        """Whether the relative gap is a number of at most `tolerance` in size.

        A negative gap is impossible; one beyond the tolerance would mean a defect, not optimality.
        """
        return math.isfinite(self.upper) and abs(self.relative_gap) <= tolerance


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
    feasible, primal_min = repair_primal(relaxation, gram)
    upper = relaxation.value(feasible)
    softmax = relaxation.softmax(feasible)
    found: list[_Bound] = []
    for candidate in dual_candidates(relaxation, softmax, duals):
        rows, multipliers, slack_min = repair_dual(relaxation, candidate, feasible)
        gap = duality_gap(relaxation, feasible, softmax, rows, multipliers)
        direct = dual_bound(relaxation, rows, multipliers)
        dual = None if candidate.rows is softmax else candidate
        found.append(_Bound(gap, direct, slack_min, dual))
    best = min(found, key=lambda bound: abs(bound.gap))
    certificate = Certificate(
        level=Level(relaxation.level).value,
        upper=upper,
        lower=upper - best.gap if best.gap < 0.999 * upper else best.direct,
        gap=best.gap,
        relative_gap=relative(best.gap, upper),
        primal_min_eigenvalue=primal_min,
        slack_min_eigenvalue=best.slack_min,
    )
    return Proof(certificate, feasible, best.dual)


@dataclass(frozen=True, eq=False)
class _Bound:
    """A dual candidate's gap, the same bound computed directly, and where it came from."""

    gap: float
    direct: float
    slack_min: float
    dual: DualPoint | None


def relative(gap: float, upper: float) -> float:
    """Return gap / upper; the objective is nonnegative, and zero only where the gap is too."""
    if math.isinf(gap):
        return math.inf
    if upper > 0:
        return gap / upper
    return 0.0 if gap == 0 else math.inf


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
