"""Measuring the cases of a problem: in rounds, so that what disturbs the machine disturbs all."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from ..errors import InvalidInputError
from .methods import Method
from .problems import BenchProblem
from .server import Server
from .table import NOT_TRIED, RAN, REFUSED, TIMEOUT, Row
from .work import Case, blank_row
from .worker import Request


@dataclass(frozen=True)
class Rounds:
    """At most so many `repeats`, none of a case after `enough` seconds; `limit` seconds a run."""

    limit: float
    repeats: int
    enough: float


def why_not_run(problem: BenchProblem, method: Method) -> tuple[str, str]:
    """Return the outcome and the reason of a method that is not run, else two empty strings."""
    refusal = method.why_not(problem.problem)
    if refusal:
        return REFUSED, refusal
    reason = method.too_large(problem.problem)
    return (NOT_TRIED, reason) if reason else ("", "")


def run_block(
    cases: Sequence[Case], payload: bytes, server: Server, rounds: Rounds
) -> dict[Case, Row]:
    """Run the cases of a problem in rounds, each round beginning with the next of them."""
    rows = {case: blank_row(*case) for case in cases}
    waiting: dict[Case, list[dict[str, Any]]] = {}
    for case in cases:
        outcome, reason = why_not_run(case.problem, case.method)
        if outcome:
            rows[case] = replace(rows[case], outcome=outcome, reason=reason)
        else:
            waiting[case] = []
    for number in range(rounds.repeats):
        turn = [case for case, runs in waiting.items() if _wants_more(runs, rounds.enough)]
        first = number % max(len(turn), 1)
        for case in turn[first:] + turn[:first]:
            hopeless = _hopeless(case, waiting, rounds.limit)
            if hopeless:
                waiting[case].append(hopeless)
                continue
            request = Request(payload, case.method.name, case.tolerance, rounds.limit)
            waiting[case].append(server.ask(request))
    return rows | {case: _summary(rows[case], runs) for case, runs in waiting.items()}


def _hopeless(
    case: Case, waiting: Mapping[Case, Sequence[dict[str, Any]]], limit: float
) -> dict[str, Any] | None:
    """Return a run that need not be made, as one for less accuracy took all the time there is."""
    for other, runs in waiting.items():
        is_easier = other.method.name == case.method.name and other.tolerance > case.tolerance
        if is_easier and any(run.get("seconds", 0.0) >= limit for run in runs):
            reason = f"not run: asked for {other.tolerance:g} it took {limit:g} s"
            return {"outcome": TIMEOUT, "seconds": limit, "reason": reason}
    return None


def _wants_more(runs: Sequence[dict[str, Any]], enough: float) -> bool:
    """Whether a case is to be repeated: all went well so far, and fast."""
    if any(run["outcome"] != RAN for run in runs):
        return False
    # on a busy machine a short run takes long, and needs its repeats all the more
    spent = [float(min(run["seconds"], run["cpu_seconds"])) for run in runs]
    return sum(spent) < enough


def _summary(row: Row, runs: Sequence[dict[str, Any]]) -> Row:
    """Return the row of a case: of the last run, with medians; the first that failed counts."""
    bad = next((run for run in runs if run["outcome"] != RAN), None)
    if bad is not None:
        return replace(row, **bad, runs=len(runs))
    times = {
        name: median(run[name] for run in runs) for name in ("seconds", "cpu_seconds", "megabytes")
    }
    return replace(row, **{**runs[-1], **times, "runs": len(runs)})


def pickled(problem: BenchProblem) -> bytes:
    """Return a problem as the process that measures gets it, every time anew."""
    try:
        return pickle.dumps(problem.problem)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidInputError(
            f"problem {problem.name!r} cannot be sent to another process ({error}); functions "
            "among its constraints must be those of a module that --with names"
        ) from None
