"""Tasks done here or through joblib, whatever its backend, and what to do when a worker dies."""

import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Generic

from ..errors import InvalidInputError, MissingExtraError
from .dask_errors import errors_reported
from .store import Folder, Store
from .work import Outcome, Task, Work
from .worker import run_batch

_LARGEST_BATCH = 32
"""Tasks that are handed out together at most: one takes milliseconds, and so does handing out."""

_BATCHES_PER_WORKER = 16
"""Batches that a worker should get at least, so that all finish at about the same time."""

_IN_FLIGHT = 2
"""Batches per worker that joblib has handed out and not yet seen back."""

_AT_A_TIME = 16
"""Tasks done on this machine before looking again whether dead workers were replaced."""


class _NoWorkers(Exception):
    """joblib runs a task in the calling process where there is but one worker."""


class Tasks(Generic[Task, Outcome]):
    """Tasks, each once, with the outcomes that there are so far.

    Of `total` distinct tasks, `found` had an outcome in the store in `folder`, if there is one.
    """

    def __init__(
        self,
        work: Work[Task, Outcome],
        tasks: Iterable[Task],
        folder: Folder | None,
    ) -> None:
        distinct = dict.fromkeys(tasks)
        self.work = work
        self.total = len(distinct)
        self.store = None if folder is None else Store(folder, work)
        self.outcomes: dict[Task, Outcome] = {}
        if self.store is not None:
            self.store.remove_abandoned()
            self.outcomes = self.store.find_all(distinct)
        self.found = len(self.outcomes)
        self.missing = [task for task in distinct if task not in self.outcomes]

    def in_turn(self) -> Iterator[Outcome]:
        """Do what is missing one after the other in this process; needs no joblib."""
        folder = None if self.store is None else self.store.folder
        for task in self.missing:
            (self.outcomes[task],) = run_batch(self.work, [task], folder)
            yield self.outcomes[task]

    def in_parallel(self, n_jobs: int | None) -> Iterator[Outcome]:
        """Do what is missing in any order, as `ParallelRun` does."""
        for task, outcome in ParallelRun(self, n_jobs):
            self.outcomes[task] = outcome
            yield outcome


class ParallelRun(Generic[Task, Outcome]):
    """Does tasks in parallel, and yields each with its outcome as batches are finished.

    When a worker process dies, what is left is handed out task by task, and when one dies again,
    the tasks it may have died on are done one after the other, each alone in a process of this
    machine: one that kills it again is a failure, and the run goes on. From the first death on
    nothing is done in the calling process. `n_jobs` is as joblib takes it, None leaves it to
    `joblib.parallel_config`.
    """

    def __init__(self, tasks: Tasks[Task, Outcome], n_jobs: int | None) -> None:
        self._joblib = require_joblib()
        self._work, self._store, self._n_jobs = tasks.work, tasks.store, n_jobs
        self._waiting = dict.fromkeys(tasks.missing)
        self._away_from: tuple[str, int] | None = None

    def __iter__(self) -> Iterator[tuple[Task, Outcome]]:
        largest = _LARGEST_BATCH
        while self._waiting:
            size = workers = 1
            try:
                workers = self._workers()
                size = min(largest, len(self._waiting) // (_BATCHES_PER_WORKER * workers))
                size = max(1, size) if workers > 1 else 1  # alone, each is seen as it is finished
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

    def _run(self, tasks: list[Task], size: int, **where: Any) -> Iterator[tuple[Task, Outcome]]:
        """Yield finished tasks and strike them off; done where the user says, or `where`."""
        batches = [tasks[first : first + size] for first in range(0, len(tasks), size)]
        settings = {"n_jobs": self._n_jobs, "batch_size": 1, **where}
        try:
            parallel = self._joblib.Parallel(return_as="generator_unordered", **settings)
        except ValueError as error:  # of n_jobs, or of joblib's "multiprocessing"
            raise InvalidInputError(
                f"joblib cannot do this ({error}); choose its backend loky, threading or dask"
            ) from None
        call = self._joblib.delayed(_numbered_batch)
        folder = None if self._store is None else self._store.folder
        with errors_reported(self._joblib):
            numbered = parallel(
                call(number, self._work, batch, folder, self._away_from)
                for number, batch in enumerate(batches)
            )
            for number, outcomes in numbered:
                for task, outcome in zip(batches[number], outcomes, strict=True):
                    self._keep_here_too(task, outcome)
                    yield self._finish(task, outcome)

    def _one_at_a_time(self, suspects: list[Task]) -> Iterator[tuple[Task, Outcome]]:
        for task in suspects:
            found = None if self._store is None else self._store.find(task)
            if found is not None:
                yield self._finish(task, found)
                continue
            try:
                yield from self._run([task], 1, n_jobs=2, backend="loky")
            except BrokenProcessPool as error:
                reason = "the worker process dies on this point, also when alone (memory?)"
                failure = self._work.failure(task, f"{type(error).__name__}: {reason}")
                yield self._finish(task, failure)

    def _finish(self, task: Task, outcome: Outcome) -> tuple[Task, Outcome]:
        del self._waiting[task]
        return task, outcome

    def _keep_here_too(self, task: Task, outcome: Outcome) -> None:
        """Keep what a worker with another file system could not keep for us."""
        if self._store is not None and not self._store.path(task).exists():
            self._store.keep(task, outcome)

    def _workers(self) -> int:
        """Return how many workers there are, by the user's configuration where it says so."""
        return max(1, int(self._joblib.effective_n_jobs(self._n_jobs)))


def require_joblib() -> Any:
    """Return the module, or say what to install."""
    try:
        import joblib
    except ImportError:
        raise MissingExtraError(
            "work in several processes needs joblib, which the extra installs: "
            "pip install 'screlax[sweep]'"
        ) from None
    return joblib


def _numbered_batch(
    number: int,
    work: Work[Task, Outcome],
    tasks: Sequence[Task],
    folder: Path | None,
    away_from: tuple[str, int] | None,
) -> tuple[int, list[Outcome]]:
    """Do a batch, unless this is the process that must not be put at risk."""
    if away_from == _here():
        raise _NoWorkers
    return number, run_batch(work, tasks, folder)


def _here() -> tuple[str, int]:
    """Return what tells this process from those on any machine."""
    return platform.node(), os.getpid()


def _worker_deaths() -> tuple[type[BaseException], ...]:
    """Return the errors that say a worker process is gone, of the engines that are loaded."""
    scheduler = sys.modules.get("distributed.scheduler")
    killed = () if scheduler is None else (scheduler.KilledWorker,)
    return (BrokenProcessPool, *killed)
