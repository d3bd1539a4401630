"""Two strengths of a ridge that a loss of `ClassSoftmax` is told apart by, in O(m) memory.

From λ_max on the optimum is zero. With â = a/(o + U − u), U = Σ u and R = diag(r) the slack at zero
is λ/2 R − A, A = diag(Uâ) − ½(â uᵀ + u âᵀ), so that λ_max = 2 eig_max(A, R): a diagonal plus rank
two, whose inertia is that of a 2×2 matrix (Sylvester's law; Golub 1973, "Some modified matrix
eigenvalue problems").

Below λ_b there is no optimum. A loss without own weights, o_c = 0, falls without end along M if

    Σ_c a_c (M_cc − max_{c'≠c} M_cc') > λ/2 Σ_c r_c M_cc                        (sum over o_c = 0).

The best M has some classes on one point, all others a direction of their own each, and equal inner
products otherwise. Writing t = λ/2, such an M exists for the classes Q on one point if and only if
Σ_{c∉Q} √(r_c − a_c/t) + √(Σ_Q r_c) < √(Σ r). The left side is least for a Q of the largest
√(r_c − a_c/t)/r_c, as it is concave in Σ_Q r. That nothing else is worse is minimax duality with
the transport theorem for weights p_cc' whose symmetric part is given; tests compare it with the
semidefinite program 2 min{t : P stochastic with zero diagonal, sym(diag(a)P) + t R ⪰ diag(a)}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...types import Vector

if TYPE_CHECKING:
    from .class_softmax import ClassTerms


def zero_threshold(terms: ClassTerms, copies: Vector) -> float:
    """Return λ_max at unit temperature; see above.

    Parameters
    ----------
    terms : ClassTerms
        Of each orbit.
    copies : ndarray, shape (m,)
        Number of classes of each orbit.
    """
    every = float(copies @ terms.pair)
    normalizer = terms.own + (every - terms.pair)
    anchored = terms.anchors > 0
    share = np.where(anchored, terms.anchors / np.where(anchored, normalizer, 1.0), 0.0)
    diagonal = every * share / terms.embeddings
    scale = np.sqrt(copies / terms.embeddings)
    first, second = share * scale, terms.pair * scale
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    top = float(diagonal.max()) + (size - float(first @ second)) / 2

    def is_above(level: float) -> bool:
        return is_semidefinite(level - diagonal, first, second, copies)

    return 2 * least(is_above, 0.0, top * (1 + 1e-15) if top > 0 else 0.0)


def is_semidefinite(diagonal: Vector, first: Vector, second: Vector, copies: Vector) -> bool:
    """Whether diag(diagonal) + ½(first secondᵀ + second firstᵀ) ⪰ 0, first, second ≥ 0.

    By classes: in orbits, `first` and `second` times √copies; `diagonal` itself is an eigenvalue
    where there are several copies.
    """
    if (diagonal[copies > 1] < 0).any() or (diagonal < 0).sum() > 1:
        return False
    if not first.any() or not second.any():
        return bool((diagonal >= 0).all())
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        inverse = 1 / np.where(diagonal == 0, np.finfo(float).tiny, diagonal)
        both = first @ (inverse * first), second @ (inverse * second)
        mixed = first @ (inverse * second) + 2
        indefinite = both[0] * both[1] <= mixed**2
    if (diagonal >= 0).all():
        return bool(indefinite)
    return bool(both[0] <= 0 and both[1] <= 0 and not indefinite)


def bounded_threshold(terms: ClassTerms, copies: Vector) -> float:
    """Return λ_b at unit temperature, zero where every anchored class has own weight.

    With pair weights of zero it is a bound from below only.
    """
    falling = np.where(terms.own > 0, 0.0, terms.anchors)
    if not falling.any():
        return 0.0
    embeddings = terms.embeddings
    root = float(np.sqrt(copies @ embeddings))

    def is_bounded(half: float) -> bool:
        left = np.sqrt(np.maximum(embeddings - falling / half, 0.0))
        return _least_sum(left, embeddings, copies) >= root

    low = float((falling / embeddings).max())
    high = 2 * low
    while not is_bounded(high):
        low, high = high, 2 * high
    return 2 * least(is_bounded, low, high)


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
