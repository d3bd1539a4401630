"""The expected loss of an anchor over the rest of its batch, by generating functions.

With b_j embeddings of class j in the rest of the batch, V views, e_j = exp(M_cj − M_cc),

    E[ 1 log Y ],   Y = V b_c + V − 1 + Σ_{j≠c} V b_j e_j,   1 where the anchor has a positive,

1/Y and log Y are sums of exponentials (`exponential_sum`), the expectation of e^{−tY} is a
coefficient of a generating function (`draws`, `contour`). Gradient and Hessian use the same nodes,
so that they are those of the computed value. Rows, one for the anchors of each orbit, are evaluated
together (`block`), as many as are like enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...gram.rounding import UNIT
from ...types import Matrix, Vector
from .block import Block, TooWide
from .contour import log_normalizer
from .draws import Array, Draws
from .evaluated import Evaluated, evaluated, excesses
from .exponential_sum import exponential_sum
from .moments import Moments, Part
from .own_counts import floors
from .ranges import range_of_sums

Found = TypeVar("Found")

_MOST_ROWS, _MOST_ENTRIES = 320, 2**19
"""Rows that are evaluated together, and their classes, for the sake of memory."""


class Expectation:
    """The expected losses of the anchors of every orbit as functions of e.

    Parameters
    ----------
    draws : Draws
        Of R rows.
    views : int
    """

    has_floor = True
    """Whether the loss is bounded below."""

    is_enclosed = True
    """Whether `screlax.proof.verified` encloses values and slopes."""

    def __init__(self, draws: Draws, views: int) -> None:
        self.draws, self.views = draws, views

    @property
    def has_positives(self) -> NDArray[np.bool_]:
        """Whether anchors of each row ever have a positive, shape (R,)."""
        within = self.draws.own_units + self.draws.own_fixed
        return np.asarray((within > 0) | (self.views > 1))

    @property
    def error(self) -> float:
        """A relative error that values and slopes keep below wherever batches are likely.

        It is a round number for those who have no matrix at hand: each evaluation bounds its own
        (`Moments.errors`, `excess_and_error`), which certificates rest on.
        """
        return UNIT * (200 + 32 * float(self.draws.mean_units.max()))

    @property
    def floor(self) -> Vector:
        """E[1 log(V b_c + V − 1)], the loss where e is zero, shape (R,)."""
        return np.asarray(self._floors[:, 0])

    @property
    def floor_error(self) -> Vector:
        """Bound of the error of each floor, shape (R,)."""
        return np.asarray(self._floors[:, 1])

    @cached_property
    def _floors(self) -> Matrix:
        return floors(self.draws, self.views)

    def excess(self, e: Matrix) -> Vector:
        """Return the losses less their floor, accurate also where they are tiny, shape (R,)."""
        return self.excess_and_error(e)[0]

    def excess_and_error(self, e: Matrix) -> tuple[Vector, Vector]:
        """Return `excess` and bounds of its errors, each of shape (R,)."""
        each = self.draws.samples_each * e
        found = _joined(self._in_blocks(lambda rows: self._excesses(rows, each[rows])))
        return self._room * found[:, 0], self._room * found[:, 1]

    def softmax(self, e: Matrix) -> Matrix:
        """Return the softmax of `moments` alone, shape (R, m)."""
        found = _joined(self._in_blocks(lambda rows: self._evaluated(rows, e[rows]).softmax))
        return np.asarray(self._room[:, None] * found)

    def moments(self, e: Matrix) -> Moments:
        """Return softmax and Hessians at e (R, m)."""
        room = self._room

        def evaluate(rows: NDArray[np.int64]) -> tuple[Matrix, Matrix, Vector, Part]:
            found = self._evaluated(rows, e[rows])
            return found.softmax, found.diagonal(), found.errors(), found.part(rows, room[rows])

        blocks = self._in_blocks(evaluate)
        softmax = _joined([(rows, found[0]) for rows, found in blocks])
        diagonal = _joined([(rows, found[1]) for rows, found in blocks])
        errors = _joined([(rows, found[2]) for rows, found in blocks])
        parts = [found[3] for _, found in blocks]
        return Moments(room[:, None] * softmax, errors, room[:, None] * diagonal, parts)

    def _in_blocks(
        self, evaluate: Callable[[NDArray[np.int64]], Found]
    ) -> list[tuple[NDArray[np.int64], Found]]:
        """Evaluate rows together, taking those apart that are too different."""
        every = np.arange(len(self.draws.units))
        together = max(1, min(_MOST_ROWS, _MOST_ENTRIES // self.draws.units.shape[1]))
        waiting = np.array_split(every, -(-len(every) // together))
        found = []
        while waiting:
            rows = waiting.pop()
            try:
                found.append((rows, evaluate(rows)))
            except TooWide as apart:
                order = rows[np.argsort(apart.key, kind="stable")]
                waiting += np.array_split(order, 2)
        return found

    @property
    def _room(self) -> Vector:
        """Zero where a positive takes all the room that there is beside an anchor, else one, (R,).

        No negative is met there, which a sum over a contour finds only up to rounding.
        """
        is_full = (self.draws.own_fixed == 0) & (self.draws.degree == 1) & (self.views == 1)
        return np.where(is_full, 0.0, 1.0)

    @cached_property
    def _log_normalizer(self) -> float:
        return log_normalizer(self.draws)

    def _block(self, rows: NDArray[np.int64], least: Matrix, each: Matrix) -> Block:
        """Return some rows, with a rule for every Y that can occur from `least` to κ e."""
        draws = self.draws.rows(rows)
        rule = exponential_sum(*range_of_sums(draws, self.views, least, each))
        return Block(draws, self.views, rule, self._log_normalizer)

    def _excesses(self, rows: NDArray[np.int64], each: Matrix) -> Matrix:
        return excesses(self._block(rows, np.zeros((len(rows), 1)), each), each)

    def _evaluated(self, rows: NDArray[np.int64], e: Matrix) -> Evaluated:
        each = self.draws.samples_each * e
        return evaluated(self._block(rows, each, each), each)


def _joined(found: Sequence[tuple[NDArray[np.int64], Array]]) -> Array:
    """Return what was found for some rows each, in the order of the rows."""
    rows = np.concatenate([index for index, _ in found])
    values = np.concatenate([value for _, value in found])
    joined = np.empty_like(values)
    joined[rows] = values
    return joined
