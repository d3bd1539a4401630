"""From a problem to the objective of its embeddings, and between H and X = (N/τ)^{1/2} H."""

import numpy as np

from ..gram.cells import Level
from ..optional import require_memory
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..solve.factored import CellObjective
from ..solve.lifted import FactoredObjective, Lifted
from ..types import Matrix
from .sample_objective import SampleObjective

_MATRICES = 12
"""Dense matrices of all pairs of embeddings that are alive at once, under other losses than SC."""


def objective_at(problem: UFM, level: Level, dim: int) -> FactoredObjective:
    """Return the objective of one embedding of that dimension per class or per point."""
    if level is Level.SAMPLES:
        if problem.loss.is_supcon_of_points:
            return SampleObjective(problem)
        count = problem.points.samples
        require_memory(
            _MATRICES * 8.0 * count**2,
            f"descent on {count:,} embeddings under loss {problem.loss}",
            f"; level='classes' has {problem.points.classes:,}",
        )
    return CellObjective(build_program(problem, level), dim)


def scale_of_rows(lifted: Lifted, problem: UFM) -> Matrix:
    """Return √(r_c/τ), what embeddings are multiplied by to be X, shape (p, 1)."""
    return np.asarray(np.sqrt(lifted.mass / problem.temperature)[:, None])
