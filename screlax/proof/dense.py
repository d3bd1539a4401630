"""The certificate of any Gram matrix, by dense matrices.

Both points are *made* feasible here (`repair`), whatever they were made from, and the gap is summed
from its three nonnegative parts

    upper − lower = (loss − minorant)(G) + ⟨S, G⟩ + Σ_g y_g (limit_g − own_g)

instead of subtracting two nearly equal numbers; for a row softmax the first is the Kullback–Leibler
divergence Σ_g ω_g KL(p_g ‖ softmax_g). With nonnegative features S is less Y ≥ 0, the multipliers
of the entries' bound, and ⟨Y, G⟩ is a fourth part. With linear constraints S is with Σ z_i A_i,
and Σ z_i (bound_i − ⟨A_i, G⟩) another part. A matrix that does not satisfy them up to the rounding
of ⟨A_i, G⟩ gives no upper bound; what that rounding can be worth, |z_i| each, is in the error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..gram.cells import CellGram, Level
from ..gram.curve import AnyGram
from ..gram.rounding import UNIT, product, product_sizes, summation
from ..problem.losses.minorant import Minorant
from ..problem.program import Program
from ..types import Matrix, Vector
from .certificate import Certificate
from .dual import DualPoint
from .entries import stationary_entries
from .repair import FeasibleDual, products_by_cell, repair_dual, repair_primal

_ORTHOGONAL = 8 * UNIT
"""Inner products, relative to the largest squared norm, that averages of zeros round to."""


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


def certify(relaxation: Program, gram: CellGram, duals: Iterable[DualPoint] = ()) -> Proof:
    """Repair an approximate Gram matrix and prove how far from optimal it is.

    Parameters
    ----------
    relaxation : Program
        The problem at the level of `gram`.
    gram : CellGram
        Any approximate solution G/τ; need not be feasible, but must be finite.
    duals : iterable of DualPoint, optional
        Further dual candidates, for example a solver's own; each is checked and repaired like the
        minorant of the loss at `gram`, and the best bound counts.
    """
    loss = relaxation.loss
    with np.errstate(all="ignore"):
        primal = repair_primal(relaxation, gram)
        feasible, at = primal.gram, loss.expand(primal.gram)
        value, penalty = loss.value(feasible), relaxation.penalty @ feasible.own
        error = loss.rounding(feasible, at, value, primal.shift)
        error += (summation(relaxation.size) + primal.shift) * abs(float(penalty))
        value += float(penalty)
        bounds = [
            _bound(
                relaxation,
                repair_dual(relaxation, minorant, feasible, given, entries, linear),
                feasible,
                origin,
            )
            for minorant, given, entries, linear, origin in _candidates(
                relaxation, feasible, at, duals
            )
        ]
    best = max(bounds, key=lambda bound: max(bound.direct, value - bound.gap - bound.rounding))
    if not _holds(relaxation, feasible):
        value = math.inf
    error += best.worth
    certificate = Certificate.around(
        Level(relaxation.level).value,
        value,
        best.gap,
        relaxation.infimum,
        (error, best.rounding),
        (primal.smallest, best.slack_min),
        best.direct,
    )
    return Proof(certificate, feasible, best.origin)


_Candidate = tuple[Minorant, Vector | None, Matrix | None, Vector | None, DualPoint | None]


def _candidates(
    relaxation: Program, gram: CellGram, at: object, duals: Iterable[DualPoint]
) -> Iterator[_Candidate]:
    """Yield minorants with multipliers: that of the Gram matrix, then every usable other one."""
    loss = relaxation.loss
    own = loss.minorant(gram, at)
    assert own is not None
    for entries in _entries(relaxation, own, gram, None):
        yield own, None, entries, None, None
    for dual in duals:
        minorant = loss.minorant(gram, at, dual.rows)
        if minorant is None:
            continue
        linear = _linear(relaxation, dual)
        for entries in _entries(relaxation, minorant, gram, dual.entries):
            given = None if dual.entries is None else entries
            yield minorant, None, entries, linear, DualPoint(dual.rows, None, given, linear)
            if dual.multipliers is not None and np.isfinite(dual.multipliers).all():
                origin = DualPoint(dual.rows, dual.multipliers, given, linear)
                yield minorant, dual.multipliers, entries, linear, origin
            if linear is not None and dual.rows is not None:  # with the rows of the Gram matrix
                yield own, None, entries, linear, DualPoint(None, None, given, linear)


def _holds(relaxation: Program, gram: CellGram) -> bool:
    """Whether a Gram matrix satisfies the constraints of the problem's own."""
    linear, convex = relaxation.linear, relaxation.convex
    if linear is not None and not linear.hold(gram):
        return False
    return convex is None or convex.hold(gram)


def _linear(relaxation: Program, dual: DualPoint) -> Vector | None:
    """Return the multipliers of linear constraints that a dual point has, where they are of use."""
    bounds, given = relaxation.linear, dual.linear
    if bounds is None or given is None or given.shape != (len(bounds),):
        return None
    return bounds.admissible(given) if np.isfinite(given).all() else None


def _entries(
    relaxation: Program, minorant: Minorant, gram: CellGram, given: Matrix | None
) -> Iterator[Matrix | None]:
    """Yield multipliers Y ≥ 0 of the entries' bound; None without one.

    Those given; by default what is positive in the slope where the Gram matrix is zero up to
    rounding (at orthogonal points the slack is then diagonal), and what makes the slack stationary.
    """
    if not relaxation.is_nonnegative:
        yield None
        return
    if given is not None and np.isfinite(given).all():
        yield _nonnegative(relaxation, given)
        return
    slope, cells = minorant.coefficients, relaxation.cells
    is_zero = gram.pair <= _ORTHOGONAL * gram.own.max()
    yield _nonnegative(relaxation, np.where(is_zero, slope.pair, 0.0))
    if np.count_nonzero(gram.pair) > np.count_nonzero(np.diagonal(gram.pair)):
        along = products_by_cell(slope, gram)
        own = slope.own + relaxation.control.multipliers(along, gram.own, cells)
        found = stationary_entries(relaxation, CellGram(own, slope.pair), gram)
        yield _nonnegative(relaxation, found)


def _nonnegative(relaxation: Program, given: Matrix) -> Matrix:
    """Return the nonnegative, symmetric part of multipliers, without those of single points."""
    bound = np.maximum(given + given.T, 0.0) / 2
    np.fill_diagonal(bound, np.where(relaxation.cells.points > 1, np.diagonal(bound), 0.0))
    return bound


@dataclass(frozen=True, eq=False)
class _Bound:
    """A dual candidate's gap and its rounding, the same bound computed directly, and its origin."""

    gap: float
    rounding: float
    direct: float
    slack_min: float
    origin: DualPoint | None
    worth: float = 0.0
    """What the tolerance of linear constraints is worth, by their multipliers."""


def _bound(
    relaxation: Program, dual: FeasibleDual, gram: CellGram, origin: DualPoint | None
) -> _Bound:
    """Return what a dual point proves; nothing where it could not be repaired beyond rounding."""
    if not dual.is_proved:
        return _Bound(math.inf, math.inf, -math.inf, dual.smallest, origin)
    gap, rounding = duality_gap(relaxation, dual, gram)
    bound, error = dual_bound(relaxation, dual)
    direct = bound - error
    if math.isnan(gap + rounding):
        gap = rounding = math.inf
    worth = 0.0
    if dual.linear is not None and relaxation.linear is not None:
        worth = float(np.abs(dual.linear) @ relaxation.linear.tolerance(gram))
    direct = -math.inf if math.isnan(direct) else direct
    return _Bound(gap, rounding, direct, dual.smallest, origin, worth)


def dual_bound(relaxation: Program, dual: FeasibleDual) -> tuple[float, float]:
    """Return the lower bound term by term, for checking `lower`, and its largest error."""
    control, cells = relaxation.control, relaxation.cells
    constant, error = dual.minorant.constant()
    price = control.price(dual.multipliers, cells)
    sizes = control.price(np.abs(dual.multipliers), cells)
    if dual.linear is not None and relaxation.linear is not None:
        price += relaxation.linear.price(dual.linear)
        sizes += relaxation.linear.price_sizes(dual.linear)
    return constant - price, error + 2 * summation(len(cells)) * sizes


def duality_gap(relaxation: Program, dual: FeasibleDual, gram: CellGram) -> tuple[float, float]:
    """Return upper − lower of a feasible pair from its three nonnegative parts, and its error."""
    excess, error = dual.minorant.excess()
    slackness, sizes = relaxation.control.slackness(dual.multipliers, gram.own, relaxation.cells)
    gap = excess + product(dual.slack, gram) + slackness
    if dual.entries is not None:
        gap += float(np.vdot(dual.entries, gram.pair))
    if dual.linear is not None and relaxation.linear is not None:
        gap += relaxation.linear.slackness(dual.linear, gram)
        sizes += float(np.abs(dual.linear) @ relaxation.linear.sizes(gram))
    sizes += product_sizes(dual.sizes, gram)
    return gap, error + summation(relaxation.size) * sizes
