"""Points that misbehave, importable by worker processes."""

import dataclasses
import os
import signal

from screlax import Sphere, SweepPoint


@dataclasses.dataclass(frozen=True)
class KillsItsWorker(SweepPoint):
    """A point that takes its process with it, as one that runs out of memory does."""

    def problem(self):
        os.kill(os.getpid(), signal.SIGKILL)


def poison() -> SweepPoint:
    return KillsItsWorker("cifar10-lt", Sphere(1.0))
