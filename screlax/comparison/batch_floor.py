"""What a loss of mini-batches cannot fall below, and how single batches scatter about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..checks import whole_number
from ..errors import InvalidInputError
from ..problem.losses.in_fixed import InFixedBatches
from ..solution.solution import Solution
from ..types import Matrix, Vector


@dataclass(frozen=True)
class BatchFloor:
    """A certified floor of the expected loss of batches, and drawn batches at the optimum.

    All are per embedding of a batch, as training logs the mean of a batch: embeddings without a
    positive count, with a loss of zero.

    Attributes
    ----------
    solution : Solution
        The certified optimum.
    floor : float
        No fixed features, of any dimension, have a smaller expected loss: the lower bound.
    optimum : float
        The expected loss at the optimum found.
    scatter : float
        Standard deviation of single batches there, of those drawn.
    mean, smallest : float
        Mean and smallest loss of the batches drawn.
    draws, seed : int
        How many were drawn, and how.
    holds_for_each : bool
        Whether all batches are alike, so that the floor is one of every single batch.

    Examples
    --------
    >>> import screlax
    >>> batches = screlax.batches.ClassBatches(classes=3, samples=4)
    >>> solution = screlax.solve_relaxation([50, 20, 20], screlax.Sphere(1.0), batches=batches)
    >>> screlax.batch_floor(solution).holds_for_each  # all classes are in every batch
    True
    """

    solution: Solution
    floor: float
    optimum: float
    scatter: float
    mean: float
    smallest: float
    draws: int
    seed: int
    holds_for_each: bool

    def __str__(self) -> str:
        """Return one sentence about each number."""
        drawn = "that there are" if self.solution.components else "drawn"
        single = (
            "all batches are alike, so that it is the floor of each"
            if self.holds_for_each
            else f"single batches scatter about it by ± {self.scatter:.4g}, down to "
            f"{self.smallest:.6g} among {self.draws:,} {drawn} at the optimum"
        )
        problem = self.solution.problem
        return (
            f"the expected loss at fixed features, averaged over batches, cannot be below "
            f"{self.floor:.10g} per embedding (proved: {problem.description}, "
            f"temperature {problem.temperature:g}); {single}"
        )


def batch_floor(solution: Solution, *, draws: int = 1000, seed: int = 0) -> BatchFloor:
    """Return the certified floor of the expected loss of mini-batches.

    Parameters
    ----------
    solution : Solution
        Of a problem with `batches`.
    draws : int, default 1000
        Batches to draw for the scatter, with the class means at the optimum. Batches that are
        drawn once are all taken.
    seed : int, default 0
        Of `numpy.random.default_rng`.

    Raises
    ------
    InvalidInputError
        If the problem is one of all samples at once, weighs classes, or has a penalty.

    Examples
    --------
    >>> import screlax
    >>> batches = screlax.batches.RandomBatches(64, drop_last=True)
    >>> solution = screlax.solve_relaxation(
    ...     [80] * 5 + [8] * 5, screlax.Sphere(1.0), temperature=0.2, batches=batches
    ... )
    >>> floor = screlax.batch_floor(solution)
    >>> round(floor.floor, 3), floor.smallest < floor.floor
    (2.22, True)
    """
    problem = solution.problem
    if problem.batches is None:
        raise InvalidInputError(
            f"loss {problem.loss} is that of all samples at once; give batches, for instance "
            "screlax.batches.RandomBatches(64)"
        )
    if (problem.loss.of_all_samples.weights_of_anchors(problem.class_sizes) != 1).any():
        raise InvalidInputError("a loss with class weights has no mean that training would log")
    if problem.control.is_penalty:
        raise InvalidInputError(
            f"with {problem.control} the lower bound is one of loss and penalty together; choose a "
            "ball, sphere or budget, which bound the embeddings"
        )
    count = whole_number(draws, "draws", 2)
    drawn = drawn_losses(solution, count, seed)
    count = len(drawn)
    views = problem.loss.view_count
    embeddings = views * problem.samples
    return BatchFloor(
        solution=solution,
        floor=solution.lower / embeddings,
        optimum=solution.value / embeddings,
        scatter=float(drawn.std(ddof=1)) if count > 1 else 0.0,
        mean=float(drawn.mean()),
        smallest=float(drawn.min()),
        draws=count,
        seed=seed,
        holds_for_each=problem.batches.are_alike(problem.class_sizes),
    )


def drawn_losses(solution: Solution, draws: int, seed: int) -> Vector:
    """Return the mean losses of batches drawn at the optimum of a problem with `batches`.

    Of batches that are drawn once those of all of them, in order.
    """
    problem = solution.problem
    if solution.components:
        return _losses_of_all(solution)
    assert problem.batches is not None
    gram = solution.class_gram
    away = np.exp((gram - np.diagonal(gram)[:, None]) / problem.temperature)
    views, generator = problem.loss.view_count, np.random.default_rng(seed)
    counts = (problem.batches.draw(problem.class_sizes, generator) for _ in range(draws))
    return np.array([batch_loss(away, views * batch) for batch in counts])


def _losses_of_all(solution: Solution) -> Vector:
    """Return the mean loss of every batch that there is, zero of those without a positive."""
    problem, loss = solution.problem, solution.problem.loss
    assert isinstance(loss, InFixedBatches)
    lengths = loss.batches.lengths
    losses = np.zeros(len(lengths))
    for component in solution.components:
        gram = component.atom_gram.scaled(1 / problem.temperature)
        sums = loss.sums_of(problem.class_sizes, component.part.piece, gram)
        for number, total in sums.items():
            losses[number] = total / (loss.view_count * lengths[number])
    return losses


def batch_loss(away: Matrix, counts: NDArray[np.int64]) -> float:
    """Return the mean loss of a batch with so many embeddings of each class.

    Parameters
    ----------
    away : ndarray, shape (k, k)
        exp((M_cj − M_cc)/τ), of the class means' Gram matrix M.
    counts : ndarray, shape (k,)
    """
    here = np.flatnonzero(counts)
    number = counts[here].astype(float)
    rows = away[np.ix_(here, here)] @ number - 1
    anchored = number > 1
    total = float(number[anchored] @ np.log(rows[anchored]))
    return total / float(number.sum()) if len(here) else 0.0
