"""The expected loss of mini-batches at embeddings that have not collapsed, by drawing batches.

Of class means the expectation is known exactly. What differences within classes add to it is
estimated: every batch drawn is evaluated twice, with its embeddings and with the means of their
classes in their place, and the mean of the differences is added to the exact expectation. So the
composition of the batches, which scatters most, cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import whole_number
from ..gram.cells import Cells, Level
from ..problem.levels import cells_at
from ..problem.losses.base import Loss
from ..problem.ufm import UFM
from ..samples.supcon import supcon_loss
from ..types import Matrix, Vector
from .blocks import blocks, normalized
from .evaluation import Evaluation, make_feasible
from .statistics import ClassStatistics

_WORK = 1e10
"""Products of numbers that drawing may take where the number of batches is not given."""

_FEWEST, _MOST = 50, 1000
"""Batches drawn then."""

_HELD = 1 << 21
"""Numbers of embeddings held at a time: 16 MB."""

_CLASSES = Level.CLASSES

_COLLAPSED = 1e-12
"""Share of the squared norms up to which differences within classes are rounding."""


@dataclass(frozen=True)
class DrawnLoss:
    """An estimate, not a bound, of the expected loss of mini-batches at embeddings.

    Attributes
    ----------
    value : float
        The objective, on the scale of `LossGap.value`: that of the class means, which is exact, and
        what differences within classes add to it.
    excess : float
        value less the certified lower bound of the expected loss.
    added : float
        What differences within classes add: the mean over the batches drawn.
    standard_error : float
        Of both.
    draws, seed : int
        How many batches were drawn, and how.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> sizes = [40, 10, 5]
    >>> solution = screlax.solve_relaxation(
    ...     sizes, screlax.Sphere(1.0), temperature=0.2, batches="shuffle:size=16"
    ... )
    >>> labels = np.repeat([0, 1, 2], sizes)
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal((55, 3))
    >>> drawn = screlax.compare(solution.prototypes(3)[labels] + noise, labels, solution).drawn
    >>> drawn.draws, drawn.added > 3 * drawn.standard_error
    (1000, True)
    """

    value: float
    excess: float
    added: float
    standard_error: float
    draws: int
    seed: int


def drawn_loss(
    rows: NDArray[Any],
    number: NDArray[np.int64],
    statistics: ClassStatistics,
    evaluation: Evaluation,
    problem: UFM,
    *,
    gap: float,
    together: int,
    normalize: bool,
    draws: int | None,
    seed: int,
) -> DrawnLoss | None:
    """Estimate the expected loss at embeddings; None where there is nothing to estimate.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
        So many of them `together` are views of one sample.
    number : ndarray of int, shape (n,)
    statistics : ClassStatistics
    evaluation : Evaluation
        Of the class means.
    problem : UFM
        With batches.
    gap : float
        Of the class means to the optimum.
    together : int
    normalize : bool
        Whether rows have to be divided by their norms first.
    draws : int or None
        Batches to draw, by default as many as take about a second.
    seed : int
    """
    count = None if draws is None else whole_number(draws, "draws", 0)
    if count == 0 or why_not_drawn(problem, statistics, together):
        return None
    batches = _Batches(rows, number, statistics.means, problem, together, normalize)
    generator = np.random.default_rng(seed)
    added = batches.added(generator, _FEWEST if count is None else min(count, _FEWEST))
    if count is None:
        count = int(min(max(_WORK / max(batches.work, 1.0), _FEWEST), _MOST))
    while len(added) < count:
        more = batches.added(generator, min(count - len(added), _FEWEST))
        added = np.concatenate([added, more])
    error = float(added.std(ddof=1)) / math.sqrt(len(added)) if len(added) > 1 else math.inf
    value = evaluation.objective.base + evaluation.objective.above
    mean = float(added.mean())
    return DrawnLoss(value + mean, gap + mean, mean, error, len(added), seed)


def why_not_drawn(problem: UFM, statistics: ClassStatistics, together: int) -> str:
    """Say why no batches of embeddings are drawn, or nothing."""
    if problem.batches is None:
        return "the loss is that of all samples at once"
    norms = np.einsum("cd,cd->c", statistics.means, statistics.means) @ statistics.counts
    if statistics.within_traces.sum() <= _COLLAPSED * norms:
        return "the embeddings of every class coincide"
    if together != problem.loss.view_count:
        return "nothing says which embeddings are views of one sample; give shape (n, views, d)"
    if _terms(problem) is None:
        return f"loss {problem.loss.of_all_samples} is not evaluated for embeddings of a batch"
    return ""


class _Batches:
    """What batches of embeddings lose more than batches of their class means."""

    def __init__(
        self,
        rows: NDArray[Any],
        number: NDArray[np.int64],
        means: Matrix,
        problem: UFM,
        together: int,
        normalize: bool,
    ) -> None:
        assert problem.batches is not None
        self.rows, self.views, self.sizes = rows, together, problem.class_sizes
        self.normalize = normalize
        self.problem, self.batches = problem, problem.batches
        terms = _terms(problem)
        assert terms is not None
        self.samples, self.terms = number[::together], terms
        self.order = np.argsort(self.samples, kind="stable")
        self.start = np.concatenate([[0], np.cumsum(np.bincount(self.samples))])
        self.means, _ = make_feasible(np.array(means), problem, cells_at(problem.points, _CLASSES))
        squares, self.scale = _scales(problem, rows, normalize)
        before = np.bincount(number, weights=squares) / np.bincount(number)
        apart = before - np.einsum("cd,cd->c", self.means, self.means)
        self.penalty = float(problem.control.penalty(cells_at(problem.points, _CLASSES)) @ apart)

    def added(self, generator: np.random.Generator, count: int) -> Vector:
        """Draw batches; return what the embeddings of each add to the objective."""
        divisors, chosen = np.empty(count), []
        for number in range(count):
            drawn = self.batches.draw(self.sizes, generator)
            chosen.append(self._members(drawn, generator))
            divisors[number] = self.batches.expected_size(drawn, self.sizes)
        lengths, found = np.array([len(one) for one in chosen]), np.zeros(count)
        for length in np.unique(lengths[lengths > 0]):
            alike = np.flatnonzero(lengths == length)
            step = max(1, _HELD // (length * self.views * self.rows.shape[1]))
            for first in range(0, len(alike), step):
                some = alike[first : first + step]
                found[some] = self._sums(np.array([chosen[number] for number in some]))
        self.work = 2 * float(np.mean((lengths * self.views) ** 2)) * self.rows.shape[1]
        return found * self.sizes.samples / divisors + self.penalty

    def _sums(self, chosen: NDArray[np.int64]) -> Vector:
        """Return sums over batches of the same size, less those of the class means."""
        batches = len(chosen)
        index = (chosen[..., None] * self.views + np.arange(self.views)).reshape(batches, -1)
        labels = np.repeat(self.samples[chosen], self.views, axis=1)
        rows = self._within(index.reshape(-1)).reshape(*index.shape, -1)
        return np.asarray(self.terms(rows, labels) - self.terms(self.means[labels], labels))

    def _within(self, index: NDArray[np.int64]) -> Matrix:
        """Return embeddings brought within the control; a zero one has any direction."""
        scale, rows = self.scale[index], np.array(self.rows[index], dtype=float)
        if self.normalize:
            rows = normalized(rows)
        lost = np.isinf(scale)
        rows[lost] = np.eye(1, rows.shape[1])
        one = self.problem.control.scale(np.ones(1), Cells.of_samples(np.ones(1)))
        return np.asarray(rows * np.where(lost, one, scale)[:, None])

    def _members(self, drawn: NDArray[np.int64], generator: np.random.Generator) -> Any:
        """Choose samples of each class, again where there are too few."""
        found = []
        for label in np.flatnonzero(drawn):
            first, last = self.start[label], self.start[label + 1]
            again = self.batches.with_replacement or drawn[label] > last - first
            inside = generator.choice(last - first, drawn[label], replace=again)
            found.append(self.order[first + inside])
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def _terms(problem: UFM) -> Callable[[NDArray[Any], NDArray[np.int64]], Vector] | None:
    """Return the sums of the loss over batches, of rows (batches, b, d) and labels (batches, b).

    None where the loss is not evaluated for the classes that happen to be in a batch.
    """
    whole: Loss = problem.loss.of_all_samples
    by_class = {one.name: one.default for one in fields(whole) if one.name in whole._by_class()}
    if not whole.with_options(**by_class).is_supcon_of_points:
        return None
    weights = whole.weights_of_anchors(problem.class_sizes)[problem.class_sizes.orbit_index()]

    def sums(rows: NDArray[Any], labels: NDArray[np.int64]) -> Vector:
        """By embeddings, since views are embeddings like all others."""
        each = supcon_loss(rows, labels, temperature=problem.temperature, reduction="none")
        return np.asarray((weights[labels] * np.asarray(each)).sum(axis=1))

    return sums


def _scales(problem: UFM, rows: NDArray[Any], normalize: bool) -> tuple[Vector, Vector]:
    """Return the squared norm of every row, and what to multiply it by to satisfy the control."""
    squares = np.concatenate(
        [
            np.einsum("ij,ij->i", block, block)
            for _, block in blocks(rows, slice(0, len(rows)), normalize=normalize)
        ]
    ).astype(float)
    return squares, problem.control.scale(squares, Cells.of_samples(np.ones(len(rows))))
