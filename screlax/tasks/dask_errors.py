"""Make joblib's Dask backend report a task that ended in an error of Dask's own.

Its collector calls back for results only. A task that is given up because its workers died
(`distributed.KilledWorker`) or that was cancelled is then waited for for ever (joblib 1.4 to 1.6).
"""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any


@contextlib.contextmanager
def errors_reported(joblib: Any) -> Iterator[None]:
    """Wrap the active backend, if it is Dask's, so that its errors arrive like any other."""
    backend = joblib.parallel.get_active_backend()[0]
    if type(backend).__name__ != "DaskDistributedBackend":
        yield
        return
    submit, retrieve = backend.submit, backend.retrieve_result_callback

    def submit_and_watch(task: Any, callback: Callable[[Any], None]) -> Any:
        future = submit(task, callback=callback)
        future.add_done_callback(lambda done: _report(done, callback))
        return future

    def retrieve_or_raise(outcome: Any) -> Any:
        if isinstance(outcome, _GivenUp):
            raise outcome.error
        return retrieve(outcome)

    backend.submit, backend.retrieve_result_callback = submit_and_watch, retrieve_or_raise
    try:
        yield
    finally:
        del backend.submit, backend.retrieve_result_callback


class _GivenUp:
    """Stands for the result of a task that has none."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _report(done: Future[Any], callback: Callable[[Any], None]) -> None:
    error = done.exception()
    if error is not None:
        callback(_GivenUp(error))
