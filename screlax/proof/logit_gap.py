"""The duality gap of cross-entropy at logits Z and rows P', summed from nonnegative parts.

    upper − lower = Σ_c a_c KL(P'_c ‖ softmax_c) + price · (‖Y‖_* or its bound) + ⟨M', Y⟩

What rounding can do is estimated from the sizes of what is summed. An exponent of row c is a few
roundings of E_c = max_j |Δ_j Z_cj| + |t_j + b_j| off, a probability of another class that and a
summation relative to itself, and the loss of a row no more than that relative to itself, since it
is at least the probability of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from ..gram.logits import CellMatrix, LogitGram
from ..gram.rounding import UNIT, summation
from ..problem.logits import LogitProgram
from ..types import Vector
from .logit_dual import DualRows, singular_error
from .logit_terms import products


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A program at logits, with what rounding can have done.

    Attributes
    ----------
    program : LogitProgram
    gram : LogitGram
        Logits that the control allows.
    """

    program: LogitProgram
    gram: LogitGram

    @cached_property
    def rows(self) -> CellMatrix:
        """The softmax less the identity."""
        return self.program.rows(self.gram)

    @cached_property
    def losses(self) -> Vector:
        """Losses of a sample of each class."""
        return self.program.losses(self.gram)

    @property
    def mass(self) -> Vector:
        """κ a."""
        return self.program.copies * self.program.anchors

    @property
    def loss(self) -> float:
        """Σ a loss over all classes."""
        return float(self.mass @ self.losses)

    @cached_property
    def depth(self) -> Vector:
        """The largest |Δ_j Z_cj| of every row."""
        pair = np.abs(self.gram.logit_pair * self.program.slope).max(axis=1)
        return np.asarray(np.maximum(np.abs(self.gram.logit_own) * self.program.slope, pair))

    @cached_property
    def error_of_rows(self) -> Vector:
        """Largest relative error of probabilities of other classes, and half that of losses."""
        shift = np.abs(self.gram.bias + self.program.offset).max()
        return np.asarray(8 * UNIT * (self.depth + shift + 1) + summation(self.program.size))

    @property
    def error_of_loss(self) -> float:
        """Largest error of `loss`."""
        return float(self.mass @ ((2 * self.error_of_rows + 8 * UNIT) * self.losses))

    @property
    def error_of_norm(self) -> float:
        """Largest error of the nuclear norm."""
        return error_of_norm(self.gram)

    def inner(self, dual: DualRows) -> tuple[float, float]:
        """Return ⟨M', Y⟩ and its largest error."""
        found = products(self.program, dual.rows, self.gram)
        sizes = 2 * np.abs(dual.rows.own) * self.depth
        error = (2 * summation(self.program.size) + 8 * UNIT) * (self.mass @ sizes)
        return float(self.program.copies @ found), float(error)

    def divergence(self, dual: DualRows, kept: float) -> tuple[float, float]:
        """Return Σ a KL(I + θ(P' − I) ‖ softmax), θ = `kept`, and its largest error."""
        program = self.program
        moved = program.without_own(dual.rows.pair, 0.0)
        pair = program.without_own(self.rows.pair, 1.0)
        ratio = np.log(kept) + np.log1p((moved - pair) / pair)
        terms = np.where(moved > 0, kept * moved * ratio, 0.0)
        others = -kept * dual.rows.own
        own = special.xlog1py(1 - others, -others) + (1 - others) * self.losses
        found = own + program.sum_of_others(terms)
        sizes = self.losses + others + program.sum_of_others(np.abs(terms))
        error = (4 * self.error_of_rows + 8 * UNIT) * sizes
        return float(self.mass @ found), float(self.mass @ error)


def error_of_norm(gram: LogitGram) -> float:
    """Return the largest error of a computed nuclear norm, of singular values and of entries."""
    shared, split = gram.singular_values
    size = len(shared)
    error = size * singular_error(size) * float(shared[0])
    return error + 8 * UNIT * float((gram.copies - 1) @ split)
