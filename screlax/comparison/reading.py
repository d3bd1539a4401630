"""What a comparison of embeddings with an optimum says beyond distances: excess, flags, verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..gram.geometry import gram_distance
from ..solution.solution import Solution
from ..types import Matrix
from .decision import Decision, decision_of
from .drawn import DrawnLoss, drawn_loss
from .evaluation import evaluate
from .flags import Flag, flags_of_chunks, flags_of_rows
from .gap_split import GapSplit, split_of
from .given import Linear
from .logits_metrics import LogitMetrics
from .logits_split import LogitSplit
from .loss_gap import LossGap, gap_of
from .objective import Evaluation
from .other_optima import flag_of_dimension, flag_of_temperature, nonnegative_optimum
from .own_constraints import Satisfied, satisfied
from .recipe import Recipe
from .row_facts import RowFacts
from .rows import Rows
from .statistics import ClassStatistics
from .verdict import Verdict, verdict_of


@dataclass(frozen=True, eq=False)
class Given:
    """The embeddings that are compared.

    Attributes
    ----------
    rows : Rows, shape (n, d)
    number : ndarray of int, shape (n,)
        Class of each row.
    statistics : ClassStatistics
    facts : RowFacts
    together : int
        How many rows, one after the other, are views of one sample.
    normalize : bool
        Whether rows have to be divided by their norms; in `statistics` they are.
    class_gram : ndarray, shape (k, k)
        Of the class means.
    classifier : tuple of ndarray, shapes (k, d) and (k,) or None, or None
        Weights and biases that came with them.
    """

    rows: Rows
    number: NDArray[np.int64]
    statistics: ClassStatistics
    facts: RowFacts
    together: int
    normalize: bool
    class_gram: Matrix
    classifier: Linear | None


@dataclass(frozen=True, eq=False)
class Reading:
    """What was read out; see `Comparison`."""

    loss: LossGap | None
    decision: Decision | None
    split: GapSplit | LogitSplit | None
    drawn: DrawnLoss | None
    flags: tuple[Flag, ...]
    verdict: Verdict
    logits: LogitMetrics | None = None


def read_out(
    given: Given,
    solution: Solution,
    distance: float,
    *,
    how: str,
    draws: int | None,
    seed: int,
    search: bool,
) -> Reading:
    """Read out the excess of embeddings over an optimum, and what does not fit."""
    problem, statistics, facts = solution.problem, given.statistics, given.facts
    kind: dict[str, Any] = {"normalize": given.normalize, "together": given.together}
    evaluation = evaluate(given.rows, given.number, statistics, facts, problem, how, **kind)
    loss = decision = split = drawn = None
    within = Satisfied() if evaluation is None else satisfied(evaluation, solution)
    if within.reason and how != "auto":
        raise InvalidInputError(
            f"the optimum is one under {problem.constraints_in_words}: {within.reason}; use "
            "loss='none', or the optimum of problem.without_constraints()"
        )
    if evaluation is not None and not within.reason:
        loss = gap_of(evaluation, solution, within.worth)
        split = split_of(evaluation, solution, loss.gap)
        decision = decision_of(solution, loss.gap, split, given.rows.shape[1])
        if given.rows.array is not None and not problem.constraints:
            of = given.rows.array, given.number, statistics, evaluation, problem
            drawn = drawn_loss(*of, gap=loss.gap, draws=draws, seed=seed, **kind)
    flags = list(flags_of_rows(problem, statistics.counts, facts, given.together))
    if given.rows.array is None:
        flags += flags_of_chunks(problem, statistics, given.together)
    parts = loss, decision, split, drawn
    verdict = verdict_of(Recipe.of(solution), distance, *parts)
    if verdict.case == "beyond":  # the distance is of norms that the excess is not of
        for flag in flags:
            verdict = verdict.also(flag.sentence) if flag.name == "norms" else verdict
    if within.reason:
        verdict = verdict.also(
            f"The optimum is one under constraints: {within.reason}; take the optimum of "
            "problem.without_constraints() for an objective."
        )
    if search:
        found = list(_searched(given, solution, distance, evaluation, facts, verdict))
        flags += found
        for flag in found:
            verdict = verdict.also(flag.sentence)
    return Reading(*parts, tuple(flags), verdict)


def _searched(
    given: Given,
    solution: Solution,
    distance: float,
    evaluation: Evaluation | None,
    facts: RowFacts,
    verdict: Verdict,
) -> Iterator[Flag]:
    """Yield what optima solved on the spot show; nothing under constraints of one's own."""
    if solution.problem.constraints:
        return
    if facts.are_nonnegative and not solution.problem.features.are_nonnegative:
        yield _nonnegative(given, solution, distance, evaluation)
    yield from flag_of_dimension(solution, given.rows.shape[1])
    if not verdict.is_settled:
        yield from flag_of_temperature(solution, given.class_gram, distance)


def _nonnegative(
    given: Given, solution: Solution, distance: float, evaluation: Evaluation | None
) -> Flag:
    """Compare with the optimum of nonnegative features, where it can be solved for."""
    begin = "No entry is negative, as behind a ReLU"
    best = nonnegative_optimum(solution)
    numbers = {"distance_of_real": distance}
    if not isinstance(best, Solution):
        return Flag("nonnegative", f"{begin}; {best}.", numbers)
    numbers["distance"] = gram_distance(given.class_gram, best.class_gram)
    said = (
        f"{begin}: these are {numbers['distance']:.2g} from the optimum of nonnegative features, "
        f"against {distance:.2g} from that of real ones"
    )
    if evaluation is not None:
        decision = gap_of(evaluation, best).gap / max(abs(best.value), np.finfo(float).tiny)
        numbers["relative_excess"] = decision
        said += f", with an excess of at most {decision:.2g} of it"
    return Flag("nonnegative", f"{said}.", numbers)
