"""The optimum on the page: what it is of, its pictures, its numbers, what the loss decides."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..analysis.determinacy import Determinacy
from ..errors import Status
from ..io.tables import finite
from ..solution.solution import Solution
from .components import component_parts
from .geometry import geometry_figures
from .legends import DECIDED, OPTIMUM
from .markup import Markup, details, joined, tag
from .numbers import Row, Sheet, distance, number, table_of_numbers
from .path import path_section
from .verdicts import verdict
from .words import optimum_of_in_words, verdict_of_solution

_LONGEST = 2000
"""Characters of options shown: class weights of many classes are longer."""


def optimum_section(
    sheet: Sheet,
    solution: Solution,
    decided: Determinacy | str,
    heading: str,
    *,
    says_verdict: bool,
) -> Markup:
    """Return the section of one optimum; its verdict is there unless it is above."""
    place, said = sheet.identifier("optimum"), verdict_of_solution(solution, decided)
    inside = component_parts(sheet, solution) or joined(
        [tag("div", *geometry_figures(sheet, solution), class_="figures")]
    )
    return tag(
        "section",
        tag("h2", heading, id=place),
        verdict(heading, said, solution.status is Status.OPTIMAL) if says_verdict else None,
        tag("p", optimum_of_in_words(solution)),
        _also(solution),
        inside,
        tag("h3", "The optimum in numbers"),
        table_of_numbers(sheet, f"{heading}: numbers", _numbers(solution)),
        details(
            "How it was solved and proved",
            table_of_numbers(sheet, f"{heading}: how it was solved and proved", _proof(solution)),
        ),
        tag("h3", "What the loss decides"),
        *_decided(sheet, decided),
        path_section(sheet, solution),
        aria_labelledby=place,
    )


def _also(solution: Solution) -> Markup | None:
    """Return what else holds of the solution: points within classes, tightness."""
    said = []
    if solution.within_words:
        said.append(f"The geometry {solution.within_words}: what is shown are the class means.")
    if solution.tightness_in_words:
        said.append(f"Of embeddings, {solution.tightness_in_words}.")
    return tag("p", " ".join(said)) if said else None


def _numbers(solution: Solution) -> Iterator[Row]:
    problem = solution.problem
    yield (
        f"objective per {problem.mean_unit}",
        number(solution.mean_value, 10),
        OPTIMUM["objective per"],
    )
    summed = f"objective, summed over {problem.loss.term}s"
    yield summed, number(solution.value, 12), OPTIMUM["objective, summed"]
    yield "lower bound", number(solution.lower, 12), OPTIMUM["lower bound"]
    yield "relative gap", solution.certificate.gap_in_words, OPTIMUM["relative gap"]
    if not solution.components:
        yield "rank", f"{solution.rank:,} of {problem.classes:,}", OPTIMUM["rank"]
    if problem.constraints:
        excess = number(solution.constraint_excess, 2)
        yield "constraints hold up to", excess, OPTIMUM["constraints hold up to"]


def _proof(solution: Solution) -> Iterator[Row]:
    proved = solution.certificate
    arithmetic = "exact arithmetic" if proved.is_verified else "double precision"
    yield "status", str(solution.status), "Whether the gap is within the tolerance."
    yield "tolerance", number(solution.tol), OPTIMUM["tolerance"]
    yield "bounds hold in", arithmetic, OPTIMUM["bounds hold in"]
    yield "certified at level", proved.level, OPTIMUM["certified at"]
    gram, slack = proved.primal_min_eigenvalue, proved.slack_min_eigenvalue
    name = "smallest eigenvalue of the Gram matrix as found"
    yield name, number(gram, 3), OPTIMUM["smallest eigenvalue, Gram"]
    name = "smallest eigenvalue of the dual slack as found"
    yield name, number(slack, 3), OPTIMUM["smallest eigenvalue, slack"]
    yield "solver", f"{solution.solver}: {solution.solver_reason}", OPTIMUM["solver"]
    spent = ", ".join(f"{phase} {value:.3g} s" for phase, value in solution.seconds.items())
    yield "time", spent, OPTIMUM["time"]
    options = json.dumps(finite(solution.problem.loss.record()), ensure_ascii=False)
    more = "…" if len(options) > _LONGEST else ""
    yield "options of the loss", options[:_LONGEST] + more, OPTIMUM["options"]


def _decided(sheet: Sheet, decided: Determinacy | str) -> Iterator[Markup]:
    """Yield what an excess leaves open, or why nothing is said of it."""
    if isinstance(decided, str):
        yield tag("p", f"How sharply the loss determines the geometry is not said: {decided}.")
        return
    if decided.curvature == float("inf"):
        yield tag("p", "Every change of the geometry costs to first order.")
    else:
        at = distance(decided.distance(1e-6))
        within = "anything" if at == "any size" else f"distances up to about {at}"
        cost = number(decided.relative_excess(0.05), 3)
        yield tag(
            "p",
            f"An excess of a millionth of the objective allows {within} between normalised Gram "
            f"matrices, where √2 is the largest there is; a distance of 0.05 costs an excess of "
            f"{cost}."
            + ("" if decided.direction is None else f" Least noticed: {decided.direction}."),
        )
    if decided.warning:
        yield tag("p", f"{decided.warning[0].upper()}{decided.warning[1:]}.", class_="warning")
    yield table_of_numbers(sheet, "What the loss decides", _decided_rows(decided))


def _decided_rows(decided: Determinacy) -> Iterator[Row]:
    for name, legend, apart in (
        ("distance allowed by one rounding in float32", "float32", decided.single_precision),
        ("distance allowed by one rounding in float64", "float64", decided.double_precision),
    ):
        yield name, distance(apart), DECIDED[legend]
    for one in decided.references:
        most = "at most " if one.is_average else ""
        average = " on average" if one.is_average else ""
        yield (
            f"{one.name}: relative excess",
            f"{most}{number(one.relative_excess, 3)}{average}, at distance "
            f"{number(one.distance, 3)}",
            "What this well-known geometry would lose against the optimum, and how far from it "
            "it is.",
        )
