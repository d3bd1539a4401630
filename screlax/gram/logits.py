"""Logits of classes on classes, and the Gram matrices of features and classifier behind them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..short_repr import short_repr
from ..types import Matrix, Vector
from .cells import CellGram
from .compact import CompactGram


@short_repr
@dataclass(frozen=True, eq=False)
class CellMatrix:
    """A k×k matrix, not symmetric, that is invariant under exchanging classes of an orbit.

    Attributes
    ----------
    own : ndarray, shape (m,)
        Entries on the diagonal.
    pair : ndarray, shape (m, m)
        Entries of two *different* classes; in an orbit with a single class `own`.
    """

    own: Vector
    pair: Matrix

    @property
    def spread(self) -> Vector:
        """Own less what another class of the orbit has, shape (m,)."""
        return self.own - np.diagonal(self.pair)

    def shared(self, left: Vector, right: Vector, copies: Vector) -> Matrix:
        """Return the action of diag(left) · matrix · diag(right) on normalised orbit sums.

        Its singular values, and those of left·right·spread, κ − 1 times each, are all there are.
        """
        root = np.sqrt(copies)
        found = (root * left)[:, None] * self.pair * (root * right)
        found[np.diag_indices_from(found)] += left * right * self.spread
        return found

    @classmethod
    def of(cls, own: Vector, pair: Matrix, copies: Vector) -> CellMatrix:
        """Return the matrix of entries by pair, whose diagonal is `own` where classes are alone.

        Writes that into `pair`.
        """
        np.fill_diagonal(pair, np.where(copies > 1, np.diagonal(pair), own))
        return cls(own, pair)

    @classmethod
    def from_shared(cls, shared: Matrix, split: Vector, copies: Vector) -> CellMatrix:
        """Return the matrix with that action on orbit sums, and on differences within orbits."""
        root = np.sqrt(copies)
        split = np.where(copies > 1, split, 0.0)
        pair = (shared - np.diag(split)) / np.outer(root, root)
        return cls(np.diagonal(pair) + split, pair)

    def lifted(self, orbit: NDArray[np.int64]) -> Matrix:
        """Return the k×k matrix of classes in these orbits."""
        matrix: Matrix = self.pair[np.ix_(orbit, orbit)]
        np.fill_diagonal(matrix, self.own[orbit])
        return matrix


@short_repr
@dataclass(frozen=True, eq=False)
class LogitGram(CompactGram):
    """Logits of a linear classifier by orbit; as a Gram matrix, that of the features behind them.

    With Y = √r Z √v = U Σ Vᵀ the shortest features have √r HᵀH √r = UΣUᵀ, and the classifier
    √v WWᵀ √v = VΣVᵀ, up to the `balance` between the two.

    Attributes
    ----------
    copies : ndarray, shape (m,)
        Number of classes of each orbit.
    logit_own, logit_pair : ndarray, shapes (m,) and (m, m)
        Logits Z at unit temperature, ⟨w_j, h_c⟩/τ: of a class for itself, and of different classes,
        rows by the sample's class.
    feature_mass, classifier_mass : ndarray, shape (m,)
        r and v.
    bias : ndarray, shape (m,)
        What the classifier adds to the logits of each class; zero without.
    balance : float
        What squared norms of features are multiplied by, and those of the classifier divided by.
    scale : float
        Temperature: everything but the bias is multiplied by it.
    """

    copies: Vector
    logit_own: Vector
    logit_pair: Matrix
    feature_mass: Vector
    classifier_mass: Vector
    bias: Vector
    balance: float = 1.0
    scale: float = 1.0

    @property
    def unit_logits(self) -> CellMatrix:
        """Logits at unit temperature, without bias."""
        return CellMatrix(self.logit_own, self.logit_pair)

    @property
    def logits(self) -> CellMatrix:
        """Inner products ⟨w_j, h_c⟩, without bias."""
        return CellMatrix(self.scale * self.logit_own, self.scale * self.logit_pair)

    @property
    def roots(self) -> tuple[Vector, Vector]:
        """√r and √v."""
        return np.sqrt(self.feature_mass), np.sqrt(self.classifier_mass)

    def _scaled(self) -> tuple[Matrix, Vector]:
        """Return Y on orbit sums, and its singular values on differences in orbits."""
        left, right = self.roots
        shared = self.unit_logits.shared(left, right, self.copies)
        return shared, np.abs(left * right * self.unit_logits.spread)

    @cached_property
    def factors(self) -> tuple[Matrix, Vector, Matrix, Vector]:
        """U, Σ, V of the orbit sums of Y, and the singular values of differences in orbits."""
        shared, split = self._scaled()
        u, values, vt = linalg.svd(shared)
        return u, values, vt.T, split

    @cached_property
    def singular_values(self) -> tuple[Vector, Vector]:
        """Those of the orbit sums of Y, falling, and of differences in orbits, κ − 1 times each."""
        shared, split = self._scaled()
        return linalg.svdvals(shared), split

    @property
    def nuclear_norm(self) -> float:
        """‖Y‖_* at unit temperature: half of Σ r‖h‖² + Σ v‖w‖²."""
        shared, split = self.singular_values
        return float(shared.sum() + (self.copies - 1) @ split)

    @property
    def squares(self) -> tuple[float, float]:
        """What squared norms at unit temperature are multiplied by: of features, of classifier."""
        return self.scale * self.balance, self.scale / self.balance

    @cached_property
    def features(self) -> CellGram:
        """Gram matrix of the features."""
        u, values, _, split = self.factors
        return self._gram(u, values, split, self.feature_mass, self.squares[0])

    @cached_property
    def classifier(self) -> CellGram:
        """Gram matrix of the rows of the classifier."""
        _, values, v, split = self.factors
        return self._gram(v, values, split, self.classifier_mass, self.squares[1])

    def _gram(
        self, vectors: Matrix, values: Vector, split: Vector, mass: Vector, factor: float
    ) -> CellGram:
        root = np.sqrt(mass)
        shared = (vectors * values) @ vectors.T / np.outer(root, root)
        found = CellMatrix.from_shared((shared + shared.T) / 2, split / mass, self.copies)
        return CellGram(factor * found.own, factor * found.pair)

    @property
    def own(self) -> Vector:
        """Squared norms of the features, shape (m,)."""
        return self.features.own

    @property
    def spread(self) -> Vector:
        """See `CompactGram`."""
        return np.where(self.copies > 1, self.features.spread, 0.0)

    def rows(self, orbits: NDArray[np.int64]) -> Matrix:
        """Return rows of `pair`, shape (len(orbits), m)."""
        return self.features.pair[orbits]

    def is_sound(self) -> bool:
        """Whether Y is made of numbers too."""
        shared, _ = self._scaled()
        return self.is_finite() and bool(np.isfinite(np.linalg.norm(shared)))

    def stored(self) -> dict[str, Any]:
        """Return the arrays that a file holds, by name."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    def lifted(self, orbit: NDArray[np.int64]) -> LogitGram:
        """Return the same with every class an orbit of its own."""
        return replace(
            self,
            copies=np.ones(len(orbit)),
            logit_own=self.logit_own[orbit],
            logit_pair=self.unit_logits.lifted(orbit),
            feature_mass=self.feature_mass[orbit],
            classifier_mass=self.classifier_mass[orbit],
            bias=self.bias[orbit],
        )
