"""The convex program of cross-entropy: over logits of classes on classes, at unit temperature.

    minimise  Σ_c a_c [ log Σ_j exp(Δ_j Z_cj + b_j + t_j) − Δ_c Z_cc − b_c − t_c ]
              + μ ‖√r Z √v‖_*,   or subject to ‖√r Z √v‖_* ≤ ρ, or to norms that are fixed

Z_cj is the logit of class j for samples of class c over τ; `screlax.problem.logit_norms` says where
the nuclear norm comes from. Classes of an orbit are interchangeable together with their rows of the
classifier: a matrix is m numbers on the diagonal and m×m for different classes
(`screlax.gram.logits.CellMatrix`). Dual: for any row-stochastic P,

    Σ a_c [H(p_c) + Σ_j p_cj t_j − t_c]   is a lower bound where   σ₁(√r⁻¹ a (P − I) Δ √v⁻¹) ≤ μ,

H the entropy; less ρσ₁ for a bound; with a bias also 1ᵀ a (P − I) = 0.
Source: Zhu et al. 2021 (arXiv 2105.02375); Thrampoulidis et al. 2022 (arXiv 2208.05512).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..gram.logits import CellMatrix, LogitGram
from ..gram.normalized_logits import NormalizedLogitGram
from ..gram.orthogonal_logits import OrthogonalLogitGram
from ..types import Matrix, Vector
from .logit_norms import LogitNorm

if TYPE_CHECKING:
    from .ufm import UFM


@dataclass(frozen=True, eq=False)
class LogitProgram:
    """The program above, by orbit.

    Attributes
    ----------
    copies : ndarray, shape (m,)
        κ_g, classes of each orbit.
    anchors : ndarray, shape (m,)
        a_g, of every class: its samples, with their weight.
    slope, offset : ndarray, shape (m,)
        Δ and t.
    feature_mass, classifier_mass : ndarray, shape (m,)
        r and v; where norms are fixed those of a Gram matrix stand in their place.
    norm : LogitNorm
        μ, ρ or s.
    has_bias : bool
        Whether b is a variable; else it is zero.
    is_nonnegative : bool
        Whether features are behind a ReLU.
    balance : float
        See `Control.balance`.
    """

    copies: Vector
    anchors: Vector
    slope: Vector
    offset: Vector
    feature_mass: Vector
    classifier_mass: Vector
    norm: LogitNorm
    has_bias: bool = False
    is_nonnegative: bool = False
    balance: float = 1.0

    @property
    def size(self) -> int:
        """Number of orbits m."""
        return len(self.copies)

    @property
    def classes(self) -> float:
        """Number of classes k."""
        return float(self.copies.sum())

    def gram(self, logits: CellMatrix, bias: Vector | None = None) -> LogitGram:
        """Return logits with the Gram matrices behind them."""
        bias = np.zeros(self.size) if bias is None else bias
        masses = self.feature_mass, self.classifier_mass
        if self.norm.fixes_rows:
            size = 1 / self.norm.amount
            return NormalizedLogitGram(self.copies, logits.own, logits.pair, *masses, bias, size)
        kind = OrthogonalLogitGram if self.is_nonnegative else LogitGram
        return kind(self.copies, logits.own, logits.pair, *masses, bias, self.balance)

    @property
    def roots(self) -> tuple[Vector, Vector]:
        """√r and √v."""
        return np.sqrt(self.feature_mass), np.sqrt(self.classifier_mass)

    def zero(self) -> LogitGram:
        """Return zero logits, with the bias that is best for them: the logarithm of the prior."""
        zero = CellMatrix(np.zeros(self.size), np.zeros((self.size, self.size)))
        if not self.has_bias:
            return self.gram(zero)
        prior = np.log(self.anchors) - self.offset
        return self.gram(zero, prior - self.copies @ prior / self.classes)

    def lifted(self, orbit: NDArray[np.int64]) -> LogitProgram:
        """Return the program with every class, in these orbits, an orbit of its own."""
        numbers = ("anchors", "slope", "offset", "feature_mass", "classifier_mass")
        lifted = {name: getattr(self, name)[orbit] for name in numbers}
        return replace(self, copies=np.ones(len(orbit)), **lifted)

    def rows(self, gram: LogitGram) -> CellMatrix:
        """Return the softmax less the identity: P − I, whose rows sum to zero.

        On the diagonal it is less the sum of the others, which keeps its digits near zero.
        """
        exponents = self._exponents(gram)
        top = np.maximum(exponents.own, self.without_own(exponents.pair, -np.inf).max(axis=1))
        own, pair = np.exp(exponents.own - top), np.exp(exponents.pair - top[:, None])
        others = self.sum_of_others(pair)
        total = own + others
        return CellMatrix.of(-others / total, pair / total[:, None], self.copies)

    def losses(self, gram: LogitGram) -> Vector:
        """Return the loss of a sample of each class, shape (m,), with its digits near zero."""
        exponents = self._exponents(gram)
        beyond = self.without_own(exponents.pair - exponents.own[:, None], -np.inf)
        return losses_beyond(beyond, self.sum_of_others)

    def loss(self, gram: LogitGram) -> float:
        """Return Σ_c a_c times the loss of its samples."""
        return float((self.copies * self.anchors) @ self.losses(gram))

    def sum_of_others(self, entries: np.ndarray) -> Vector:
        """Return Σ over all other classes of entries by pair, shape (m,)."""
        others = self.without_own(entries, 0.0)
        return np.asarray(others @ self.copies - np.diagonal(others))

    def without_own(self, entries: np.ndarray, instead: float) -> np.ndarray:
        """Return entries by pair, with a number where an orbit has no other class."""
        entries = entries.copy()
        alone = np.where(self.copies > 1, np.diagonal(entries), instead)
        np.fill_diagonal(entries, alone)
        return entries

    def slack(self, rows: CellMatrix) -> CellMatrix:
        """Return a (P − I) Δ, the gradient of the loss by logits."""
        return CellMatrix(
            self.anchors * rows.own * self.slope,
            self.anchors[:, None] * rows.pair * self.slope,
        )

    def scaled_slack(self, rows: CellMatrix) -> tuple[Matrix, Vector]:
        """Return M = √r⁻¹ a (P − I) Δ √v⁻¹ on orbit sums, and on differences within orbits."""
        left, right = (1 / root for root in self.roots)
        slack = self.slack(rows)
        return slack.shared(left, right, self.copies), left * right * slack.spread

    def curvature(self, rows: CellMatrix, step: CellMatrix) -> CellMatrix:
        """Return how `slack` changes along a step of the logits, to first order."""
        own, pair = self.slope * step.own, step.pair * self.slope
        beyond = pair - own[:, None]  # a step of all logits of a row alike changes nothing
        mean = self.sum_of_others(rows.pair * beyond)
        moved = rows.pair * (beyond - mean[:, None])
        return self.slack(CellMatrix.of(-self.sum_of_others(moved), moved, self.copies))

    def _exponents(self, gram: LogitGram) -> CellMatrix:
        """Return what the softmax is of."""
        shift = gram.bias + self.offset
        return CellMatrix(self.slope * gram.logit_own + shift, self.slope * gram.logit_pair + shift)


def losses_beyond(beyond: Matrix, total: Callable[[Matrix], Vector]) -> Vector:
    """Return log(1 + Σ exp(beyond)) of every row, `total` its sum, with its digits near zero."""
    top = np.maximum(beyond.max(axis=1), 0.0)
    others = total(np.exp(beyond - top[:, None]))
    return np.asarray(np.where(top > 0, top + np.log(np.exp(-top) + others), np.log1p(others)))


def largest_singular_value(program: LogitProgram, rows: CellMatrix) -> float:
    """Return σ₁(√r⁻¹ a (P − I) Δ √v⁻¹) of P − I."""
    shared, split = program.scaled_slack(rows)
    split = np.where(program.copies > 1, np.abs(split), 0.0)
    return float(max(linalg.svdvals(shared)[0], split.max()))


def logit_program(problem: UFM) -> LogitProgram:
    """Pose the program of a problem with cross-entropy, by orbit.

    Raises
    ------
    InvalidInputError
        If its loss is another.
    """
    control = problem.control
    norm = control.logit_norm(problem.temperature, problem.classes)
    return problem.loss.logit_program(
        problem.class_sizes,
        norm,
        counts_samples=control.counts_samples,
        is_nonnegative=problem.features.are_nonnegative,
        balance=control.balance,
    )
