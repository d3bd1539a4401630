"""Worker processes end with the process that started them, however that one ended.

A process that is killed cannot say so to its workers, which would finish what they were given
first: minutes. So a thread of each waits for the end of its parent. It runs while a solver computes
because solvers release the interpreter's lock. Linux's own signal for this (PR_SET_PDEATHSIG) is
not used: it comes at the end of the *thread* that started the worker, with the process still alive.
"""

import functools
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from typing import Any

_PAUSE = 0.5
"""Seconds between two looks at the parent, where the system does not tell of its end."""


@functools.cache
def end_with_parent() -> None:
    """See to it that this process ends when the one that started it as a worker has ended.

    Does nothing in a process that `multiprocessing`, joblib or Dask did not start as a worker.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel: Any = parent.sentinel
    if sentinel is None:  # joblib's own workers, children of the calling process
        end_with(parent.pid or 0)
    else:
        _watch(parent.join)


def end_with(parent: int) -> None:
    """See to it that this process ends when the process `parent`, which started it, has ended."""
    _watch(lambda: _wait_for_end(parent))


def _watch(wait: Callable[[], object]) -> None:
    """Leave the process as soon as `wait` returns."""

    def run() -> None:
        wait()
        os._exit(1)  # at once: nobody is left to hear of an error

    threading.Thread(target=run, name="end with parent", daemon=True).start()


def _wait_for_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PAUSE)
