"""Descents as tasks of the engine: what is proved of a stored one is computed again when read."""

import hashlib
import json
from typing import Any

from ..descent.bound import certified
from ..descent.second_order import GLOBAL_GAP
from ..descent.validate import check_matrix
from ..errors import SolverFailedError
from ..gram.cells import Level
from ..problem.features import Features
from ..problem.losses.supcon import SupCon
from ..problem.program import level_size
from ..problem.ufm import UFM
from ..tasks.store import packed, unpacked
from ..tasks.work import Work
from ..version import __version__
from .point import CLASSIFICATIONS, LandscapePoint, descend

Place = tuple[int, int]
"""Dimension, and number of the start."""

_DESCRIBED = ("iterations", "classification", "gradient_norm", "smallest_eigenvalue")
"""What is kept besides the embeddings: nothing that a proof rests on."""


class DescentWork(Work[Place, LandscapePoint]):
    """Descend from one random start; gaps are measured from the certified bound `lower`.

    A file keeps the embeddings. Value and gap are computed from them when it is read, for a tenth
    of the time of a descent; a Hessian's eigenvalue would take twice that time, so it is believed
    where the checksum fits.
    """

    mark = "screlax-landscape-2"

    def __init__(self, problem: UFM, seed: int, level: str, lower: float) -> None:
        self.problem, self.seed, self.level, self.lower = problem, seed, level, lower
        self._settings = _settings(problem, seed, level)
        self._folder = hashlib.sha256(repr(self._settings).encode()).hexdigest()[:20]

    def run(self, task: Place) -> LandscapePoint:
        """Descend, and classify the end."""
        return descend(self.problem, *task, seed=self.seed, level=self.level, lower=self.lower)

    def failure(self, task: Place, reason: str) -> LandscapePoint:
        """Raise: a survey has no point without embeddings."""
        raise SolverFailedError(f"start {task[1]} in dimension {task[0]}: {reason}")

    def place(self, task: Place) -> str:
        """Give every survey a folder of its own within a store that many may share."""
        return f"{self._folder}/dim-{task[0]:06d}-start-{task[1]:06d}"

    def former(self, task: Place) -> str | None:
        """Return the archive of a survey of real features from when there was one loss."""
        settings = {**self._settings, "format": 1, "screlax": "0.1.0"}
        if settings.pop("loss") != SupCon().text or "features" in settings:
            return None
        text = json.dumps(settings, sort_keys=True)
        folder = hashlib.sha256(text.encode()).hexdigest()[:20]
        return f"{folder}/dim-{task[0]:06d}-start-{task[1]:06d}.npz"

    def identity(self, task: Place) -> dict[str, Any]:
        """Return the survey and the place in it."""
        return {**self._settings, "dim": task[0], "start": task[1]}

    def record(self, outcome: LandscapePoint) -> dict[str, Any]:
        """Return the embeddings and what was found about them."""
        described = {name: getattr(outcome, name) for name in _DESCRIBED}
        return {**described, "embeddings": packed(outcome.embeddings)}

    def restore(self, task: Place, record: dict[str, Any]) -> LandscapePoint:
        """Return the point, its value and gap computed from its embeddings."""
        dim, start = task
        rows = level_size(self.problem, Level(self.level))
        embeddings = check_matrix("embeddings", unpacked(record["embeddings"]), (rows, dim), "")
        proved = certified(self.problem, Level(self.level), embeddings, self.lower)
        described = {name: record[name] for name in _DESCRIBED}
        _check_described(described, proved[-1])
        return LandscapePoint(dim, start, *proved, embeddings=embeddings, **described)

    def most_bytes(self, task: Place) -> int:
        """Return the size of the embeddings as text, and some."""
        return 4096 + 11 * task[0] * level_size(self.problem, Level(self.level))


def _check_described(described: dict[str, Any], gap: float) -> None:
    """Refuse what no descent says, first of all a classification that its gap contradicts."""
    kind = described["classification"]
    if kind not in CLASSIFICATIONS or (kind == "global") != (gap <= GLOBAL_GAP):
        raise ValueError(f"it says {kind!r}, and its embeddings have a gap of {gap:.1e}")
    if type(described["iterations"]) is not int or described["iterations"] < 0:
        raise ValueError(f"iterations are {described['iterations']!r}")
    for name in ("gradient_norm", "smallest_eigenvalue"):
        if type(described[name]) is not float or described[name] != described[name]:
            raise ValueError(f"{name} is {described[name]!r}")


def _settings(problem: UFM, seed: int, level: str) -> dict[str, Any]:
    """Return everything besides dimension and start that a point depends on, as JSON has it."""
    sizes = problem.class_sizes
    order = sizes.orbit_of_class
    return {
        "screlax": __version__,
        "distinct_sizes": sizes.distinct.tolist(),
        "multiplicities": sizes.multiplicities.tolist(),
        "class_order": None if order is None else hashlib.sha256(order.tobytes()).hexdigest(),
        "control": problem.control.record(),
        "temperature": problem.temperature,
        "loss": problem.loss.text,
        **({} if problem.features is Features.REAL else {"features": problem.features.value}),
        "level": level,
        "seed": seed,
    }
