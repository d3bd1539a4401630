"""Features and a classifier against an optimum of cross-entropy: excess, flags, verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, ScrelaxError
from ..gram.geometry import gram_distance
from ..problem.features import Features
from ..problem.logits import logit_program
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..solve.solve import silent_solution
from ..types import Matrix
from .decision import DECIDED, RESOLVED, Decision
from .flags import Flag, flags_of_counts, flags_of_zeros
from .given import Linear
from .logits_classifier import best_classifier
from .logits_flags import flags_of_pair
from .logits_metrics import LogitMetrics, logit_metrics
from .logits_pair import LogitPair, squares_of
from .logits_reader import Brought, FeatureReader
from .logits_split import LogitSplit, split_of_logits
from .loss_gap import LossGap, gap_above
from .reading import Given, Reading
from .recipe import Recipe
from .row_facts import RowFacts
from .rows import HeldRows, Rows
from .verdict import NOT_TRAINED, Verdict, by_largest, short

_MOST_SEARCHED = 200
"""Classes up to which a better classifier is looked for, where one was given."""

_NOT_DERIVED = "how far an excess of cross-entropy reaches has not been derived"


def check_bias(problem: UFM, classifier: Linear | None) -> None:
    """Refuse a bias where a loss of features and a classifier has none.

    Raises
    ------
    InvalidInputError
        Naming both ways out.
    """
    bias = None if classifier is None else classifier[1]
    if bias is None or not bias.any() or not problem.loss.has_classifier:
        return
    if not logit_program(problem).has_bias:
        raise InvalidInputError(
            f"the classifier has a bias, and loss {problem.loss} has none, so that its optimum is "
            "no bound for it: solve with screlax.losses.CrossEntropy(bias=True), or leave the bias "
            "out where it was not trained"
        )


def read_logits(
    given: Given,
    solution: Solution,
    distance: float,
    *,
    how: str,
    draws: int | None,
    seed: int,
    search: bool,
) -> Reading:
    """Read out the excess of features and classifier over an optimum, and what does not fit.

    `draws` and `seed` are those of losses of batches, of which this is none.
    """
    problem = solution.problem
    check_bias(problem, given.classifier)
    facts = given.facts
    refusal = _why_nothing(problem, facts)
    if refusal and how in ("samples", "class-means"):
        raise InvalidInputError(refusal)
    read = _read(given, problem, of_means=how in ("class-means", "none"))
    norms = np.sqrt(squares_of(read.weights))
    metrics = logit_metrics(read.brought, norms, solution, given=read.was_given)
    loss = split = decision = None
    if how != "none" and not refusal:
        loss = _gap(read, solution)
        split = split_of_logits(read.brought.pair, solution, loss.gap)
        decision = _decision(solution, loss, split, given.rows.shape[1])
    flags = list(flags_of_pair(read.brought, solution, given=read.was_given))
    flags += [*flags_of_zeros(facts), *flags_of_counts(problem, _counts(given))]
    verdict = _verdict(Recipe.of(solution), distance, metrics, decision, split)
    if search:
        for flag in _searched(given, solution, distance, read, facts):
            flags.append(flag)
            verdict = verdict.also(flag.sentence)
    return Reading(loss, decision, split, None, tuple(flags), verdict, metrics)


@dataclass(frozen=True, eq=False)
class _Read:
    """A pair within the control, its classifier as it was given or found, and of what it is."""

    brought: Brought
    weights: Matrix
    was_given: bool
    of_means: bool
    same_counts: bool


def _read(given: Given, problem: UFM, *, of_means: bool) -> _Read:
    """Bring features and classifier within the control of a problem."""
    rows: Rows = given.rows
    number, normalize = given.number, given.normalize
    if of_means:
        rows, number, normalize = (
            HeldRows(given.statistics.means),
            np.arange(problem.classes),
            False,
        )
    reader = FeatureReader(problem, rows, number, normalize=normalize)
    sums, zeros = reader.sums(), np.zeros(problem.classes)
    if given.classifier is None:
        nothing = reader.of_means(sums, np.zeros_like(sums.means), zeros)
        weights, bias = best_classifier(nothing)
        shown = reader.as_given(weights)
    else:
        shown, offsets = given.classifier
        weights, bias = reader.classifier(shown), zeros if offsets is None else offsets
    same = np.array_equal(_counts(given), np.asarray(problem.class_sizes))
    brought = reader.pair(sums, weights, bias)
    return _Read(brought, shown, given.classifier is not None, of_means, same)


def _counts(given: Given) -> NDArray[np.int64]:
    """Return how many samples each class has: views count as one, by their mean loss."""
    return np.asarray(given.statistics.counts // given.together)


def _why_nothing(problem: UFM, facts: RowFacts) -> str:
    """Say why the problem has no objective at features, or nothing."""
    if problem.features.are_nonnegative and not facts.are_nonnegative:
        return (
            "the features of this problem are nonnegative and some of these are below zero, so "
            "that they have no objective of it; use loss='none', or a solution of real features"
        )
    return ""


def _gap(read: _Read, solution: Solution) -> LossGap:
    every = "all samples" if read.same_counts else "the mean over the samples given of each class"
    return gap_above(
        solution,
        read.brought.pair.objective,
        solution.lower,
        level="class means" if read.of_means else "samples",
        reason="as asked" if read.of_means else every,
        violation=read.brought.violation,
    )


def _decision(solution: Solution, loss: LossGap, split: LogitSplit, dim: int) -> Decision:
    total, means = (
        part / solution.value if solution.value > 0 else math.inf
        for part in (loss.gap, split.of_means)
    )
    return Decision(total, math.nan, math.inf, means, math.nan, (), _NOT_DERIVED, dim)


def _verdict(
    recipe: Recipe,
    distance: float,
    metrics: LogitMetrics,
    decision: Decision | None,
    split: LogitSplit | None,
) -> Verdict:
    """Return the verdict: from the excess, and where that is small from the distances."""
    kind = "certified optimum" if recipe.is_certified else "best known geometry, NOT certified,"
    whose = "their classifier" if metrics.classifier_given else "the classifier best for them"
    begin = (
        f"These features are {short(distance)} from the {kind} of {recipe}, {whose} "
        f"{short(metrics.classifier_distance)}, both together {short(metrics.joint_distance)}"
    )
    if decision is None:
        return Verdict("measured", f"{begin}; the objective was not evaluated.")
    excess = f"their relative excess of {short(decision.relative_excess)}"
    if decision.relative_excess > RESOLVED:
        said = f"{excess} could still fall{by_largest(split)}: {NOT_TRAINED}."
        return Verdict("unfinished", f"{begin}; {said}")
    if max(distance, metrics.joint_distance) <= DECIDED:
        said = f"{excess} is less than single precision sees, so the loss has done what it can."
        return Verdict("reached", f"{begin}; {said}")
    said = f"{excess} leaves so much open, as they show themselves: the geometry is undecided."
    return Verdict("undecided", f"{begin}; {said}")


def _searched(
    given: Given, solution: Solution, distance: float, read: _Read, facts: RowFacts
) -> Iterator[Flag]:
    """Yield what optima, and a classifier, solved on the spot show."""
    if facts.are_nonnegative and not solution.problem.features.are_nonnegative:
        yield _nonnegative(given, solution, distance, read)
    if read.was_given and solution.problem.classes <= _MOST_SEARCHED:
        yield from _better_classifier(read.brought.pair, solution)


def _nonnegative(given: Given, solution: Solution, distance: float, read: _Read) -> Flag:
    """Compare with the optimum of nonnegative features, where it can be solved for."""
    begin, numbers = "No entry is negative, as behind a ReLU", {"distance_of_real": distance}
    try:
        best = silent_solution(replace(solution.problem, features=Features.NONNEGATIVE))
    except ScrelaxError as error:
        words = f"{begin}; the optimum of nonnegative features could not be solved for: {error}."
        return Flag("nonnegative", words, numbers)
    if not best.class_gram.any():
        return Flag("nonnegative", f"{begin}; that of nonnegative features is zero.", numbers)
    numbers["distance"] = gram_distance(given.class_gram, best.class_gram)
    numbers["relative_excess"] = _gap(read, best).gap / best.value
    return Flag(
        "nonnegative",
        f"{begin}: these are {short(numbers['distance'])} from the optimum of nonnegative "
        f"features, against {short(distance)} from that of real ones, with an excess of at most "
        f"{short(numbers['relative_excess'])} of it.",
        numbers,
    )


def _better_classifier(pair: LogitPair, solution: Solution) -> Iterator[Flag]:
    """Yield what another classifier saves at the class means, where training would see it."""
    saved = pair.of_class_means().value - pair.with_classifier(*best_classifier(pair)).value
    share = saved / solution.value if solution.value > 0 else 0.0
    if share > RESOLVED:
        yield Flag(
            "classifier",
            f"At the same class means another classifier has an objective that is less by "
            f"{saved:.3g}, {short(share)} of the optimum: it is not the best for them.",
            {"saved": saved, "relative": share},
        )
