"""`sweep`: hand the points that are not in the cache to joblib, and put the table together."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..checks import check_jobs, check_rows, positive_number
from ..errors import InvalidInputError, SolverUnavailableError
from ..solve.registry import available_solvers
from ..spelling import hint
from ..tasks.limited import close_process
from ..tasks.progress import progress as sign_of_life
from ..tasks.run import Tasks
from .evaluate import FAILED, TIME_LIMIT, Result
from .point import SweepPoint
from .progress import Report, SweepProgress
from .table import COLUMNS, Row, SweepTable
from .work import SweepWork

_LOG = logging.getLogger(__name__)


class SweepInterrupted(KeyboardInterrupt):
    """A sweep was interrupted by the user; what it had finished is not lost.

    Attributes
    ----------
    table : SweepTable
        The rows that were finished, in the order of the points.
    """

    def __init__(self, message: str, table: SweepTable) -> None:
        super().__init__(message)
        self.table = table


def sweep(
    points: Iterable[SweepPoint],
    *,
    n_jobs: int | None = None,
    cache: str | Path | None = None,
    progress: Report | bool | None = None,
    time_limit: float | None = None,
) -> SweepTable:
    """Solve and certify many problems, in parallel, and return one table.

    The work is done by joblib: inside ``joblib.parallel_config(backend="dask")`` the same call runs
    on a cluster. Every process uses one thread, so the table is the same bit for bit, but for its
    timings, however and wherever it was computed. A point that fails is a row with its error.

    Parameters
    ----------
    points : iterable of SweepPoint
        For instance from `grid`. A point that occurs twice is solved once.
    n_jobs : int, optional
        Number of workers, −1 for all cores. By default what `joblib.parallel_config` says, else 1.
    cache : path, optional
        Folder for finished points. Each is kept as soon as it is finished by the worker that
        finished it, so that the same call goes on where an earlier one was killed. Failed points
        are tried again, and so is everything by another version of screlax, and every file that is
        damaged or was edited (with a `StoreWarning`). A file carries a checksum of its point and
        its row, which finds damage and edits by hand; it is no signature, and does not stop
        somebody who computes it anew. To prove a point again is to solve it again: leave it out.
    progress : bool or callable, optional
        By default a line with an estimate of the time left where standard error is a terminal; True
        and False force it on (elsewhere a line now and then) or off; a callable is given a
        `SweepProgress` after each point.
    time_limit : float, optional
        Seconds that a point may take, by the clock, without the start of a process. Each worker,
        also one of Dask, then hands its points to a process of its own, which is killed at the
        limit whatever the solver does: the row has status "time limit" and no numbers. It is kept
        in the cache, and its point is tried again only with a larger limit, or with none.

    Returns
    -------
    SweepTable

    Raises
    ------
    InvalidInputError
        If something is no point, a solver is not installed, joblib is missing, the time limit is
        not positive, or the cache cannot be written.
    SweepInterrupted
        A `KeyboardInterrupt` that has the finished part of the table and says where it is kept.

    Examples
    --------
    >>> import screlax
    >>> points = screlax.grid("exponential:10,500", imbalance=[10, 100], ridge=[0.1, 0.01])
    >>> screlax.sweep(points)
    <SweepTable: 4 points: 4 optimal>
    """
    listed = check_rows(points, "points", "SweepPoint, see grid")
    _check(listed)
    check_jobs(n_jobs)
    limit = None if time_limit is None else positive_number(time_limit, "time_limit, in seconds,")
    tasks = Tasks(SweepWork(limit), listed, cache)
    state = SweepProgress(tasks.found, tasks.total, tasks.found, 0, 0.0)
    shown = sys.stderr.isatty() if progress is None else progress is True
    start = time.monotonic()
    try:
        with sign_of_life(lambda: str(state)) if shown else contextlib.nullcontext():
            for result in tasks.in_parallel(n_jobs):
                failed = state.failed + (result["status"] in (FAILED, TIME_LIMIT))
                done, elapsed = len(tasks.outcomes), time.monotonic() - start
                state = SweepProgress(done, tasks.total, tasks.found, failed, elapsed)
                _LOG.info("sweep: %s", state)
                if callable(progress):
                    progress(state)
    except KeyboardInterrupt as error:
        raise SweepInterrupted(_interruption(tasks), _table(listed, tasks.outcomes)) from error
    finally:
        close_process()
    return _table(listed, tasks.outcomes)


def _interruption(tasks: Tasks[SweepPoint, Result]) -> str:
    """Say what there is and where."""
    done = f"interrupted after {len(tasks.outcomes):,} of {tasks.total:,} points"
    if tasks.store is None:
        return f"{done}; without a cache they are only in this exception's table"
    return f"{done}; finished points are in {tasks.store.folder}, the same sweep goes on from there"


def _table(points: list[SweepPoint], results: dict[SweepPoint, Result]) -> SweepTable:
    """Return the rows there are, in the order of the points."""
    return SweepTable(_row(point, results[point]) for point in points if point in results)


def _row(point: SweepPoint, result: Result) -> Row:
    control = {
        "control": point.control.name,
        "numbers": point.control.numbers_in_words,
        "parameter": point.control.parameter,
    }
    said = {"loss": point.loss.text, "features": point.features.value, "solver": None}
    own = "; ".join(map(str, point.constraints)) or None
    parameters = {**vars(point), **control, **said, "constraints": own}
    return {name: {**parameters, **result}.get(name) for name in COLUMNS}


def _check(points: Sequence[Any]) -> None:
    for number, point in enumerate(points):
        if not isinstance(point, SweepPoint):
            raise InvalidInputError(
                f"points[{number}] is {point!r}; a sweep takes SweepPoint objects, see grid"
            )
    wanted = {point.solver for point in points} - {"auto"}
    known = ["auto", *available_solvers()] if wanted else []  # asking cvxpy's takes a while
    for solver in sorted(wanted):
        if solver.lower() not in map(str.lower, known):
            raise SolverUnavailableError(
                f"solver {solver!r} is not installed here{hint(solver, known)}; "
                f"there are: {', '.join(known)}"
            )
