"""The tables of the page: what is said of results, as header and rows under a caption."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .methods import KINDS
from .results import Results
from .scores import SHIFT, Score, compared, scores, taken, times_to
from .table import PROCESSOR, WALL, own_gaps, suboptimality

_MIDDLE = 1e-6
"""Tables that have room for one accuracy take that which is nearest to this one."""


_CLOCKS = {
    WALL: "Times are wall time, without the certificate.",
    PROCESSOR: (
        "Times are of the processor, of whole calls, the certificate included: other programs on "
        "the machine leave them nearly alone."
    ),
}


@dataclass(frozen=True)
class Shown:
    """A table of the page with what it says in one line; `is_long` ones are folded."""

    title: str
    caption: str
    header: list[str]
    rows: list[list[str]]
    is_long: bool = False


def facts(results: Results) -> list[tuple[str, str]]:
    """Return what the times mean nothing without."""
    outcomes = Counter(row.outcome for row in results.rows)
    resumed = f", {results.found} of them by an earlier call" if results.found else ""
    return [
        *results.provenance.items(),
        ("time limit", f"{results.limit:g} s a run, of wall time"),
        ("repeats", f"the median of up to {results.repeats} runs, in which methods take turns"),
        ("asked for", ", ".join(f"{accuracy:g}" for accuracy in results.accuracies)),
        (
            "cases",
            f"{len(results.rows)} on {len(results.problems)} problems{resumed}: "
            + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()),
        ),
        (
            "this call",
            f"{results.wall_seconds:.0f} s of wall time, {results.cpu_seconds:.0f} s of processor "
            f"time; runs had a processor for {results.busy:.0%} of their time",
        ),
    ]


def rules(results: Results) -> str:
    """Return how everything is judged, in a few sentences."""
    methods, common = compared(results.rows)
    return (
        "Every value and bound is certified by screlax, whatever a method says of itself. Gaps are "
        "relative to |value| + value − infimum of the loss. “Proved” is the gap that a method's "
        "own points certify; “near by value” is the distance from the best certified bound of any "
        f"method. {_CLOCKS[results.clock]} Everything is over the same "
        f"{len(results.problems)} problems for all: where a method does not reach the accuracy in "
        "time (refused, not tried, timeout, failed, or too far off), its time is the limit in a "
        f"mean, and infinite in a profile. Means are geometric, shifted by {SHIFT:g} s. "
        f"{len(common)} of the problems are taken by every method that takes at least half of them "
        f"({', '.join(methods) or 'none'}); the column “on {len(common)} in common” is over those."
    )


def tables(results: Results, conditions: Mapping[str, str]) -> list[Shown]:
    """Return every table that Markdown and the page have alike."""
    return [
        *(_scores(results, accuracy) for accuracy in results.accuracies),
        _by_set(results),
        _methods(results, conditions),
    ]


def _scores(results: Results, accuracy: float) -> Shown:
    proofs, values = (
        scores(results.judged, accuracy, results.limit, excess)
        for excess in (own_gaps(results.judged), suboptimality(results.judged))
    )
    least = min((score.mean for score in proofs), default=math.nan)
    common = len(compared(results.rows)[1])
    body = [
        [
            proof.method,
            f"{proof.taken} of {proof.problems}",
            f"{proof.solved}",
            seconds_in_words(proof.mean),
            f"{proof.mean / least:.3g}",
            seconds_in_words(proof.common_mean),
            f"{value.solved}",
            seconds_in_words(value.mean),
        ]
        for proof, value in _ranked(proofs, values)
    ]
    header = ["method", "takes", "proved", "mean", "× least", f"on {common} in common"]
    return Shown(
        f"To a gap of {accuracy:g}",
        f"Problems solved to {accuracy:g}, and mean times to it; most proved first.",
        [*header, "near by value", "mean by value"],
        body,
    )


def _ranked(proofs: Sequence[Score], values: Sequence[Score]) -> list[tuple[Score, Score]]:
    pairs = [pair for pair in zip(proofs, values, strict=True) if pair[0].taken]
    return sorted(pairs, key=lambda pair: (-pair[0].solved, pair[0].mean))


def middle_accuracy(results: Results) -> float:
    """Return the accuracy of tables that have room for one."""
    return min(results.accuracies, key=lambda one: abs(math.log(one / _MIDDLE)))


def _by_set(results: Results) -> Shown:
    accuracy = middle_accuracy(results)
    times = times_to(results.judged, accuracy, results.limit, own_gaps(results.judged))
    problems: dict[str, list[str]] = {}
    for row in results.rows:
        mine = problems.setdefault(row.group, [])
        if row.problem not in mine:
            mine.append(row.problem)
    body = []
    ran = taken(results.rows)
    for method in filter(ran.get, results.methods):
        solved = [sum(math.isfinite(times[method][p]) for p in own) for own in problems.values()]
        body.append([method, *(f"{n}" if n else "–" for n in solved)])
    header = ["method", *(f"{group} ({len(own)})" for group, own in problems.items())]
    return Shown(
        "By set",
        f"Problems proved to {accuracy:g}, of as many as stand in brackets.",
        header,
        body,
    )


def _methods(results: Results, conditions: Mapping[str, str]) -> Shown:
    """Return what each method is, and what ran under its name, over its cases."""
    body = []
    for method in results.methods:
        mine = [row for row in results.rows if row.method == method]
        counted = Counter(row.ran for row in mine if row.ran).most_common()
        said = ", ".join(f"{what} ({count})" for what, count in counted)
        nothing = f"nothing: {mine[0].reason}" if mine else "nothing"
        body.append([method, conditions.get(method, ""), said or nothing])
    return Shown(
        "Methods and their conditions",
        "What ran is each method's own report, with the number of cases. "
        + " ".join(f"Every {kind}: {said}" for kind, said in KINDS.items()),
        ["method", "conditions", "what ran, and how it ended"],
        body,
    )


def seconds_in_words(seconds: float) -> str:
    """Return a time with its unit."""
    if not math.isfinite(seconds):
        return "–"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
