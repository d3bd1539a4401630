"""Problems that fall apart: solved part by part, and certified as a sum."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..errors import InvalidInputError
from ..problem.parts import Part, parts_of
from ..problem.ufm import UFM
from ..solution.components import Component, joined
from ..solution.solution import Solution

Solve = Callable[..., Solution]


def solve_apart(problem: UFM, solve: Solve, level: str, **options: Any) -> Solution:
    """Solve a problem whose samples are in separate batches; see `silent_solution`.

    Parameters
    ----------
    problem : UFM
        With a loss that `is_apart`.
    solve : callable
        `silent_solution`, for each part.
    level : str
    **options
        As for `silent_solution`.
    """
    if level not in ("auto", "orbits"):
        raise InvalidInputError(
            f"with batches that are drawn once every component has a level of its own; leave out "
            f"level={level!r}"
        )
    start = time.perf_counter()
    solved: dict[Any, Solution] = {}
    parts = parts_of(problem)
    components = [Component(part, _solved(part, solve, solved, start, options)) for part in parts]
    end = time.perf_counter()
    first = next(iter(solved.values()), None)
    kinds = "" if len(solved) == len(components) else f", {len(solved)} of them different"
    iterations = [one.iterations for one in solved.values() if one.iterations is not None]
    return joined(
        problem,
        components,
        tol=1e-9 if first is None else first.tol,
        solver="nothing to solve" if first is None else first.solver,
        solver_reason="component by component",
        level="components",
        level_reason=f"{len(components)} that never meet{kinds}",
        iterations=sum(iterations) if iterations else None,
        seconds={"solve": end - start, "total": time.perf_counter() - start},
        solver_message="; ".join(sorted({one.solver_message for one in solved.values()})),
    )


def _solved(
    part: Part, solve: Solve, solved: dict[Any, Solution], start: float, options: dict[str, Any]
) -> Solution | None:
    """Return the solution of a part, that of an equal one where there was one."""
    if part.problem is None:
        return None
    if part.key not in solved:
        given, limit = dict(options), options.get("time_limit")
        if limit is not None:
            given["time_limit"] = max(limit - (time.perf_counter() - start), 1e-3)
        solved[part.key] = solve(part.problem, **given)
    return solved[part.key]
