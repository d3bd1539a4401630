"""What runs on a worker: a batch of points, one thread each, results kept as they come."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator, Sequence

from threadpoolctl import threadpool_limits

from ..errors import InaccurateWarning
from ..tasks.orphans import end_with_parent
from .cache import SweepCache
from .evaluate import Result, evaluate
from .point import SweepPoint

_lock = threading.Lock()
_inside = 0
_settings = contextlib.ExitStack()


def run_batch(points: Sequence[SweepPoint], folder: str | None) -> list[Result]:
    """Solve points one after the other; each is in the cache before the next begins.

    Parameters
    ----------
    points : sequence of SweepPoint
    folder : str or None
        The cache, if there is one.
    """
    end_with_parent()
    cache = None if folder is None else SweepCache(folder)
    results = []
    with single_threaded():
        for point in points:
            # found only where an earlier worker died in the middle of this batch
            result = None if cache is None else cache.load(point)
            if result is None:
                result = evaluate(point)
                if cache is not None:
                    cache.save(point, result)
            results.append(result)
    return results


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread, so that results are the same wherever they are computed.

    An inaccurate point says so in its row, so its warning is dropped. Both settings belong to the
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
