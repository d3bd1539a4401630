"""From a problem to the objective of its embeddings, and between H and X = (N/τ)^{1/2} H."""

import numpy as np

from ..gram.cells import Level
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..solve.factored import CellObjective
from ..solve.lifted import FactoredObjective, Lifted
from ..types import Matrix
from .sample_objective import SampleObjective


def objective_at(problem: UFM, level: Level, dim: int) -> FactoredObjective:
    """Return the objective of one embedding of that dimension per class or per point."""
    if level is Level.SAMPLES and problem.loss.is_supcon_of_points:
        return SampleObjective(problem)
    return CellObjective(build_program(problem, level), dim)


def scale_of_rows(lifted: Lifted, problem: UFM) -> Matrix:
    """Return √(r_c/τ), what embeddings are multiplied by to be X, shape (p, 1)."""
    return np.asarray(np.sqrt(lifted.mass / problem.temperature)[:, None])
