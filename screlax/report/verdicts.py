"""The sentences at the top of the page, for embeddings and for the optima."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from ..analysis.determinacy import Determinacy
from ..comparison import Comparison
from ..errors import Status
from ..solution.solution import Solution
from .markup import Markup, tag
from .numbers import number
from .side_by_side import distance_between
from .words import verdict_of_solution

Belonging = Mapping[str, Mapping[str, Comparison]]
"""Comparisons by the name of the recipe, then by that of the embeddings."""


def verdicts(
    solutions: Mapping[str, Solution], belonging: Belonging, decided: Sequence[Determinacy | str]
) -> Markup:
    """Return the sentences: of embeddings, then of the optimum, or of several in one."""
    if len(solutions) > 1:
        said = [*_nearest(belonging), _of_several(solutions)]
    else:
        ((recipe, one),) = solutions.items()
        said = [
            (name, found.verdict.sentence, found.recipe.is_certified)
            for name, found in belonging[recipe].items()
        ]
        proved = one.status is Status.OPTIMAL
        said.append(("The optimum", verdict_of_solution(one, decided[0]), proved))
    several = len(said) > 1
    return tag("div", *(verdict(*one, is_named=several) for one in said), class_="verdicts")


def verdict(name: str, sentence: str, certified: bool, *, is_named: bool = False) -> Markup:
    """Return one sentence; what is not certified says so itself, and has another edge."""
    kind = "verdict certified" if certified else "verdict not-certified"
    return tag("p", tag("strong", f"{name}: ") if is_named else None, sentence, class_=kind)


def _nearest(belonging: Belonging) -> Iterator[tuple[str, str, bool]]:
    """Yield the verdict of all embeddings beside the recipe that they are nearest to."""
    names = dict.fromkeys(name for found in belonging.values() for name in found)
    for name in names:
        found = {recipe: of[name] for recipe, of in belonging.items() if name in of}
        recipe = min(found, key=lambda one: found[one].gram_distance)
        best = found[recipe]
        begin = f"{name}, nearest to {recipe}" if len(found) > 1 else name
        yield begin, best.verdict.sentence, best.recipe.is_certified


def _of_several(solutions: Mapping[str, Solution]) -> tuple[str, str, bool]:
    """Say how many optima are certified, and how far their geometries are from each other."""
    open_ones = [name for name, one in solutions.items() if one.status is not Status.OPTIMAL]
    proved = f"all {len(solutions)} optima are certified"
    if open_ones:
        few = f"{len(solutions) - len(open_ones)} of {len(solutions)} optima are certified"
        proved = f"{few}; NOT certified: {', '.join(open_ones)}"
    pairs = itertools.combinations(solutions.values(), 2)
    apart = [d for one, other in pairs if not math.isnan(d := distance_between(one, other))]
    distances = ""
    if len(apart) == 1:
        distances = f"; their geometries are {number(apart[0], 3)} apart, of at most √2"
    elif apart:
        low, high = number(min(apart), 3), number(max(apart), 3)
        distances = f"; their geometries are {low} to {high} apart, of at most √2"
    return "The optima", f"{proved[0].upper()}{proved[1:]}{distances}.", not open_ones
