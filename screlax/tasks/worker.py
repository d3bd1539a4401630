"""What runs on a worker: a batch of tasks, one thread each, outcomes kept as they come."""

import contextlib
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from ..errors import InaccurateWarning
from .orphans import end_with_parent
from .store import Store
from .work import Outcome, Task, Work

_lock = threading.Lock()
_inside = 0
_settings = contextlib.ExitStack()


def run_batch(
    work: Work[Task, Outcome], tasks: Sequence[Task], folder: Path | None
) -> list[Outcome]:
    """Do tasks one after the other; each is in the store, if there is one, before the next."""
    end_with_parent()
    store = None if folder is None else Store(folder, work)
    outcomes = []
    with single_threaded():
        for task in tasks:
            # found only where an earlier worker died in the middle of this batch
            outcome = None if store is None else store.find(task)
            if outcome is None:
                outcome = work.run(task)
                if store is not None:
                    store.keep(task, outcome)
            outcomes.append(outcome)
    return outcomes


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread, so that results are the same wherever they are computed.

    An inaccurate solution says so itself, so its warning is dropped. Both settings belong to the
    whole process: where threads share it the first one makes them and the last one undoes them.
    """
    global _inside
    with _lock:
        if _inside == 0:
            _settings.enter_context(threadpool_limits(1))
            _settings.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore", InaccurateWarning)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _settings.close()
