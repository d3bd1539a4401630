"""Bounds from a slack vector that hold in exact arithmetic, as enclosures of both values.

Any v > 0 and Z > 0, taken exactly as the numbers they are stored as, determine a dual and a primal
point that are feasible by identities, as in `proof.structured`; here both objectives are enclosed
in ball arithmetic, so that nothing is left to rounding and nothing is factorised:

*Dual.* p_gh = (2 v_g v_h/a_g) Z_h/(Z_g+Z_h) off the diagonal, t of it and the rest on the own class
(t ≤ 1): S = t v vᵀ + diag(R − t (v² + a off)), off_g = Σ p_gh, is positive semidefinite as soon as
the diagonal is nonnegative, which the choice of t (ridge), μ (budget) or ν (ball, sphere) says.

*Primal.* pair_gh = log(2 v_g v_h Z_g Z_h/(u_g u_h (Z_g+Z_h))) off the diagonal, moved so that
G v = 0 holds exactly: then G is positive semidefinite if the spreads own − pair_gg are nonnegative.

Source: Johansson 2017, Arb: efficient arbitrary-precision midpoint-radius interval arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from flint import arb

from ...problem.constraints.norm_control import NormControl
from .balls import Balls, Bounds, largest
from .sums import Sums


@dataclass(frozen=True, eq=False)
class Data:
    """A problem and its multipliers as balls; lists have one entry for the classes of each orbit.

    Attributes
    ----------
    anchors, own, pair, embeddings : list of arb
        a, o, u and r.
    copies : list of arb
        κ.
    parameter : arb
        λτ of a ridge, ρ/τ of the others.
    log_slack, log_normalizer : list of arb
        log v and ζ = log Z.
    """

    anchors: Balls
    own: Balls
    pair: Balls
    embeddings: Balls
    copies: Balls
    parameter: Any
    log_slack: Balls
    log_normalizer: Balls


class Enclosures:
    """What all controls share: sums over classes, and the dual objective."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.slack = [log.exp() for log in data.log_slack]
        self.sums = Sums(data.log_normalizer, data.copies)
        log_pair = [pair.log() for pair in data.pair]
        columns = zip(log_pair, data.log_slack, data.log_normalizer, strict=True)
        self._extra = [log_u - log_v - zeta for log_u, log_v, zeta in columns]
        self.height = [
            log_v - log_u for log_v, log_u in zip(data.log_slack, log_pair, strict=True)
        ]  # log(v/u)
        self.share, self.logs, self._flow = self.sums.over_others(self.slack, self._extra)

    @cached_property
    def leaving(self) -> Balls:
        """What a row has on other classes, a off."""
        return [2 * v * share for v, share in zip(self.slack, self.share, strict=True)]

    @cached_property
    def slope(self) -> Balls:
        """v² + a off, what the diagonal of the slack lacks."""
        return [v * v + leave for v, leave in zip(self.slack, self.leaving, strict=True)]

    @cached_property
    def _cross(self) -> Balls:
        """Cross entropy of that, a Σ' p log(u/p)."""
        data, log_two = self.data, arb(2).log()
        return [
            (a.log() - log_two - log_v) * leave + 2 * v * flow
            for a, log_v, leave, v, flow in zip(
                data.anchors, data.log_slack, self.leaving, self.slack, self._flow, strict=True
            )
        ]

    def dual(self, share: Any) -> Any:
        """Return Σ κ a Σ p log(w/p) of rows with that share of p off the diagonal."""
        data, log_share, rows = self.data, share.log(), []
        for a, own, leave, cross in zip(
            data.anchors, data.own, self.leaving, self._cross, strict=True
        ):
            stays = a - share * leave
            rows.append(share * (cross - leave * log_share) + stays * (own * a / stays).log())
        return _sum_of(data.copies, rows)

    @cached_property
    def products(self) -> Balls:
        """Σ' v_h pair_gh."""
        data = self.data
        whole = _sum_of(data.copies, self.slack)
        levels = [
            height + zeta for height, zeta in zip(self.height, data.log_normalizer, strict=True)
        ]
        mean = _sum_of(data.copies, self.slack, levels)
        log_two = arb(2).log()
        return [
            (log_two + level) * (whole - v) + (mean - v * level) - log
            for level, v, log in zip(levels, self.slack, self.logs, strict=True)
        ]

    @cached_property
    def same(self) -> Balls:
        """pair_gg, of two classes of a kind."""
        return [
            2 * height + zeta
            for height, zeta in zip(self.height, self.data.log_normalizer, strict=True)
        ]

    def rows(self, own: Balls, outside: Balls) -> Any:
        """Return Σ κ a log(o + outside), with outside = Σ' u e^{pair − own}."""
        data = self.data
        logs = [(weight + rest).log() for weight, rest in zip(data.own, outside, strict=True)]
        return _sum_of(data.copies, data.anchors, logs)

    def around(self, own: Balls, shift: Any) -> Balls:
        """Return Σ' u e^{pair − own} where all pairs are moved by a number."""
        data = self.data
        return [
            (zeta - log + shift).exp() * leave / u
            for zeta, log, leave, u in zip(
                data.log_normalizer, own, self.leaving, data.pair, strict=True
            )
        ]


def _sum_of(copies: Balls, *factors: Balls) -> Any:
    """Return the sum of κ x y and so on."""
    found = arb(0)
    for count, *numbers in zip(copies, *factors, strict=True):
        for number in numbers:
            count = count * number
        found += count
    return found


def bounds_of(data: Data, control: NormControl) -> Bounds:
    """Return both bounds under a control at unit temperature."""
    if control.fixes_norms:
        return _bounded(data)
    data = _polished(data, control)
    return _ridge(data) if control.is_penalty else _budget(data)


def _polished(data: Data, control: NormControl) -> Data:
    """Move v so that the slack is stationary to more digits than a double has.

    From v to v R/(v² + a off), less half of what all have in common: the slope has degree two.
    """
    at = Enclosures(data)
    mass = _sum_of(data.copies, data.embeddings)
    price = data.parameter / 2 if control.is_penalty else _sum_of(data.copies, at.slope) / mass
    moves = [(price * r / slope).log() for r, slope in zip(data.embeddings, at.slope, strict=True)]
    common = _sum_of(data.copies, data.embeddings, moves) / mass / 2
    moved = [(log + move - common).mid() for log, move in zip(data.log_slack, moves, strict=True)]
    return replace(data, log_slack=moved)


def _ridge(data: Data) -> Bounds:
    at = Enclosures(data)
    half = data.parameter / 2
    needed = largest([slope / r for slope, r in zip(at.slope, data.embeddings, strict=True)])
    share = (half / needed).lower().min(arb(1))
    own = [-product / v for product, v in zip(at.products, at.slack, strict=True)]
    upper = at.rows(own, at.around(own, arb(0)))
    upper += half * _sum_of(data.copies, data.embeddings, own)
    return at.dual(share), upper, _spread(own, at.same, arb(0))


def _budget(data: Data) -> Bounds:
    """Meet the trace by moving all centres alike."""
    at = Enclosures(data)
    mass = _sum_of(data.copies, data.embeddings)
    price = largest([slope / r for slope, r in zip(at.slope, data.embeddings, strict=True)])
    lower = at.dual(arb(1)) - price * data.parameter * mass
    whole = _sum_of(data.copies, at.slack)
    own = [-product / v for product, v in zip(at.products, at.slack, strict=True)]
    along = [-2 * (whole - v) / v for v in at.slack]
    trace, rate = (_sum_of(data.copies, data.embeddings, numbers) for numbers in (own, along))
    shift = (mass * data.parameter - trace) / rate
    own = [x + shift * way for x, way in zip(own, along, strict=True)]
    upper = at.rows(own, at.around(own, 2 * shift))
    return lower, upper, _spread(own, at.same, 2 * shift)


def _bounded(data: Data) -> Bounds:
    """Move the centres so that G v = 0 with own = ρ, on a ball or sphere."""
    at, limit = Enclosures(data), data.parameter
    lower = at.dual(arb(1)) - limit * _sum_of(data.copies, at.slope)
    whole = _sum_of(data.copies, at.slack)
    base = [product + limit * v for product, v in zip(at.products, at.slack, strict=True)]
    inverse = [1 / (whole - 2 * v) for v in at.slack]
    common = -_sum_of(data.copies, at.slack, inverse, base)
    common /= 1 + _sum_of(data.copies, at.slack, inverse)
    moved = [-(b + common) * x for b, x in zip(base, inverse, strict=True)]
    lifted = [v * move.exp() for v, move in zip(at.slack, moved, strict=True)]
    share = at.sums.share(lifted)
    outside = [
        (move - limit + zeta).exp() * 2 * v * part / u
        for move, zeta, v, part, u in zip(
            moved, data.log_normalizer, at.slack, share, data.pair, strict=True
        )
    ]
    own = [limit] * len(moved)
    same = [pair + 2 * move for pair, move in zip(at.same, moved, strict=True)]
    return lower, at.rows(own, outside), _spread(own, same, arb(0))


def _spread(own: Balls, same: Balls, shift: Any) -> bool:
    """Whether every own − pair_gg is certainly nonnegative."""
    return all(bool(x - pair - shift >= 0) for x, pair in zip(own, same, strict=True))
