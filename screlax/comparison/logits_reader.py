"""Features of samples, read in blocks, as a cross-entropy problem sees them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem.ufm import UFM
from ..types import Matrix, Vector
from .accumulator import class_sums
from .blocks import blocks, normalized, share
from .logits_pair import LogitPair, class_program, losses_at, squares_of

_SCORES = 1 << 19
"""Logits held at a time."""

_WITHIN = 64 * np.finfo(float).eps
"""Share by which a bound is kept from being exceeded by rounding, for every class."""


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


class FeatureReader:
    """Reads features in blocks, in double precision.

    Parameters
    ----------
    problem : UFM
    rows : ndarray, shape (n, d)
    number : ndarray of int, shape (n,)
        Class of each row; every class has some.
    normalize : bool
        Whether to divide rows by their norms; always done where the control fixes them.
    """

    def __init__(
        self, problem: UFM, rows: NDArray[Any], number: NDArray[np.int64], *, normalize: bool
    ) -> None:
        self.program = class_program(problem)
        self.rows, self.number = rows, number
        self.counts = np.bincount(number, minlength=problem.classes)
        fixes = self.program.norm.fixes_rows
        self._normalizes, self._observes = normalize or fixes, fixes and not normalize
        # where norms are fixed that number is the squared norm of both at unit temperature
        squared = self.program.norm.amount if fixes else 1 / problem.temperature
        self._of_features = math.sqrt(squared / problem.control.balance)
        self._of_classifier = math.sqrt(squared * problem.control.balance)

    def sums(self) -> FeatureSums:
        """Read all rows once."""
        k, dim = len(self.counts), self.rows.shape[1]
        found: dict[int, tuple[Vector, Matrix, float, float]] = {}

        def gather(part: slice, worker: int) -> None:
            squares, sums, largest, off = np.zeros(k), np.zeros((k, dim)), 0.0, 0.0
            for own, given in self._blocks(part):
                rows = self._scaled(given)
                each = squares_of(rows)
                squares += np.bincount(own, weights=each, minlength=k)
                sums += class_sums(rows, own, k)
                largest = max(largest, float(each.max()))
                if self._observes:
                    off = max(off, float(np.abs(squares_of(given) - 1).max()))
            found[part.start] = squares, sums, largest, off

        share(gather, self.rows, k * dim)
        squares, sums, largest, off = zip(*(found[key] for key in sorted(found)), strict=True)
        return FeatureSums(
            np.sum(squares, axis=0) / self.counts,
            np.sum(sums, axis=0) / self.counts[:, None],
            math.sqrt(max(largest)),
            max(off),
        )

    def losses(self, weights: Matrix, bias: Vector) -> Vector:
        """Read all rows once more, and return the mean loss of each class."""
        k = len(self.counts)
        found: dict[int, Vector] = {}

        def evaluate(part: slice, worker: int) -> None:
            total = np.zeros(k)
            for own, given in self._blocks(part):
                each = losses_at(self.program, self._scaled(given) @ weights.T, bias, own)
                total += np.bincount(own, weights=each, minlength=k)
            found[part.start] = total

        share(evaluate, self.rows, k)
        return np.asarray(np.sum([found[key] for key in sorted(found)], axis=0) / self.counts)

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

    def _blocks(self, part: slice) -> Iterator[tuple[NDArray[np.int64], Matrix]]:
        step = max(1, _SCORES // max(len(self.counts), self.rows.shape[1]))
        for first, block in blocks(self.rows, part, normalize=False, block_rows=step):
            yield self.number[first : first + len(block)], block.astype(float)

    def _scaled(self, rows: Matrix) -> Matrix:
        return self._of_features * (normalized(rows) if self._normalizes else rows)
