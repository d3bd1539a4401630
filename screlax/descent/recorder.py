"""The history of a run, and when it has gone far enough."""

from collections.abc import Callable

import numpy as np

from ..types import Matrix

Callback = Callable[[int, int, float, float], bool | None]
"""(start, iteration, value, gradient norm); a true answer stops that start."""

OPTIMAL = "certified relative gap within tol"
CALLBACK = "stopped by callback"
LIMIT = "iteration limit"
FLAT = "stationary to the limit of double precision"


class Recorder:
    """Notes every iteration of one run, and says why it should stop.

    At the objective `target` the certified relative gap is within the tolerance; the gradient norm
    is noted per anchor.
    """

    def __init__(
        self,
        start: int,
        target: float,
        max_iterations: int,
        anchors: float,
        callback: Callback | None,
    ) -> None:
        self.start, self._target, self._limit = start, target, max_iterations
        self._anchors, self._callback = anchors, callback
        self._rows: list[tuple[int, float, float]] = []
        self.reason = ""

    @property
    def iterations(self) -> int:
        """Iterations so far; the starting point is number zero."""
        return max(len(self._rows) - 1, 0)

    @property
    def remaining(self) -> int:
        """Iterations that are left."""
        return self._limit - self.iterations

    def note(self, value: float, gradient_norm: float) -> str:
        """Add an iteration; return the reason to stop, or an empty string."""
        iteration = len(self._rows)
        self._rows.append((iteration, value, gradient_norm / self._anchors))
        asked = self._callback is not None and self._callback(self.start, *self._rows[-1])
        if value <= self._target:
            self.reason = OPTIMAL
        elif asked:
            self.reason = CALLBACK
        elif iteration >= self._limit:
            self.reason = LIMIT
        return self.reason

    def confirm(self, value: float) -> None:
        """Take back "optimal" where the value, accurately, is above the target after all."""
        if self.reason == OPTIMAL and value > self._target:
            self.reason = "" if self.remaining > 0 else LIMIT

    def history(self) -> Matrix:
        """Return the columns iteration, value, gradient norm."""
        return np.array(self._rows)
