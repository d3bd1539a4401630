"""What a loss of mini-batches cannot fall below, and how single batches scatter about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..checks import check_kind, whole_number
from ..errors import InvalidInputError
from ..io.notebook import TextInNotebook
from ..problem.losses.batch_terms import BatchTerms
from ..problem.losses.in_fixed import InFixedBatches
from ..short_repr import short_repr
from ..solution.solution import Solution
from ..types import Matrix, Vector


@short_repr
@dataclass(frozen=True)
class BatchFloor(TextInNotebook):
    """A certified floor of the expected loss of batches, and drawn batches at the optimum.

    All are means of a batch, as training logs them: over all its embeddings, those without a
    positive with a loss of zero, or over its anchors where the sampler has mean_over="anchors".
    Where batches differ in size (Poisson, capped classes) they are sums divided by the mean size,
    as in the objective; the mean over each batch by itself is then another number.

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
            f"{self.floor:.10g} per {problem.mean_unit} (proved: {problem.description}, "
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
        If the problem is one of all samples at once, weighs classes, has a penalty, or constraints
        of its own.

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
    check_kind(solution, Solution, "solution")
    problem = solution.problem
    problem.loss.require_embeddings("a floor of batches")
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
    if problem.constraints:
        raise InvalidInputError(
            f"the lower bound is one of features that satisfy {problem.constraints_in_words}, and "
            "training knows nothing of them; take the optimum of problem.without_constraints()"
        )
    count, seed = whole_number(draws, "draws", 2), whole_number(seed, "seed", 0)
    drawn = drawn_losses(solution, count, seed)
    count = len(drawn)
    return BatchFloor(
        solution=solution,
        floor=solution.lower / problem.mean_count,
        optimum=solution.mean_value,
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
    gram, sizes = solution.class_gram, problem.class_sizes
    away = np.exp((gram - np.diagonal(gram)[:, None]) / problem.temperature)
    terms, generator = problem.loss.of_all_samples.batch_terms(sizes), np.random.default_rng(seed)
    rows = _BatchRows(
        away,
        terms,
        terms.keys_of(sizes.orbits)[sizes.orbit_index()],
        problem.batches.is_per_anchor,
    )
    views, losses = problem.loss.view_count, np.empty(draws)
    for number in range(draws):
        batch = problem.batches.draw(sizes, generator)
        size = problem.batches.expected_size(batch, sizes)
        losses[number] = rows.mean(views * batch, views * size)
    return losses


def _losses_of_all(solution: Solution) -> Vector:
    """Return the mean loss of every batch that there is, zero of those without a positive."""
    problem, loss = solution.problem, solution.problem.loss
    assert isinstance(loss, InFixedBatches)
    losses = np.zeros(len(loss.batches.lengths))
    for component in solution.components:
        gram = component.atom_gram.scaled(1 / problem.temperature)
        means = loss.means_of(problem.class_sizes, component.part.piece, gram)
        losses[list(means)] = list(means.values())
    return losses


@dataclass(frozen=True, eq=False)
class _BatchRows:
    """What a loss is in a batch of class means.

    Attributes
    ----------
    away : ndarray, shape (k, k)
        exp((M_cj − M_cc)/τ), of the class means' Gram matrix M.
    terms : BatchTerms
    keys : ndarray, shape (k,)
    per_anchor : bool
        Whether its mean is over anchors.
    """

    away: Matrix
    terms: BatchTerms
    keys: Vector
    per_anchor: bool

    def mean(self, counts: NDArray[np.int64], size: float) -> float:
        """Return the loss of a batch with so many embeddings of each class, shape (k,), per one.

        What the sum is divided by is the size that such batches have on average, as in the
        objective; anchors where the mean is over these.
        """
        here = np.flatnonzero(counts)
        number, keys = counts[here].astype(float), self.keys[here]
        anchored = number + keys > 1
        sums = self._sums(here, counts.astype(float), number)
        losing = anchored & (sums > 0)
        mass = np.ones_like(number) if self.terms.shared else number
        total = float(mass[losing] @ np.log(sums[losing]))
        over = float(number[anchored].sum()) if self.per_anchor else size
        return total / over if over else 0.0

    def _sums(self, here: NDArray[np.int64], counts: Vector, number: Vector) -> Vector:
        """Return Y of an anchor of every class that is there."""
        others = self.away[here].copy()
        others[np.arange(len(here)), here] = 0.0
        if self.terms.averaged:
            return np.asarray(1 + others @ (counts > 0))
        own = number - 1 + self.keys[here] if self.terms.has_own else 0.0
        return np.asarray(own + others @ (counts + self.keys))
