"""screlax: the certified optimal geometry of supervised contrastive learning.

>>> import screlax
>>> solution = screlax.solve_relaxation([500, 50, 5], control=screlax.Sphere(1.0), temperature=0.1)
>>> print(solution.status)
optimal
"""

from .certificate import Certificate
from .class_sizes import ClassSizes
from .controls import Ball, Budget, Ridge, Sphere
from .counts import read_counts, read_labels
from .embedding import Embeddings, recover_embeddings
from .exceptions import InaccurateWarning, ScrelaxError
from .loss import gram_loss, supcon_loss, supcon_loss_and_grad, supcon_loss_chunked
from .path import path_table, regularization_path
from .problem import UFM
from .profiles import balanced, exponential, pareto, profile, step
from .solution import Solution
from .solve import solve_relaxation
from .status import Status
from .sweeps import SweepPoint, SweepTable, grid, sweep

__version__ = "0.1.0"

__all__ = [
    "UFM",
    "Ball",
    "Budget",
    "Certificate",
    "ClassSizes",
    "Embeddings",
    "InaccurateWarning",
    "Ridge",
    "ScrelaxError",
    "Solution",
    "Sphere",
    "Status",
    "SweepPoint",
    "SweepTable",
    "balanced",
    "exponential",
    "gram_loss",
    "grid",
    "pareto",
    "path_table",
    "profile",
    "read_counts",
    "read_labels",
    "recover_embeddings",
    "regularization_path",
    "solve_relaxation",
    "step",
    "supcon_loss",
    "supcon_loss_and_grad",
    "supcon_loss_chunked",
    "sweep",
]
