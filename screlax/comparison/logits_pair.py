"""Features and a linear classifier as a cross-entropy problem sees them: within its control.

Features are divided by √(τβ) and the classifier multiplied by √(β/τ), β the `balance` of the
control: then logits at unit temperature are plain inner products, and the penalty is
μ/2 (Σ_c r_c ‖h_c‖² + Σ_c v_c ‖w_c‖²), ‖h_c‖² a mean over the samples of class c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..problem.logits import LogitProgram, logit_program, losses_beyond
from ..problem.ufm import UFM
from ..types import Matrix, Vector
from .objective import Objective

_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class LogitPair:
    """Features by class, and a classifier.

    Attributes
    ----------
    program : LogitProgram
        Of the problem, every class an orbit of its own.
    losses : ndarray, shape (k,)
        Mean loss of the samples of each class.
    squares : ndarray, shape (k,)
        Mean squared norm of their features.
    means : ndarray, shape (k, d)
        Their mean.
    largest : float
        The largest norm of a feature.
    weights : ndarray, shape (k, d)
    bias : ndarray, shape (k,)
    """

    program: LogitProgram
    losses: Vector
    squares: Vector
    means: Matrix
    largest: float
    weights: Matrix
    bias: Vector

    @property
    def loss(self) -> float:
        """The loss, summed over the samples of the problem."""
        return float(self.program.anchors @ self.losses)

    @property
    def feature_cost(self) -> float:
        """Σ_c r_c ‖h_c‖²."""
        return float(self.program.feature_mass @ self.squares)

    @property
    def classifier_cost(self) -> float:
        """Σ_c v_c ‖w_c‖²."""
        return float(self.program.classifier_mass @ squares_of(self.weights))

    @property
    def value(self) -> float:
        """The objective: with the penalty, where the control is one."""
        norm = self.program.norm
        costs = self.feature_cost + self.classifier_cost
        return self.loss + (norm.amount * costs / 2 if norm.is_penalty else 0.0)

    @property
    def objective(self) -> Objective:
        """The objective, and a bound on its rounding errors."""
        program, (k, dim), value = self.program, self.weights.shape, self.value
        longest = float(np.sqrt(squares_of(self.weights).max()))
        exponent = float(program.slope.max()) * longest * self.largest
        shift = float(np.abs(self.bias + program.offset).max())
        logit = (2 * (dim + 4) * exponent + 8 * shift) * _EPS
        # the loss moves by at most min(1, loss) times twice what logits do, also where it is small
        moved = float(program.anchors @ np.minimum(self.losses, 1.0))
        rounding = 2 * logit * moved + (dim + 2 * k + 64) * _EPS * value
        rounding += float(program.anchors.sum()) * float(np.finfo(float).tiny)
        return Objective(0.0, value, rounding)

    def of_class_means(self) -> LogitPair:
        """Return the pair with every sample at the mean of its class."""
        losses = losses_at(self.program, self.means @ self.weights.T, self.bias)
        squares = squares_of(self.means)
        largest = math.sqrt(float(squares.max()))
        return replace(self, losses=losses, squares=squares, largest=largest)

    def with_classifier(self, weights: Matrix, bias: Vector) -> LogitPair:
        """Return class means with another classifier."""
        return replace(self, weights=weights, bias=bias).of_class_means()


def class_program(problem: UFM) -> LogitProgram:
    """Return the program of a problem with every class an orbit of its own."""
    return logit_program(problem).lifted(problem.class_sizes.orbit_index())


def squares_of(rows: Matrix) -> Vector:
    """Return the squared norm of every row."""
    return np.asarray(np.einsum("cd,cd->c", rows, rows))


def losses_at(program: LogitProgram, logits: Matrix, bias: Vector, own: Any = None) -> Vector:
    """Return the loss of each row of logits, of the class in `own`, by default its number."""
    rows = np.arange(len(logits))
    own = rows if own is None else own
    exponents = program.slope * logits + (bias + program.offset)
    beyond = exponents - exponents[rows, own][:, None]
    beyond[rows, own] = -np.inf
    return losses_beyond(beyond, lambda others: others.sum(axis=1))


def slack_at(program: LogitProgram, logits: Matrix, bias: Vector) -> Matrix:
    """Return a (P − I) of logits of classes on classes; its rows sum to zero."""
    exponents = program.slope * logits + (bias + program.offset)
    rows = np.exp(exponents - exponents.max(axis=1)[:, None])
    total = rows.sum(axis=1)
    np.fill_diagonal(rows, 0.0)
    np.fill_diagonal(rows, -rows.sum(axis=1))
    return np.asarray((program.anchors / total)[:, None] * rows)
