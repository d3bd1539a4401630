"""Batches of points through joblib, whatever its backend, and what to do when a worker dies."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ..errors import InvalidInputError
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

_AT_A_TIME = 16
"""Points solved on this machine before looking again whether dead workers were replaced."""

Finished = Iterator[tuple[SweepPoint, Result]]


class _NoWorkers(Exception):
    """joblib runs a task in the calling process where there is but one worker."""


class ParallelRun:
    """Solves points in parallel, and yields each with its result as batches are finished.

    When a worker process dies, what is left is handed out point by point, and when one dies again,
    the points it may have died on are solved one after the other, each alone in a process of this
    machine: one that kills it again is a failure, and the sweep goes on. From the first death on
    nothing is solved in the calling process.

    Parameters
    ----------
    points : sequence of SweepPoint
        Distinct points.
    n_jobs : int or None
        As joblib takes it; None leaves it to `joblib.parallel_config`.
    store : SweepCache or None
        Where workers keep what they finish.
    """

    def __init__(
        self, points: Sequence[SweepPoint], n_jobs: int | None, store: SweepCache | None
    ) -> None:
        self._joblib = _joblib()
        self._n_jobs = n_jobs
        self._store = store
        self._waiting = dict.fromkeys(points)
        self._away_from: tuple[str, int] | None = None

    def __iter__(self) -> Finished:
        largest = _LARGEST_BATCH
        while self._waiting:
            size = workers = 1
            try:
                workers = self._workers()
                size = max(1, min(largest, len(self._waiting) // (_BATCHES_PER_WORKER * workers)))
                yield from self._run(list(self._waiting), size)
            except (_NoWorkers, TimeoutError):  # a cluster without workers is a time-out
                if self._away_from is None:
                    raise
                yield from self._one_at_a_time(list(self._waiting)[:_AT_A_TIME])
            except _worker_deaths():
                self._away_from = _here()
                if size == 1:
                    yield from self._one_at_a_time(list(self._waiting)[: _IN_FLIGHT * workers])
                largest = _LARGEST_BATCH if size == 1 else 1

    def _run(self, points: list[SweepPoint], size: int, **where: Any) -> Finished:
        """Yield finished points and strike them off the waiting list.

        By default they are solved where the user's configuration says.
        """
        folder = None if self._store is None else str(self._store.folder)
        batches = [points[first : first + size] for first in range(0, len(points), size)]
        parallel = self._joblib.Parallel(
            **{"n_jobs": self._n_jobs, **where},
            return_as="generator_unordered",
            batch_size=1,
        )
        task = self._joblib.delayed(_numbered_batch)
        with errors_reported(self._joblib):
            numbered = parallel(
                task(number, batch, folder, self._away_from) for number, batch in enumerate(batches)
            )
            for number, results in numbered:
                for point, result in zip(batches[number], results, strict=True):
                    self._keep_here_too(point, result)
                    yield self._finish(point, result)

    def _one_at_a_time(self, suspects: list[SweepPoint]) -> Finished:
        for point in suspects:
            found = None if self._store is None else self._store.load(point)
            if found is not None:
                yield self._finish(point, found)
                continue
            try:
                yield from self._run([point], 1, n_jobs=2, backend="loky")
            except BrokenProcessPool as error:
                reason = "the worker process dies on this point, also when alone (memory?)"
                yield self._finish(point, failure(f"{type(error).__name__}: {reason}"))

    def _finish(self, point: SweepPoint, result: Result) -> tuple[SweepPoint, Result]:
        del self._waiting[point]
        return point, result

    def _keep_here_too(self, point: SweepPoint, result: Result) -> None:
        """Keep what a worker with another file system could not keep for us."""
        if self._store is not None and not self._store.path(point).exists():
            self._store.save(point, result)

    def _workers(self) -> int:
        """Return how many workers there are, by the user's configuration where it says so."""
        return max(1, int(self._joblib.effective_n_jobs(self._n_jobs)))


def _numbered_batch(
    number: int,
    points: Sequence[SweepPoint],
    folder: str | None,
    away_from: tuple[str, int] | None,
) -> tuple[int, list[Result]]:
    """Solve a batch, unless this is the process that must not be put at risk."""
    if away_from == _here():
        raise _NoWorkers
    return number, run_batch(points, folder)


def _here() -> tuple[str, int]:
    """Return what tells this process from those on any machine."""
    return platform.node(), os.getpid()


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
