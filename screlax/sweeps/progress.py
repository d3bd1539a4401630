"""How far a sweep is and how long it will take."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class SweepProgress:
    """The state of a sweep.

    Attributes
    ----------
    done, total : int
        Points.
    found : int
        Those among `done` that were in the cache.
    failed : int
        Those among `done` that have an error, their time limit perhaps.
    elapsed : float
        Seconds since the first point was handed out.
    remaining : float or None
        Estimated seconds left, at the mean pace of this run; None while there is nothing to tell.
    """

    done: int
    total: int
    found: int
    failed: int
    elapsed: float

    @property
    def remaining(self) -> float | None:
        """Estimated seconds left."""
        solved = self.done - self.found
        if self.done == self.total:
            return 0.0
        return None if solved == 0 else self.elapsed / solved * (self.total - self.done)

    def __str__(self) -> str:
        parts = [f"{self.done:,} of {self.total:,} points"]
        if self.found:
            parts.append(f"{self.found:,} from the cache")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if self.remaining is not None:
            parts.append(f"{duration(self.remaining)} left")
        return ", ".join(parts)


Report = Callable[[SweepProgress], None]


def duration(seconds: float) -> str:
    """Return a time in the unit it is best read in."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min"
