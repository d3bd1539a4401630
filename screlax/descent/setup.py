"""From a problem to the objective of its embeddings, and between H and X = (N/τ)^{1/2} H."""

from __future__ import annotations

import numpy as np

from ..gram.levels import Level, Matrix
from ..problem.ufm import UFM
from .lifting import Lifted
from .objective import ClassObjective, Objective
from .sample_objective import SampleObjective


def objective_at(problem: UFM, level: Level) -> Objective:
    """Return the objective of one embedding per class or per sample."""
    return ClassObjective(problem) if level is Level.CLASSES else SampleObjective(problem)


def scale_of_rows(lifted: Lifted, problem: UFM) -> Matrix:
    """Return √(n_c/τ), what embeddings are multiplied by to be X, shape (p, 1)."""
    return np.asarray(np.sqrt(lifted.mass / problem.temperature)[:, None])
