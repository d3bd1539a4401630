"""The sentences at the top of the page: what was solved, what is optimal, what is left open."""

from __future__ import annotations

from ..analysis.determinacy import Determinacy
from ..errors import ScrelaxError, Status
from ..plots.captions import caption
from ..problem.averaging import averaged_over
from ..problem.ufm import UFM
from ..solution.solution import Solution
from .numbers import count, distance, number

MOST_DECIDED = 400
"""Distinct sizes up to which determinacy takes under a second; the page is made in a few."""


def title_of(problem: UFM) -> str:
    """Return the problem in one line: classes, loss and batches, control, temperature."""
    return f"{classes_in_words(problem)}: {caption(problem)}"


def classes_in_words(problem: UFM) -> str:
    """Return how many classes of how many samples."""
    sizes = problem.class_sizes
    low, high = int(sizes.distinct[-1]), int(sizes.distinct[0])
    span = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return f"{sizes.classes:,} classes of {span} samples"


def optimum_of_in_words(solution: Solution) -> str:
    """Return what the optimum is of: the loss and over what, features, control, anchors."""
    problem = solution.problem
    real = not problem.features.are_nonnegative
    features = "features of any sign" if real else "nonnegative features"
    points, samples = problem.points.samples, problem.samples
    embeddings = "" if points == samples else f", {points:,} embeddings"
    anchors = "" if problem.anchors in (samples, points) else f", {count(problem.anchors)} anchors"
    own = f", {problem.constraints_in_words}" if problem.constraints else ""
    return (
        f"The optimum is that of loss {problem.loss}, {averaged_over(problem)}, over "
        f"{features} with {problem.control.meaning.removesuffix(' added to the sum')}"
        f"{' added to the objective' if problem.control.is_penalty else ''} "
        f"({problem.control.caption}), at temperature {problem.temperature:g}: "
        f"{samples:,} samples{embeddings}{anchors}{own}."
    )


def what_is_decided(solution: Solution) -> Determinacy | str:
    """Return how sharply the loss determines the geometry, or why that is not said."""
    sizes = solution.problem.points.orbits
    if sizes > MOST_DECIDED:
        return (
            f"it is not computed for the page beyond {MOST_DECIDED} distinct sizes, here "
            f"{sizes:,}; solution.determinacy() takes some seconds"
        )
    try:
        return solution.determinacy()
    except ScrelaxError as error:
        return str(error)


def verdict_of_solution(solution: Solution, decided: Determinacy | str) -> str:
    """Return one sentence: what is optimal, how that is proved, what the loss leaves open."""
    problem, certificate = solution.problem, solution.certificate
    unit = problem.mean_unit
    value, lower = (f"{x / problem.mean_count:.6g}" for x in (solution.value, solution.lower))
    gap = f"of {certificate.gap_in_words}".replace("of < ", "below ")
    if solution.status is not Status.OPTIMAL:
        why = certificate.shortfall(solution.tol)
        reason = f" ({why})" if why else ""
        found = "Feasible, and NOT" if solution.status is Status.FEASIBLE else "NOT"
        return (
            f"{found} certified: the best geometry that was found has an objective of {value} per "
            f"{unit}, and it is proved only that none is below {lower}, a relative gap "
            f"{gap} where {solution.tol:.0e} was asked for{reason}."
        )
    within = f" It {solution.within_words}." if solution.within_words else ""
    arithmetic = "exact arithmetic" if certificate.is_verified else "double precision"
    sign = "nonnegative " if problem.features.are_nonnegative else ""
    under = " that satisfy the constraints" if problem.constraints else ""
    return (
        f"Certified optimal: no {sign}embeddings of any dimension{under} have a smaller objective "
        f"than the {value} per {unit} of {'these components' if solution.components else 'these'}, "
        f"proved by a lower bound within a relative gap {gap} in {arithmetic}; "
        f"{left_open_in_words(solution, decided)}.{within}"
    )


def left_open_in_words(solution: Solution, decided: Determinacy | str) -> str:
    """Return what the value does not determine, as the last part of a sentence."""
    if solution.left_open:
        return f"the value does not determine the geometry: {solution.left_open}"
    if isinstance(decided, str):
        return "how much of the geometry a small excess leaves open is not known here"
    if decided.curvature == float("inf"):
        return "every change of the geometry costs to first order"
    allowed = decided.distance(1e-6)
    if distance(allowed) == "any size":
        return "an excess of a millionth of it leaves the geometry open altogether"
    return (
        f"an excess of a millionth of it leaves the geometry open within a distance of about "
        f"{number(allowed, 2)}"
    )
