"""Points of a sweep as tasks of the engine: a row each, kept unless it failed."""

from typing import Any

from ..errors import Status
from ..problem.losses.supcon import SupCon
from ..tasks.limited import OverTimeError, ProcessDiedError, run_limited
from ..tasks.work import Work
from .evaluate import FAILED, TIME_LIMIT, Result, evaluate, failure, out_of_time
from .point import SweepPoint, hashed
from .table import COLUMNS


class SweepWork(Work[SweepPoint, Result]):
    """Solve a point and certify it, within so many seconds if there is a limit."""

    mark = "screlax-sweep-2"

    def __init__(self, time_limit: float | None = None) -> None:
        self.time_limit = time_limit

    def run(self, task: SweepPoint) -> Result:
        """Return the result; an error is one too, and so is the limit."""
        if self.time_limit is None:
            return evaluate(task)
        try:
            return run_limited(evaluate, task, self.time_limit)
        except OverTimeError:
            return out_of_time(self.time_limit)
        except ProcessDiedError:
            return failure("ProcessDiedError: the process dies on this point (memory?)")

    def failure(self, task: SweepPoint, reason: str) -> Result:
        """Return a row that says so."""
        return failure(reason)

    def place(self, task: SweepPoint) -> str:
        """Spread files over 256 folders."""
        key = task.key()
        return f"{key[:2]}/{key}"

    def former(self, task: SweepPoint) -> str | None:
        """Return the same for the key that it had when there was one loss, of real features."""
        identity = task.canonical()
        if identity.pop("loss") != SupCon().text or "features" in identity:
            return None
        key = hashed("0.1.0", identity)
        return f"{key[:2]}/{key}.json"

    def identity(self, task: SweepPoint) -> dict[str, Any]:
        """Return the point; the version of screlax is in the name of its file."""
        return task.canonical()

    def record(self, outcome: Result) -> Result | None:
        """Keep what did not fail."""
        return None if outcome["status"] == FAILED else outcome

    def stands(self, outcome: Result) -> bool:
        """Whether more time is no reason to try a point again."""
        if outcome["status"] != TIME_LIMIT:
            return True
        limit = self.time_limit
        return limit is not None and limit <= outcome["seconds"]

    def restore(self, task: SweepPoint, record: dict[str, Any]) -> Result:
        """Return the record if it is a row: to prove it again would be to solve it again."""
        for name, entry in record.items():
            kinds = (float, int) if COLUMNS[name] is float else (COLUMNS[name],)
            if not (entry is None or type(entry) in kinds) or entry != entry:
                raise ValueError(f"{name} is {entry!r}")
        if record["status"] == TIME_LIMIT:
            return out_of_time(record["seconds"])
        if record["status"] not in tuple(Status):
            raise ValueError(f"status is {record['status']!r}")
        return {"within_class_variability": 0.0, **record}  # classes collapsed in all rows of old
