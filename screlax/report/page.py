"""Writing the page: one HTML file that loads nothing, and may load nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import check_kind, check_rows
from ..comparison import Comparison
from ..comparison.recipe import Recipe
from ..containers import shown
from ..errors import InvalidInputError
from ..io.atomic import as_path, refuse_unwritable, write_bytes
from ..io.shown import one_line
from ..solution.solution import Solution
from .classes import classes_section
from .comparison import comparison_section
from .document import document
from .markup import Markup, joined
from .numbers import Sheet
from .optimum import optimum_section
from .side_by_side import ranking, side_by_side
from .verdicts import verdicts
from .words import classes_in_words, title_of, what_is_decided

Solutions = Solution | Sequence[Solution] | Mapping[str, Solution]
Comparisons = Mapping[str, Comparison | Sequence[Comparison]]


def write_report(
    solution: Solutions,
    path: str | Path,
    comparisons: Comparisons | None = None,
    *,
    title: str | None = None,
) -> Path:
    """Write an interactive page about one or several optima, readable offline in any browser.

    First the verdict in a sentence, then pictures, numbers with what each is, and details to
    unfold: geometry by class and class size, the certificate, what the loss decides, a slider
    along the regularisation path, a table of classes to search and sort. For each comparison the
    embeddings next to the optimum; several optima side by side, with the distances between their
    geometries. The file holds all it needs, and its content security policy allows no request.

    Parameters
    ----------
    solution : Solution, sequence of Solution, or mapping of str to Solution
        Several are recipes to set side by side, under their names, or what they are of.
    path : str or path-like
        Ends in .html; written atomically.
    comparisons : mapping of str to Comparison or sequence of Comparison, optional
        What to show next to the optima, by name: each belongs to the solution it was made with, as
        `compare(embeddings, labels, [several])` returns them.
    title : str, optional
        Title of the page; by default the problem in words.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    InvalidInputError
        If the path cannot be written or does not end in .html, or a comparison is with none of the
        solutions.

    Examples
    --------
    >>> import screlax
    >>> from screlax.report import write_report
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0), temperature=0.2)
    >>> write_report(solution, "optimum.html").name
    'optimum.html'
    """
    target = as_path(path)
    refuse_unwritable(target, ".html")
    return write_bytes(page_html(solution, comparisons, title=title).encode(), target)


def page_html(
    solution: Solutions, comparisons: Comparisons | None = None, *, title: str | None = None
) -> str:
    """Return the page as text."""
    solutions = _named(solution)
    belonging = _belonging(solutions, {} if comparisons is None else comparisons)
    sheet = Sheet()
    names = list(solutions)
    several = len(names) > 1
    decided = [what_is_decided(one) for one in solutions.values()]
    sections: list[Markup] = []
    if several:
        sections.append(side_by_side(sheet, solutions, decided))
        found = [(name, recipe, one) for recipe in names for name, one in belonging[recipe].items()]
        sections += [ranking(sheet, found)] if found else []
    for recipe, one, known in zip(names, solutions.values(), decided, strict=True):
        shown = dict(_titles(belonging[recipe], recipe if several else None))
        sections += [
            comparison_section(sheet, name, found, says_verdict=several)
            for name, found in shown.items()
        ]
        heading = f"Optimum of {recipe}" if several else "The optimum"
        sections.append(optimum_section(sheet, one, known, heading, says_verdict=several))
        listed = f"Classes of {recipe}" if several else "Classes"
        sections.append(classes_section(sheet, one, shown, listed))
    main = joined([verdicts(solutions, belonging, decided), *sections])
    return document(title or _title(list(solutions.values())), main, sheet.data)


def _named(solution: Solutions) -> dict[str, Solution]:
    """Return the solutions by name: the one given, or what each is of, numbered where alike."""
    if isinstance(solution, Solution):
        return {"": solution}
    if isinstance(solution, Mapping):
        found = {one_line(name): one for name, one in solution.items()}
    else:
        found = {}
        for number, one in enumerate(check_rows(solution, "solution", "Solution, or one")):
            check_kind(one, Solution, f"solution[{number}]")
            name = str(Recipe.of(one))
            found[name if name not in found else f"{name}, number {len(found) + 1}"] = one
    if not found or not all(isinstance(one, Solution) for one in found.values()):
        raise InvalidInputError("a page is about a solution, or a sequence or mapping of solutions")
    return found


def _belonging(
    solutions: Mapping[str, Solution], comparisons: Comparisons
) -> dict[str, dict[str, Comparison]]:
    """Return the comparisons of each solution; refuse one that is of none."""
    found: dict[str, dict[str, Comparison]] = {name: {} for name in solutions}
    if not isinstance(comparisons, Mapping):
        raise InvalidInputError(
            "comparisons must be a mapping from name to Comparison or several, such as "
            f"{{'my network': comparison}}, got {shown(comparisons)}"
        )
    for name, given in comparisons.items():
        what = f"comparisons[{name!r}]"
        single = isinstance(given, Comparison)
        each: list[Any] = [given] if single else check_rows(given, what, "Comparison, or one")
        for one in each:
            check_kind(one, Comparison, what)
            reasons = {recipe: _why_not(of, one) for recipe, of in solutions.items()}
            fitting = [
                recipe for recipe, why in reasons.items() if not why and name not in found[recipe]
            ]
            if not fitting:
                why = next(filter(None, reasons.values()), "it is given twice")
                raise InvalidInputError(f"comparison {name!r} {why}")
            found[fitting[0]][one_line(name)] = one
    return found


def _why_not(solution: Solution, found: Comparison) -> str:
    """Say why a comparison is not with that solution; empty where it is."""
    problem, of = solution.problem, found.per_class
    names = problem.class_labels or tuple(range(problem.classes))
    if of.names != tuple(names) or not np.array_equal(of.sizes, np.asarray(problem.class_sizes)):
        return "is with a solution for other classes or class sizes than this one"
    if found.recipe != Recipe.of(solution):
        return (
            f"is with the optimum of {found.optimum_of} ({found.recipe}), and this solution is "
            f"that of {problem.description} ({Recipe.of(solution)})"
        )
    return ""


def _titles(found: Mapping[str, Comparison], recipe: str | None) -> list[tuple[str, Comparison]]:
    """Return comparisons by what they are called on the page."""
    return [
        (name if recipe is None else f"{name} under {recipe}", one) for name, one in found.items()
    ]


def _title(solutions: Sequence[Solution]) -> str:
    if len(solutions) == 1:
        return title_of(solutions[0].problem)
    classes = list(dict.fromkeys(classes_in_words(one.problem) for one in solutions))
    return f"{len(solutions)} recipes side by side: {' and '.join(classes[:2])}" + (
        " and more" if len(classes) > 2 else ""
    )
