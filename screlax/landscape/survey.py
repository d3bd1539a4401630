"""`survey_landscape`: descend from many starts in several dimensions and judge every end."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from ..errors import InvalidInputError
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..solve.solve import solve_relaxation
from ..tasks.orphans import end_with_parent
from .point import LandscapePoint, descend
from .result import Landscape
from .store import PointStore

Progress = Callable[[int, int], object]
_LEVELS = ("classes", "samples")


def survey_landscape(
    problem: UFM,
    dims: Iterable[int] | None = None,
    *,
    starts: int = 20,
    seed: int = 0,
    level: str = "classes",
    n_jobs: int = 1,
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
        "classes" moves one embedding per class, "samples" one per sample.
    n_jobs : int, default 1
        Processes, −1 for as many as processors; needs joblib beyond one. The result does not
        depend on it.
    store : path, optional
        Folder that keeps every finished descent; run again after an interruption, only the missing
        ones are done. Surveys of different problems may share a folder.
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
    FileFormatError
        If a file of the store is damaged; names it.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([6, 6, 6], screlax.Ridge(0.1))
    >>> landscape = screlax.survey_landscape(problem, dims=[1, 2, 3], starts=4)
    >>> [float(fraction) for fraction in landscape.table()["reached"]]
    [0.0, 1.0, 1.0]
    """
    _check(problem, level, n_jobs)
    starts, seed = _whole_number(starts, "starts", 1), _whole_number(seed, "seed", 0)
    chosen = None if dims is None else _checked_dims(dims)
    kept = None if store is None else PointStore(_checked_folder(store), problem, seed, level)
    with threadpool_limits(1, user_api="blas"):  # bit for bit the same in every run
        solution = solve_relaxation(problem)
    chosen = default_dims(solution) if chosen is None else chosen
    wanted = [(dim, start) for dim in chosen for start in range(starts)]
    points = _found(kept, wanted)
    missing = [place for place in wanted if place not in points]
    common = {"seed": seed, "level": level, "lower": solution.lower}
    if progress is not None:
        progress(len(points), len(wanted))
    for point in _descents(problem, missing, common, kept, n_jobs):
        points[point.dim, point.start] = point
        if progress is not None:
            progress(len(points), len(wanted))
    ordered = tuple(points[place] for place in wanted)
    return Landscape(problem, level, seed, solution, ordered)


def default_dims(solution: Solution) -> tuple[int, ...]:
    """Return dimensions below, at and above the rank of the optimum, up to k + 1."""
    rank, classes = solution.rank, solution.problem.classes
    around = {rank - 2, rank - 1, rank, rank + 1, classes, classes + 1}
    return tuple(sorted(dim for dim in around if dim >= 1))


def _found(
    kept: PointStore | None, wanted: list[tuple[int, int]]
) -> dict[tuple[int, int], LandscapePoint]:
    if kept is None:
        return {}
    found = {place: kept.find(*place) for place in wanted}
    return {place: point for place, point in found.items() if point is not None}


def _descents(
    problem: UFM,
    places: list[tuple[int, int]],
    common: dict[str, Any],
    kept: PointStore | None,
    n_jobs: int,
) -> Iterator[LandscapePoint]:
    """Yield the points of all places as they are finished, in any order."""
    if n_jobs == 1:
        for dim, start in places:
            yield _descend_and_keep(problem, dim, start, common, kept)
        return
    from joblib import Parallel, delayed

    calls = (delayed(_descend_and_keep)(problem, *place, common, kept) for place in places)
    yield from Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls)


def _descend_and_keep(
    problem: UFM, dim: int, start: int, common: dict[str, Any], kept: PointStore | None
) -> LandscapePoint:
    """Run one descent; what runs it also writes it, so that it is safe the moment it is done."""
    end_with_parent()
    point = descend(problem, dim, start, **common)
    if kept is not None:
        kept.keep(point)
    return point


def _check(problem: UFM, level: Any, n_jobs: Any) -> None:
    if not isinstance(problem, UFM):
        raise InvalidInputError(f"problem must be a UFM, got {problem!r}")
    if level not in _LEVELS:
        raise InvalidInputError(f"level must be {' or '.join(_LEVELS)}, got {level!r}")
    if n_jobs == -1 or _whole_number(n_jobs, "n_jobs (−1 for all processors)", 1) > 1:
        _require_joblib(n_jobs)


def _require_joblib(n_jobs: int) -> None:
    try:
        import joblib  # noqa: F401
    except ImportError:
        raise InvalidInputError(
            f"n_jobs={n_jobs} needs joblib, which is not installed: "
            "pip install 'screlax[sweep]', or use n_jobs=1"
        ) from None


def _checked_dims(dims: Any) -> tuple[int, ...]:
    if isinstance(dims, str | bytes) or not hasattr(dims, "__iter__"):
        raise InvalidInputError(f"dims must be a sequence of embedding dimensions, got {dims!r}")
    chosen = sorted({_whole_number(dim, "every dimension", 1) for dim in dims})
    if not chosen:
        raise InvalidInputError("dims is empty: give at least one embedding dimension")
    return tuple(chosen)


def _whole_number(given: Any, what: str, least: int) -> int:
    try:
        number = None if isinstance(given, bool) else operator.index(given)
    except TypeError:
        number = None
    if number is None or number < least:
        raise InvalidInputError(f"{what} must be a whole number of at least {least}, got {given!r}")
    return number


def _checked_folder(store: Any) -> Path:
    try:
        folder = Path(store)
    except TypeError:
        raise InvalidInputError(f"store must be the path of a folder, got {store!r}") from None
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(f"the store {folder} is a file; name a folder")
    return folder
