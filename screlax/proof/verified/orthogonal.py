"""Bounds of orthogonal classes for nonnegative features that hold in exact arithmetic.

As in `proof.orthogonal`: with 1 − p_c = q_c ≤ y_c/a_c the slack diag(y_c − a_c q_c) is nonnegative,
what classes meet has multipliers of the right sign, and

    D = Σ κ a [p log(o/p) + q log(U/q)] − price(y),     value = Σ κ a log(o + U e^{−m}) + penalty,

both enclosed in balls.
"""

from __future__ import annotations

from typing import Any

from flint import arb

from ...equations.orthogonal import OrthogonalClasses
from ...problem.constraints.norm_control import NormControl
from ...types import Vector
from .balls import Balls, Bounds, balls, largest, total


def bounds_of(
    classes: OrthogonalClasses, control: NormControl, parameter: Any, own: Vector
) -> Bounds:
    """Return a lower and an upper bound, and whether the latter's point is certainly feasible.

    Parameters
    ----------
    classes : OrthogonalClasses
    control : NormControl
    parameter : arb
        λτ of a ridge, ρ/τ of the others.
    own : ndarray, shape (m,)
        Squared norms of one class of every orbit, at unit temperature.
    """
    at = _Classes(classes, control, parameter)
    return at.lower(own), at.upper(own), bool((own >= 0).all())


class _Classes:
    """The numbers of the classes as balls."""

    def __init__(self, classes: OrthogonalClasses, control: NormControl, parameter: Any) -> None:
        self._classes, self._control, self._parameter = classes, control, parameter
        terms = classes.terms
        self._copies, self._anchors = balls(classes.copies), balls(terms.anchors)
        self._own, pair, each = (balls(x) for x in (terms.own, terms.pair, terms.embeddings))
        self._mass = [count * r for count, r in zip(self._copies, each, strict=True)]
        self._each = each
        whole = total(count * u for count, u in zip(self._copies, pair, strict=True))
        self._others = [whole - u for u in pair]

    def upper(self, norms: Vector) -> Any:
        """Return the objective at these norms, scaled to the bound."""
        own, limit = balls(norms), self._parameter
        if self._control.fixes_norms:
            own = [limit for _ in own]
        trace = total(mass * x for mass, x in zip(self._mass, own, strict=True))
        if not (self._control.fixes_norms or self._control.is_penalty) and trace > 0:
            share = (limit * total(self._mass) / trace).min(arb(1))
            own = [share * x for x in own]
        value = total(
            count * a * (weight + others * (-x).exp()).log()
            for count, a, weight, others, x in zip(
                self._copies, self._anchors, self._own, self._others, own, strict=True
            )
        )
        return value + limit / 2 * trace if self._control.is_penalty else value

    def lower(self, norms: Vector) -> Any:
        """Return the dual bound of rows near the softmax at these norms."""
        leaves = balls(self._classes.shares(norms)[1])
        allowed = self._allowed(leaves)
        rows = []
        for a, own, others, leave, most in zip(
            self._anchors, self._own, self._others, leaves, allowed, strict=True
        ):
            leave = (arb(1) if own.is_zero() else leave).min(most / a) if a > 0 else arb(0)
            rows.append(a * (_entropy(leave, others) + _entropy(1 - leave, own)))
        value = total(count * row for count, row in zip(self._copies, rows, strict=True))
        if self._control.is_penalty:
            return value
        paid = total(count * y for count, y in zip(self._copies, allowed, strict=True))
        return value - self._parameter * paid

    def _allowed(self, leaves: Balls) -> Balls:
        """Return y of one class of every orbit."""
        if self._control.is_penalty:
            return [self._parameter / 2 * r for r in self._each]
        pull = [a * leave for a, leave in zip(self._anchors, leaves, strict=True)]
        if self._control.fixes_norms:
            return pull
        price = largest([y / r for y, r in zip(pull, self._each, strict=True)])
        return [price * r for r in self._each]


def _entropy(share: Any, weight: Any) -> Any:
    """Return p log(w/p), zero for no share."""
    return arb(0) if share.is_zero() else share * (weight / share).log()
