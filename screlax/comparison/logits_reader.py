"""Features of samples, read in blocks, as a cross-entropy problem sees them."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem.logits import LogitProgram
from ..problem.ufm import UFM
from ..types import Matrix, Vector
from .accumulator import class_sums
from .blocks import blocks, normalized
from .logits_pair import LogitPair, class_program, losses_at, squares_of
from .rows import Numbers, Rows

_SCORES = 1 << 19
"""Logits held at a time."""

_WITHIN = 64 * np.finfo(float).eps
"""Share by which a bound is kept from being exceeded by rounding, for every class."""

_Sums = tuple[Vector, Matrix, float, float]


@dataclass(frozen=True, eq=False)
class FeatureSums:
    """Features of each class, in the units of `logits_pair`.

    Attributes
    ----------
    squares : ndarray, shape (k,)
        Mean squared norm.
    means : ndarray, shape (k, d)
    largest : float
        The largest norm.
    off : float
        By how much a squared norm given was off, relative to it, where the control fixes them.
    """

    squares: Vector
    means: Matrix
    largest: float
    off: float


@dataclass(frozen=True, eq=False)
class Brought:
    """A pair within the control.

    Attributes
    ----------
    pair : LogitPair
    violation : float
        By how much the control was exceeded, relative to it.
    balance : float
        Cost of the features over that of the classifier as they were given; NaN where the control
        has no two numbers.
    """

    pair: LogitPair
    violation: float
    balance: float


@dataclass(frozen=True, eq=False)
class _Units:
    """Turns rows of so many classes into features in the units of `logits_pair`."""

    classes: int
    factor: float
    normalizes: bool

    def blocks(
        self, rows: NDArray[Any], number: Numbers
    ) -> Iterator[tuple[Numbers, Matrix, Matrix]]:
        """Yield class numbers, rows as they were given, and features."""
        step = max(1, _SCORES // max(self.classes, rows.shape[1]))
        for first, block in blocks(rows, slice(0, len(rows)), normalize=False, block_rows=step):
            given = block.astype(float)
            features = self.factor * (normalized(given) if self.normalizes else given)
            yield number[first : first + len(block)], given, features


@dataclass(frozen=True, eq=False)
class _Summing:
    """Adds up squares and features by class; finds the largest square, and how far any is off."""

    units: _Units
    observes: bool

    def __call__(self, rows: NDArray[Any], number: Numbers, start: int) -> _Sums:
        k = self.units.classes
        squares, sums, largest, off = np.zeros(k), np.zeros((k, rows.shape[1])), 0.0, 0.0
        for own, given, features in self.units.blocks(rows, number):
            each = squares_of(features)
            squares += np.bincount(own, weights=each, minlength=k)
            sums += class_sums(features, own, k)
            largest = max(largest, float(each.max()))
            if self.observes:
                off = max(off, float(np.abs(squares_of(given) - 1).max()))
        return squares, sums, largest, off

    @staticmethod
    def merge(one: _Sums, other: _Sums) -> _Sums:
        """Add up sums."""
        most = max(one[2], other[2]), max(one[3], other[3])
        return one[0] + other[0], one[1] + other[1], *most


@dataclass(frozen=True, eq=False)
class _Losing:
    """Adds up losses by class."""

    units: _Units
    program: LogitProgram
    weights: Matrix
    bias: Vector

    def __call__(self, rows: NDArray[Any], number: Numbers, start: int) -> Vector:
        total = np.zeros(self.units.classes)
        for own, _, features in self.units.blocks(rows, number):
            each = losses_at(self.program, features @ self.weights.T, self.bias, own)
            total += np.bincount(own, weights=each, minlength=self.units.classes)
        return total


class FeatureReader:
    """Reads features in double precision.

    Parameters
    ----------
    problem : UFM
    rows : Rows, shape (n, d)
    number : ndarray of int, shape (n,)
        Class of each row; every class has some.
    normalize : bool
        Whether to divide rows by their norms; always done where the control fixes them.
    """

    def __init__(self, problem: UFM, rows: Rows, number: Numbers, *, normalize: bool) -> None:
        self.program = class_program(problem)
        self.rows, self.number = rows, number
        self.counts = np.bincount(number, minlength=problem.classes)
        fixes = self.program.norm.fixes_rows
        self._observes = fixes and not normalize
        # where norms are fixed that number is the squared norm of both at unit temperature
        squared = self.program.norm.amount if fixes else 1 / problem.temperature
        factor = math.sqrt(squared / problem.control.balance)
        self._units = _Units(problem.classes, factor, normalize or fixes)
        self._of_classifier = math.sqrt(squared * problem.control.balance)

    def sums(self) -> FeatureSums:
        """Read all rows once."""
        task, kept = _Summing(self._units, self._observes), len(self.counts) * self.rows.shape[1]
        squares, sums, largest, off = self.rows.read(task, self.number, _Summing.merge, kept)
        counts = self.counts
        return FeatureSums(squares / counts, sums / counts[:, None], math.sqrt(largest), off)

    def losses(self, weights: Matrix, bias: Vector) -> Vector:
        """Read all rows once more, and return the mean loss of each class."""
        task = _Losing(self._units, self.program, weights, bias)
        found = self.rows.read(task, self.number, operator.add, len(self.counts))
        return np.asarray(found / self.counts)

    def classifier(self, weights: Matrix) -> Matrix:
        """Return a classifier in the units of `logits_pair`."""
        rows = normalized(weights) if self.program.norm.fixes_rows else weights
        return self._of_classifier * rows

    def as_given(self, weights: Matrix) -> Matrix:
        """Return a classifier of these units in those of the network."""
        return weights / self._of_classifier

    def pair(self, sums: FeatureSums, weights: Matrix, bias: Vector) -> Brought:
        """Return features with a classifier, which is in these units, within the control.

        Under a bound both get the same share of it, which leaves logits as they are, and what is
        beyond is scaled down.
        """
        given = self.of_means(sums, weights, bias)
        features, classifier, beyond = self._shares(given)
        weights = classifier * weights
        moved = replace(
            given,
            losses=self.losses(features * weights, bias),
            squares=features**2 * sums.squares,
            means=features * sums.means,
            largest=features * sums.largest,
            weights=weights,
        )
        costs = given.feature_cost, given.classifier_cost
        has_two = not self.program.norm.fixes_rows and costs[1] > 0
        balance = costs[0] / costs[1] if has_two else math.nan
        return Brought(moved, max(beyond, sums.off), balance)

    def of_means(self, sums: FeatureSums, weights: Matrix, bias: Vector) -> LogitPair:
        """Return the pair with the losses of class means, whatever the control says."""
        losses = losses_at(self.program, sums.means @ weights.T, bias)
        return LogitPair(
            self.program, losses, sums.squares, sums.means, sums.largest, weights, bias
        )

    def _shares(self, pair: LogitPair) -> tuple[float, float, float]:
        """Return what to multiply features and classifier by, and how far they were beyond."""
        norm, costs = self.program.norm, (pair.feature_cost, pair.classifier_cost)
        if norm.is_penalty or norm.fixes_rows or not all(costs):
            return 1.0, 1.0, 0.0
        beside = (costs[1] / costs[0]) ** 0.25
        beyond = math.sqrt(costs[0]) * math.sqrt(costs[1]) / norm.amount
        kept = math.sqrt(min(1.0, 1 / beyond)) * (1 - _WITHIN * len(self.counts))
        return beside * kept, kept / beside, max(beyond - 1, 0.0)
