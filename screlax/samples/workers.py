"""Threads that share tiles: one Python thread a core, BLAS held to one thread in each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import TracebackType
from typing import Generic, Self, TypeVar

from threadpoolctl import LibController, ThreadpoolController

Item = TypeVar("Item")

_WORK_PER_THREAD = 5e7
"""Multiplications below which a second thread costs more than it saves."""


def cores() -> int:
    """Return the number of cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def thread_count(n_jobs: int | None, work: float) -> int:
    """Return n_jobs, or as many threads as the cores and the number of multiplications justify."""
    if n_jobs is not None:
        return n_jobs
    return max(1, min(cores(), int(work / _WORK_PER_THREAD)))


@cache
def _blas_libraries() -> list[LibController]:
    """Find the BLAS libraries of this process, once: it takes a millisecond."""
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


class Workers(Generic[Item]):
    """A context in which BLAS is single-threaded and `run` shares work among `jobs` threads."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._pool = ThreadPoolExecutor(jobs - 1) if jobs > 1 else None
        self._threads: list[tuple[LibController, int]] = []

    def __enter__(self) -> Self:
        # what ThreadpoolController.limit does, without the cost of its bookkeeping
        for library in _blas_libraries():
            threads = library.get_num_threads()
            if threads is not None and threads > 1:
                self._threads.append((library, threads))
                library.set_num_threads(1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        for library, threads in self._threads:
            library.set_num_threads(threads)

    def run(self, task: Callable[[Item, int], None], items: Sequence[Item]) -> None:
        """Call task(item, worker) for every item, in any order; worker numbers the thread.

        Items must not write to the same memory.
        """
        if self._pool is None or len(items) == 1:
            for item in items:
                task(item, 0)
            return
        waiting = deque(items)
        helpers = min(self.jobs, len(items)) - 1
        futures = [self._pool.submit(_drain, task, waiting, 1 + j) for j in range(helpers)]
        try:
            _drain(task, waiting, 0)
        finally:
            waiting.clear()
            for future in futures:
                future.result()


def _drain(task: Callable[[Item, int], None], waiting: deque[Item], worker: int) -> None:
    """Take items until there are none; `deque.popleft` is atomic."""
    while True:
        try:
            item = waiting.popleft()
        except IndexError:
            return
        task(item, worker)
