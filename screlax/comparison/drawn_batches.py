"""Batches of embeddings, and what they lose more than batches of their class means."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gram.cells import Cells, Level
from ..problem.levels import cells_at
from ..problem.losses.base import Loss
from ..problem.ufm import UFM
from ..samples.supcon import supcon_loss
from ..types import Matrix, Vector
from .blocks import blocks, normalized
from .objective import make_feasible
from .statistics import ClassStatistics

_HELD = 1 << 21
"""Numbers of embeddings held at a time: 16 MB."""

_COLLAPSED = 1e-12
"""Share of the squared norms up to which differences within classes are rounding."""


def why_not_drawn(problem: UFM, statistics: ClassStatistics, together: int) -> str:
    """Say why no batches of embeddings are drawn, or nothing."""
    if problem.batches is None:
        return "the loss is that of all samples at once"
    norms = np.einsum("cd,cd->c", statistics.means, statistics.means) @ statistics.counts
    if statistics.within_traces.sum() <= _COLLAPSED * norms:
        return "the embeddings of every class coincide"
    if together != problem.loss.view_count:
        return "nothing says which embeddings are views of one sample; give shape (n, views, d)"
    if problem.batches.is_per_anchor or not _is_supcon(problem.loss.of_all_samples):
        return f"loss {problem.loss} is not evaluated for embeddings of a batch"
    return ""


def _is_supcon(whole: Loss) -> bool:
    """Whether a loss is SC of all embeddings but for what differs between classes."""
    names = whole.per_class_options + whole.per_pair_options
    by_class = {one.name: one.default for one in fields(whole) if one.name in names}
    return whole.with_options(**by_class).is_supcon_of_points


class DrawnBatches:
    """Embeddings that batches are drawn of, of SC with any views and class weights.

    Parameters
    ----------
    rows, number, means
        Embeddings, their classes, and the class means.
    problem : UFM
        With batches.
    together : int
        How many rows are views of one sample.
    normalize : bool
        Whether rows have to be divided by their norms first.

    Attributes
    ----------
    work : float
        Products of numbers that a batch takes.
    """

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
        self.rows, self.views, self.normalize = rows, together, normalize
        self.problem, self.batches, self.sizes = problem, problem.batches, problem.class_sizes
        self.samples = number[::together]
        self.order = np.argsort(self.samples, kind="stable")
        self.start = np.concatenate([[0], np.cumsum(np.bincount(self.samples))])
        orbit, whole = self.sizes.orbit_index(), problem.loss.of_all_samples
        self.weights = whole.weights_of_anchors(self.sizes)[orbit]
        cells = cells_at(problem.points, Level.CLASSES)
        feasible, _ = make_feasible(np.array(means), problem, cells)
        gram = feasible @ feasible.T
        self.away = (gram - np.diagonal(gram)[:, None]) / problem.temperature
        squares, self.scale = _scales(problem, rows, normalize)
        spread = np.bincount(number, weights=squares) / np.bincount(number) - np.diagonal(gram)
        self.penalty = float(problem.embedding_control.penalty(cells) @ spread)
        drawn = self.batches.draw(self.sizes, np.random.default_rng(0))
        size = self.views * self.batches.expected_size(drawn, self.sizes)
        self.work = 2 * size**2 * rows.shape[1]

    def added(self, generator: np.random.Generator, count: int) -> Vector:
        """Draw batches; return what the embeddings of each add to the objective."""
        divisors, of_means, chosen = np.empty(count), np.empty(count), []
        for number in range(count):
            drawn = self.batches.draw(self.sizes, generator)
            chosen.append(self._members(drawn, generator))
            of_means[number] = self._of_means(drawn)
            divisors[number] = self.batches.expected_size(drawn, self.sizes)
        lengths, sums = np.array([len(one) for one in chosen]), np.zeros(count)
        for length in np.unique(lengths[lengths > 0]):
            alike = np.flatnonzero(lengths == length)
            step = max(1, _HELD // (length * self.views * self.rows.shape[1]))
            for first in range(0, len(alike), step):
                some = alike[first : first + step]
                sums[some] = self._of_embeddings(np.array([chosen[number] for number in some]))
        return (sums - of_means) * self.sizes.samples / divisors + self.penalty

    def _members(self, drawn: NDArray[np.int64], generator: np.random.Generator) -> Any:
        """Choose samples of each class, again where there are too few."""
        found = []
        for label in np.flatnonzero(drawn):
            first, last = self.start[label], self.start[label + 1]
            again = self.batches.with_replacement or drawn[label] > last - first
            inside = generator.choice(last - first, drawn[label], replace=again)
            found.append(self.order[first + inside])
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def _of_embeddings(self, chosen: NDArray[np.int64]) -> Vector:
        """Return the sums of the loss over batches of samples, shape (batches, b)."""
        index = chosen[..., None] * self.views + np.arange(self.views)
        index = index.reshape(len(chosen), -1)
        labels = np.repeat(self.samples[chosen], self.views, axis=1)
        rows = self._within(index.reshape(-1)).reshape(*index.shape, -1)
        temperature = self.problem.temperature
        each = supcon_loss(rows, labels, temperature=temperature, reduction="none")
        return np.asarray((self.weights[labels] * np.asarray(each)).sum(axis=1))

    def _of_means(self, drawn: NDArray[np.int64]) -> float:
        """Return the sum of the loss over a batch with class means in the place of embeddings."""
        here = np.flatnonzero(drawn)
        count = self.views * drawn[here].astype(float)
        anchored = np.flatnonzero(count > 1)
        if len(anchored) == 0:
            return 0.0
        entries = self.away[np.ix_(here[anchored], here)]
        others = np.tile(count, (len(anchored), 1))
        others[np.arange(len(anchored)), anchored] -= 1
        top = entries.max(axis=1)
        rows = top + np.log((others * np.exp(entries - top[:, None])).sum(axis=1))
        return float((self.weights[here] * count)[anchored] @ rows)

    def _within(self, index: NDArray[np.int64]) -> Matrix:
        """Return embeddings brought within the control; a zero one has any direction."""
        scale, rows = self.scale[index], np.array(self.rows[index], dtype=float)
        if self.normalize:
            rows = normalized(rows)
        lost = np.isinf(scale)
        rows[lost] = np.eye(1, rows.shape[1])
        one = self.problem.embedding_control.scale(np.ones(1), Cells.of_samples(np.ones(1)))
        return np.asarray(rows * np.where(lost, one, scale)[:, None])


def _scales(problem: UFM, rows: NDArray[Any], normalize: bool) -> tuple[Vector, Vector]:
    """Return the squared norm of every row, and what to multiply it by to satisfy the control."""
    squares = np.concatenate(
        [
            np.einsum("ij,ij->i", block, block)
            for _, block in blocks(rows, slice(0, len(rows)), normalize=normalize)
        ]
    ).astype(float)
    return squares, problem.embedding_control.scale(squares, Cells.of_samples(np.ones(len(rows))))
