"""Cross-entropy in cvxpy: the program over logits in its nuclear-norm and its semidefinite form.

The logits are variables by orbit, with Y = √r Z √v on orbit sums and one singular value for the
differences within each orbit (`screlax.gram.logits`). Two forms say what they cost:

* "nuclear": ‖Y‖_* itself, as cvxpy has it.
* "psd": the Gram matrix X ⪰ 0 of features √r h and classifier rows √v w together, order 2m, with a
  block 2×2 for the differences within an orbit; its blocks are priced, or bounded one by one as in
  Fang et al. 2021 (arXiv 2101.12699), or have a diagonal that is fixed.

Source: Zhu et al. 2021 (arXiv 2105.02375); for the two forms Srebro, Rennie and Jaakkola 2004.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...gram.logits import CellMatrix, LogitGram
from ...problem.logits import LogitProgram
from ...proof.dual import DualPoint
from ...types import Vector
from ..conic_solvers import FIRST_ORDER
from ..cvxpy_run import CvxpyModel


class LogitModel(CvxpyModel, ABC):
    """The cvxpy problem of a program over logits, per anchor, and the way back from it."""

    def __init__(self, program: LogitProgram) -> None:
        self._program = program
        self._anchors = float(program.copies @ program.anchors)
        self._several = np.flatnonzero(program.copies > 1)

    def accuracy(self, solver: str, tol: float) -> float:
        """Return what to ask of a solver: the certified gap grows like its error in logits."""
        return max(tol / 100 if solver in FIRST_ORDER else 1e-6 * min(tol, 1e-6), 1e-12)

    @abstractmethod
    def found(self) -> LogitGram | None:
        """Return the logits the solver ended at, or None where it left no numbers."""

    def dual(self) -> DualPoint | None:
        """Return None: logits alone are proved."""
        return None

    def _entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Vector]:
        """Return the pairs of orbits with different classes, and how many for a class of the first.

        Rows, columns and numbers, each of one dimension.
        """
        m = self._program.size
        row, column = (index.ravel() for index in np.indices((m, m)))
        others = self._program.copies[column] - (row == column)
        return row[others > 0], column[others > 0], others[others > 0]

    def _at_several(self, numbers: Any) -> Any:
        """Return numbers of the orbits with several classes as numbers of all, zero elsewhere."""
        size, several = self._program.size, self._several
        if not len(several):
            return np.zeros(size)
        entries = np.ones(len(several)), (several, np.arange(len(several)))
        return sparse.csr_array(entries, shape=(size, len(several))) @ numbers


class PrimalForm(LogitModel):
    """A form whose variables are logits."""

    def __init__(self, program: LogitProgram) -> None:
        import cvxpy

        super().__init__(program)
        m = program.size
        self._pair = cvxpy.Variable((m, m), name="pair")
        self._spread: Any = cvxpy.Variable(len(self._several)) if len(self._several) else None
        self._bias: Any = cvxpy.Variable(m) if program.has_bias else None
        flat = cvxpy.vec(self._pair, order="C")
        self._own = flat[np.arange(m) * (m + 1)] + self._at_several(self._spread)
        loss, rows = self._loss(cvxpy, flat)
        cost, bounds = self._cost(cvxpy)
        self.problem = cvxpy.Problem(cvxpy.Minimize(loss + cost / self._anchors), [*rows, *bounds])

    @abstractmethod
    def _cost(self, cvxpy: Any) -> tuple[Any, list[Any]]:
        """Return what the logits cost, and what bounds them."""

    def found(self) -> LogitGram | None:
        """Return the logits the solver ended at, or None where it left no numbers."""
        values = [v.value for v in (self._pair, self._spread, self._bias) if v is not None]
        if any(value is None for value in values):
            return None
        spread = None if self._spread is None else self._spread.value
        pair = np.asarray(self._pair.value, dtype=float)
        own = np.diagonal(pair) + self._at_several(spread)
        bias = None if self._bias is None else np.asarray(self._bias.value, dtype=float)
        return self._program.gram(CellMatrix(own, pair), bias)

    def _loss(self, cvxpy: Any, flat: Any) -> tuple[Any, list[Any]]:
        """Return Σ a loss over Σ a, with the cones of each loss from differences of logits.

        A loss is at least ℓ where e^{−ℓ} + Σ_j e^{x_j − x_own − ℓ} ≤ 1, x what the softmax is of.
        """
        program, m = self._program, self._program.size
        row, column, others = self._entries()
        losses, masses = cvxpy.Variable(m), cvxpy.Variable(len(row) + m)
        shift = program.offset if self._bias is None else self._bias + program.offset
        own = cvxpy.multiply(program.slope, self._own) + shift
        beyond = cvxpy.multiply(program.slope[column], flat[row * m + column]) + shift[column]
        exponents = cvxpy.hstack([beyond - own[row] - losses[row], -losses])
        sums = sparse.csr_array(
            (
                np.concatenate([others, np.ones(m)]),
                (np.concatenate([row, np.arange(m)]), np.arange(len(row) + m)),
            )
        )
        share = program.copies * program.anchors / self._anchors
        cones = cvxpy.ExpCone(exponents, np.ones(len(row) + m), masses)
        return share @ losses, [cones, sums @ masses <= 1]

    def _scaled(self, cvxpy: Any) -> tuple[Any, Any]:
        """Return Y on orbit sums, and on the differences within orbits of several classes."""
        left, right = self._program.roots
        root = np.sqrt(self._program.copies)
        shared = cvxpy.multiply(np.outer(root * left, root * right), self._pair)
        if self._spread is None:
            return shared, None
        split = cvxpy.multiply((left * right)[self._several], self._spread)
        return shared + cvxpy.diag(self._at_several(split)), split


class NuclearForm(PrimalForm):
    """‖Y‖_* as cvxpy has it: the smallest trace of a semidefinite matrix around Y."""

    form = "nuclear"

    def _cost(self, cvxpy: Any) -> tuple[Any, list[Any]]:
        shared, split = self._scaled(cvxpy)
        norm = cvxpy.normNuc(shared)
        if split is not None:
            norm = norm + (self._program.copies[self._several] - 1) @ cvxpy.abs(split)
        if self._program.norm.is_penalty:
            return self._program.norm.amount * norm, []
        return 0.0, [norm <= self._program.norm.amount]


class SemidefiniteForm(PrimalForm):
    """The Gram matrix of features and classifier rows together, on orbit sums and differences."""

    form = "psd"

    def _cost(self, cvxpy: Any) -> tuple[Any, list[Any]]:
        program, m = self._program, self._program.size
        shared, split = self._scaled(cvxpy)
        whole = cvxpy.Variable((2 * m, 2 * m), PSD=True)
        held = [whole[:m, m:] == shared]
        norms = [cvxpy.diag(whole[:m, :m]), cvxpy.diag(whole[m:, m:])]
        if split is not None:
            count = len(self._several)
            apart = [cvxpy.Variable(count, nonneg=True) for _ in range(2)]
            # |split| ≤ √(features · classifier), each orbit of several classes a block 2×2
            held.append(cvxpy.SOC(apart[0] + apart[1], cvxpy.vstack(
                [2 * split, apart[0] - apart[1]])))  # fmt: skip
            others = program.copies[self._several] - 1
            norms = [
                norm + self._at_several(cvxpy.multiply(others, part))
                for norm, part in zip(norms, apart, strict=True)
            ]
        return self._priced(cvxpy, norms, held)

    def found(self) -> LogitGram | None:
        """See `LogitModel.found`; where norms are fixed with masses, twice their multipliers."""
        gram = super().found()
        if gram is None or not self._program.norm.fixes_rows:
            return gram
        masses = [2 * self._anchors * np.asarray(fixed.dual_value) for fixed in self._fixed]
        return replace(gram, feature_mass=masses[0], classifier_mass=masses[1])

    def _priced(self, cvxpy: Any, norms: list[Any], held: list[Any]) -> tuple[Any, list[Any]]:
        """Return what the sums of squared norms by orbit cost, and what bounds them."""
        norm, sums = self._program.norm, [cvxpy.sum(part) for part in norms]
        if norm.is_penalty:
            return norm.amount / 2 * (sums[0] + sums[1]), held
        if norm.fixes_rows:
            copies = self._program.copies
            self._fixed = [part == norm.amount * copies for part in norms]
            return 0.0, [*held, *self._fixed]
        return 0.0, [*held, *(part <= norm.amount for part in sums)]
