"""Two strengths of a ridge that a loss of `ClassSoftmax` is told apart by, in O(m) memory.

From λ_max on the optimum is zero. With â = a/(o + U − u), U = Σ u and R = diag(r) the slack at zero
is λ/2 R − A, A = diag(Uâ) − ½(â uᵀ + u âᵀ), so that λ_max = 2 eig_max(A, R): a diagonal plus rank
two, whose inertia is that of a 2×2 matrix (Sylvester's law; Golub 1973, "Some modified matrix
eigenvalue problems").

Below λ_b there is no optimum. A loss without own weights, o_c = 0, falls without end along M if

    Σ_c a_c (M_cc − max_{c'≠c, u_c'>0} M_cc') > λ/2 Σ_c r_c M_cc                (sum over o_c = 0).

The best M has some classes on one point, all others a direction of their own each, and equal inner
products otherwise. Writing t = λ/2, such an M exists for the classes Q on one point if and only if
Σ_{c∉Q} √(r_c − a_c/t) + √(Σ_Q r_c) < √(Σ r). The left side is least for a Q of the largest
√(r_c − a_c/t)/r_c, as it is concave in Σ_Q r. Classes of pair weight zero, in no row but their own,
have no part in that. They fall together, away from the convex hull of all others, if their
Σ a_c²/(4(t r_c − a_c)) exceeds t Σ r of those others.

That no other M is worse is seen, not proved: tests compare λ_b with the semidefinite program
2 min{t : P stochastic where there are weights, sym(diag(a)(P − I)) + t R ⪰ 0}, which is its dual.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...gram.rounding import summation
from ...types import Vector

if TYPE_CHECKING:
    from .class_softmax import ClassTerms


class SlackAtZero:
    """The slack λ/2 R − A at zero, in orbits and scaled by R: level − diagonal + rank two.

    Attributes
    ----------
    log_normalizer : ndarray, shape (m,)
        log(o + U − u), the loss of a row at zero.
    unit : float
        Largest relative error of sums over the orbits.
    """

    def __init__(self, terms: ClassTerms, copies: Vector) -> None:
        every = float(copies @ terms.pair)
        anchored = terms.anchors > 0
        normalizer = np.where(anchored, terms.own + terms.others(copies), 1.0)
        share = terms.anchors / normalizer
        scale = np.sqrt(copies / terms.embeddings)
        self.log_normalizer = np.log(normalizer)
        self.unit = 4 * summation(len(copies))
        self._copies = copies
        self._diagonal = every * share / terms.embeddings
        self._vectors = share * scale, terms.pair * scale

    def least_level(self, low: float = 0.0, unit: float = 0.0) -> float:
        """Return the least level from `low` on at which the slack is positive semidefinite.

        Where it certainly is, with sums off by `unit` relative to their sizes.
        """

        def holds(level: float) -> bool:
            diagonal = level - self._diagonal * (1 + unit)
            return is_semidefinite(diagonal, *self._vectors, self._copies, unit)

        first, second = self._vectors
        if not (first.any() and second.any()) or holds(low):
            return low
        spread = float(np.linalg.norm(first) * np.linalg.norm(second) - first @ second) / 2
        high = (max(low, float(self._diagonal.max())) + spread) * (1 + 4 * unit + 1e-15)
        while not holds(high):
            high *= 1 + 1e-12
        return least(holds, low, high)


def zero_threshold(terms: ClassTerms, copies: Vector) -> float:
    """Return λ_max at unit temperature, see above, rounded up to where it proves zero optimal.

    Parameters
    ----------
    terms : ClassTerms
        Of each orbit.
    copies : ndarray, shape (m,)
        Number of classes of each orbit.
    """
    slack = SlackAtZero(terms, copies)
    return 2 * slack.least_level(unit=slack.unit) * (1 + 1e-15)


def is_semidefinite(
    diagonal: Vector, first: Vector, second: Vector, copies: Vector, unit: float = 0.0
) -> bool:
    """Whether diag(diagonal) + ½(first secondᵀ + second firstᵀ) ⪰ 0, by its inertia.

    By classes: in orbits `first` and `second` are times √copies, and `diagonal` is an eigenvalue
    itself where there are several. With `unit`, whether it certainly is although the sums are off
    by so much relative to the sizes of their terms.
    """
    negative = diagonal < 0
    if (negative & (copies > 1)).any() or negative.sum() > 1:
        return False
    with np.errstate(all="ignore"):
        inverse = 1 / np.where(diagonal == 0, np.finfo(float).tiny, diagonal)
        terms = np.stack([first * first, second * second, first * second]) * inverse
        error = unit * np.abs(terms).sum(axis=1)
        firsts, seconds, mixed = terms.sum(axis=1)
        firsts, seconds, mixed = firsts + error[0], seconds + error[1], abs(mixed + 2)
        if not np.isfinite([firsts, seconds, mixed]).all():
            return False
        size = math.sqrt(max(firsts * seconds, 0.0))
    if negative.any():
        return bool(firsts <= 0 and seconds <= 0 and size >= mixed + error[2])
    return bool(size <= mixed - error[2])


def bounded_threshold(terms: ClassTerms, copies: Vector) -> float:
    """Return λ_b at unit temperature, zero where every anchored class has own weight."""
    falling = np.where(terms.own > 0, 0.0, terms.anchors)
    seen = terms.pair > 0
    half = 0.0
    if falling[seen].any() and copies[seen].sum() > 1:
        half = _among_each_other(falling[seen], terms.embeddings[seen], copies[seen])
    unseen = (falling > 0) & ~seen
    if unseen.any():
        room = float((copies * terms.embeddings)[seen].sum())
        alone = _unseen(falling[unseen], terms.embeddings[unseen], copies[unseen], room)
        half = max(half, alone)
    return 2 * half


def _among_each_other(falling: Vector, embeddings: Vector, copies: Vector) -> float:
    """Return λ_b/2 where every class is in the rows of all others."""
    root = float(np.sqrt(copies @ embeddings))

    def is_bounded(half: float) -> bool:
        left = np.sqrt(np.maximum(embeddings - falling / half, 0.0))
        return _least_sum(left, embeddings, copies) >= root

    return _from(float((falling / embeddings).max()), is_bounded)


def _unseen(falling: Vector, embeddings: Vector, copies: Vector, room: float) -> float:
    """Return λ_b/2 of classes in the rows of none: each falls away from the hull of those seen.

    `room` are the embeddings of those.
    """

    def is_bounded(half: float) -> bool:
        return float(copies @ (falling**2 / (4 * (half * embeddings - falling)))) <= half * room

    return _from(float((falling / embeddings).max()), is_bounded)


def _from(low: float, holds: Callable[[float], bool]) -> float:
    """Return the least number above `low` from which on a condition holds."""
    high = 2 * low
    while not holds(high):
        low, high = high, 2 * high
    return least(holds, low, high)


def nonnegative_bounded_threshold(terms: ClassTerms) -> float:
    """Return λ_b for features H ≥ 0: they fall without end at right angles, if λ r_c < 2 a_c."""
    return float(2 * np.where(terms.own > 0, 0.0, terms.anchors / terms.embeddings).max())


def _least_sum(left: Vector, embeddings: Vector, copies: Vector) -> float:
    """Return the least Σ_{c∉Q} left_c + √(Σ_Q embeddings) over sets Q of classes, not all."""
    order = np.argsort(-left / embeddings, kind="stable")
    rest = np.cumsum((copies * left)[order][::-1])[::-1]
    inside = np.cumsum((copies * embeddings)[order])
    prefixes = rest + np.sqrt(np.append(0.0, inside[:-1]))
    all_but_one = left + np.sqrt(np.maximum(inside[-1] - embeddings, 0.0))
    return float(min(prefixes.min(), all_but_one.min()))


def least(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return the least number at which a condition holds, from `low`, where it may not, to `high`.

    By bisection to neighbouring doubles; the condition must hold from there on.
    """
    while True:
        middle = (low + high) / 2
        if not low < middle < high:
            return high
        if holds(middle):
            high = middle
        else:
            low = middle
