"""Logits with features that are orthogonal from class to class, as behind a ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..short_repr import short_repr
from ..types import Vector
from .cells import CellGram
from .logits import CellMatrix, LogitGram


@short_repr
@dataclass(frozen=True, eq=False)
class OrthogonalLogitGram(LogitGram):
    """Logits whose features are orthogonal: nonnegative ones, of disjoint support.

    Row c of Y = √r Z √v is then √r_c‖h_c‖ times a row of its own, and the shortest features and
    classifier have √r_c‖h_c‖ = √‖Y_c‖ and √v WWᵀ √v = Σ_c Y_cᵀY_c/‖Y_c‖.
    """

    @cached_property
    def lengths(self) -> Vector:
        """‖Y_c‖ of the row of a class, shape (m,)."""
        left, right = self.roots
        own, pair = left * right * self.logit_own, np.outer(left, right) * self.logit_pair
        top = np.maximum(np.abs(own), np.abs(pair).max(axis=1))
        top = np.where(top > 0, top, 1.0)
        others = np.where(self.copies > 1, np.diagonal(pair), 0.0)
        np.fill_diagonal(pair, 0.0)
        squares = (pair / top[:, None]) ** 2 @ self.copies
        squares += (own / top) ** 2 + (self.copies - 1) * (others / top) ** 2
        return np.asarray(top * np.sqrt(squares))

    @property
    def nuclear_norm(self) -> float:
        """Σ_c ‖Y_c‖ at unit temperature: half of Σ r‖h‖² + Σ v‖w‖²."""
        return float(self.copies @ self.lengths)

    @cached_property
    def features(self) -> CellGram:
        """Gram matrix of the features: diagonal."""
        own = self.squares[0] * self.lengths / self.feature_mass
        return CellGram(own, np.diag(np.where(self.copies > 1, 0.0, own)))

    @cached_property
    def classifier(self) -> CellGram:
        """Gram matrix of the rows of the classifier."""
        left, right = self.roots
        left = np.divide(left, np.sqrt(self.lengths), where=self.lengths > 0, out=0 * left)
        action = self.unit_logits.shared(left, right, self.copies)
        split = (left * right * self.unit_logits.spread) ** 2
        root = np.sqrt(self.classifier_mass)
        shared = action.T @ action / np.outer(root, root)
        found = CellMatrix.from_shared(shared, split / self.classifier_mass, self.copies)
        factor = self.squares[1]
        return CellGram(factor * found.own, factor * found.pair)
