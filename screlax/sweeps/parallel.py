"""Batches of points through joblib, whatever its backend, and what to do when a worker dies."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ..exceptions import InvalidInputError
from .cache import SweepCache
from .dask_errors import errors_reported
from .evaluate import Result, failure
from .point import SweepPoint
from .worker import run_batch

_LARGEST_BATCH = 32
"""Points of a task at most: a point takes milliseconds, and so does handing out a task."""

_BATCHES_PER_WORKER = 16
"""Tasks that a worker should get at least, so that all finish at about the same time."""

_IN_FLIGHT = 2
"""Tasks per worker that joblib has handed out and not yet seen back."""

Finished = Iterator[tuple[SweepPoint, Result]]


def finished_points(
    points: Sequence[SweepPoint], n_jobs: int | None, store: SweepCache | None
) -> Finished:
    """Solve points in parallel, and yield each with its result as batches are finished.

    When a worker process dies, what is left is handed out point by point, and when one dies again,
    the points it may have died on are solved one after the other: one that kills its worker when
    it is alone is a failure, and the sweep goes on.

    Parameters
    ----------
    points : sequence of SweepPoint
        Distinct points.
    n_jobs : int or None
        As joblib takes it; None leaves it to `joblib.parallel_config`.
    store : SweepCache or None
        Where workers keep what they finish.
    """
    joblib = _joblib()
    waiting = dict.fromkeys(points)
    largest = _LARGEST_BATCH
    while waiting:
        workers = _workers(joblib, n_jobs)
        size = max(1, min(largest, len(waiting) // (_BATCHES_PER_WORKER * workers)))
        try:
            yield from _run(joblib, list(waiting), size, n_jobs, store, waiting)
        except _worker_deaths():
            if size == 1:
                suspects = list(waiting)[: _IN_FLIGHT * workers]
                yield from _one_at_a_time(joblib, suspects, n_jobs, store, waiting)
            largest = _LARGEST_BATCH if size == 1 else 1


def _run(
    joblib: Any,
    points: list[SweepPoint],
    size: int,
    n_jobs: int | None,
    store: SweepCache | None,
    waiting: dict[SweepPoint, None],
) -> Finished:
    """Yield finished points and strike them off the waiting list."""
    folder = None if store is None else str(store.folder)
    batches = [points[first : first + size] for first in range(0, len(points), size)]
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
    task = joblib.delayed(_numbered_batch)
    with errors_reported(joblib):
        numbered = parallel(task(number, batch, folder) for number, batch in enumerate(batches))
        for number, results in numbered:
            for point, result in zip(batches[number], results, strict=True):
                del waiting[point]
                if store is not None:
                    _keep_here_too(store, point, result)
                yield point, result


def _numbered_batch(
    number: int, points: Sequence[SweepPoint], folder: str | None
) -> tuple[int, list[Result]]:
    return number, run_batch(points, folder)


def _keep_here_too(store: SweepCache, point: SweepPoint, result: Result) -> None:
    """Keep what a worker with another file system could not keep for us."""
    if not store.path(point).exists():
        store.save(point, result)


def _one_at_a_time(
    joblib: Any,
    suspects: list[SweepPoint],
    n_jobs: int | None,
    store: SweepCache | None,
    waiting: dict[SweepPoint, None],
) -> Finished:
    for point in suspects:
        found = None if store is None else store.load(point)
        if found is not None:
            del waiting[point]
            yield point, found
            continue
        try:
            yield from _run(joblib, [point], 1, n_jobs, store, waiting)
        except _worker_deaths() as error:
            del waiting[point]
            reason = "the worker process dies on this point, also when it is alone (memory?)"
            yield point, failure(f"{type(error).__name__}: {reason}")


def _workers(joblib: Any, n_jobs: int | None) -> int:
    """Return how many workers there are, by the user's configuration where it says so."""
    return max(1, int(joblib.effective_n_jobs(n_jobs)))


def _worker_deaths() -> tuple[type[BaseException], ...]:
    """Return the errors that say a worker process is gone, of the engines that are loaded."""
    scheduler = sys.modules.get("distributed.scheduler")
    killed = () if scheduler is None else (scheduler.KilledWorker,)
    return (BrokenProcessPool, *killed)


def _joblib() -> Any:
    try:
        import joblib
    except ImportError:
        raise InvalidInputError(
            "sweeps need joblib, which the extra installs: pip install 'screlax[sweep]'"
        ) from None
    return joblib
