"""`survey_landscape`: descend from many starts in several dimensions and judge every end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from threadpoolctl import threadpool_limits

from ..checks import MOST_TASKS, check_jobs, require_few, whole_number
from ..descent.validate import check_nonconvex_level, check_problem
from ..errors import InvalidInputError
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..solve.solve import solve_relaxation
from ..tasks.run import Tasks, require_joblib
from ..tasks.store import store_folder
from .result import Landscape
from .work import DescentWork

Progress = Callable[[int, int], object]


def survey_landscape(
    problem: UFM,
    dims: Iterable[int] | None = None,
    *,
    starts: int = 20,
    seed: int = 0,
    level: str = "classes",
    n_jobs: int | None = 1,
    store: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Landscape:
    """Descend from random starts in several embedding dimensions; prove how far each end is off.

    Above the rank of the optimum the nonconvex problem has no spurious local minima (Behnia and
    Thrampoulidis, ISIT 2024, arXiv 2402.18884); a survey puts that to the test, and shows what
    happens below. Every gap is measured from the certified optimum over *all* dimensions.

    Parameters
    ----------
    problem : UFM
        The problem.
    dims : iterable of int, optional
        Embedding dimensions; by default two and one below the rank of the optimum, the rank, one
        above it, k and k + 1.
    starts : int, default 20
        Random starts in each dimension.
    seed : int, default 0
        Every start has a seed of its own, made from this one, the dimension and its number, so
        that more starts or dimensions leave the others as they are.
    level : str, default "classes"
        "classes" moves one embedding per class, "samples" every embedding by itself, views and
        prototypes included.
    n_jobs : int or None, default 1
        Processes, −1 for as many as processors, None for what `joblib.parallel_config` says;
        needs joblib beyond one. The result does not depend on it.
    store : path, optional
        Folder that keeps every finished descent; run again after an interruption, only the missing
        ones are done. Surveys of different problems may share a folder. Values and gaps are
        computed again from the embeddings found there; a file that is damaged, or contradicts
        itself, is a `StoreWarning` and its descent is done again.
    progress : callable, optional
        Called with (finished, all) descents: once before the first, then after every one.

    Returns
    -------
    Landscape
        `table()` summarises it by dimension.

    Raises
    ------
    InvalidInputError
        If an argument is out of range, the store cannot be written to, or joblib is missing.
    SolverFailedError
        If a descent kills the process that runs it, also when alone.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([6, 6, 6], screlax.Ridge(0.1))
    >>> landscape = screlax.survey_landscape(problem, dims=[1, 2, 3], starts=4)
    >>> [float(fraction) for fraction in landscape.table()["reached"]]
    [0.0, 1.0, 1.0]
    """
    _check(problem, level, n_jobs)
    starts, seed = whole_number(starts, "starts", 1), whole_number(seed, "seed", 0)
    chosen = None if dims is None else _checked_dims(dims)
    folder = None if store is None else store_folder(store)
    with threadpool_limits(1, user_api="blas"):  # bit for bit the same in every run
        solution = solve_relaxation(problem)
    chosen = default_dims(solution) if chosen is None else chosen
    require_few(len(chosen) * starts, "descents")
    wanted = [(dim, start) for dim in chosen for start in range(starts)]
    tasks = Tasks(DescentWork(problem, seed, level, solution.lower), wanted, folder)
    report = progress or (lambda finished, total: None)
    report(tasks.found, tasks.total)
    for _ in tasks.in_turn() if n_jobs == 1 else tasks.in_parallel(n_jobs):
        report(len(tasks.outcomes), tasks.total)
    points = tuple(tasks.outcomes[place] for place in wanted)
    return Landscape(problem, level, seed, solution, points)


def default_dims(solution: Solution) -> tuple[int, ...]:
    """Return dimensions below, at and above the rank of the optimum, up to k + 1."""
    rank, classes = solution.rank, solution.problem.classes
    around = {rank - 2, rank - 1, rank, rank + 1, classes, classes + 1}
    return tuple(sorted(dim for dim in around if dim >= 1))


def _check(problem: UFM, level: Any, n_jobs: Any) -> None:
    check_problem(problem)
    check_nonconvex_level(level)
    if check_jobs(n_jobs) != 1:
        require_joblib()


def _checked_dims(dims: Any) -> tuple[int, ...]:
    if isinstance(dims, str | bytes) or not hasattr(dims, "__iter__"):
        raise InvalidInputError(f"dims must be a sequence of embedding dimensions, got {dims!r}")
    listed = list(islice(dims, MOST_TASKS + 1))
    require_few(len(listed), "dimensions")
    chosen = sorted({whole_number(dim, "every dimension", 1) for dim in listed})
    if not chosen:
        raise InvalidInputError("dims is empty: give at least one embedding dimension")
    return tuple(chosen)
