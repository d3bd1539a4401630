"""Points that misbehave, importable by worker processes."""

import dataclasses
import os
import signal
import time
from pathlib import Path

from screlax import Sphere, SweepPoint


@dataclasses.dataclass(frozen=True)
class KillsItsWorker(SweepPoint):
    """A point that takes its process with it, as one that runs out of memory does."""

    def problem(self):
        os.kill(os.getpid(), signal.SIGKILL)


def poison() -> SweepPoint:
    return KillsItsWorker("cifar10-lt", Sphere(1.0))


@dataclasses.dataclass(frozen=True)
class NeverEnds(SweepPoint):
    """A point that takes for ever, and writes which process does it to the file of its name."""

    def problem(self):
        Path(self.profile).write_text(str(os.getpid()))
        time.sleep(600)


def endless(file) -> SweepPoint:
    return NeverEnds(str(file), Sphere(1.0), counts=(3, 2))
