"""screlax: the certified optimal geometry of supervised contrastive learning.

>>> import screlax
>>> solution = screlax.solve_relaxation([500, 50, 5], control=screlax.Sphere(1.0), temperature=0.1)
>>> print(solution.status)
optimal
"""

from .comparison import Comparison, ControlFit, compare, fit_control
from .descent import NonconvexResult, SecondOrder, check_second_order, solve_nonconvex
from .errors import InaccurateWarning, ScrelaxError
from .geometry import GeometryTracker
from .gram.embedding import Embeddings, recover_embeddings
from .io.text import read_counts, read_labels
from .landscape import Landscape, survey_landscape
from .problem.class_sizes import ClassSizes
from .problem.constraints.norms import Ball, Budget, Ridge, Sphere
from .problem.profiles import balanced, exponential, pareto, profile, step
from .problem.ufm import UFM
from .proof.certificate import Certificate
from .samples import gram_loss, supcon_loss, supcon_loss_and_grad, supcon_loss_chunked
from .solution.solution import Solution
from .solve.path import path_table, regularization_path
from .solve.solve import solve_relaxation
from .status import Status
from .sweeps import SweepPoint, SweepTable, grid, sweep

__version__ = "0.1.0"

__all__ = [
    "UFM",
    "Ball",
    "Budget",
    "Certificate",
    "ClassSizes",
    "Comparison",
    "ControlFit",
    "Embeddings",
    "GeometryTracker",
    "InaccurateWarning",
    "Landscape",
    "NonconvexResult",
    "Ridge",
    "ScrelaxError",
    "SecondOrder",
    "Solution",
    "Sphere",
    "Status",
    "SweepPoint",
    "SweepTable",
    "balanced",
    "check_second_order",
    "compare",
    "exponential",
    "fit_control",
    "gram_loss",
    "grid",
    "pareto",
    "path_table",
    "profile",
    "read_counts",
    "read_labels",
    "recover_embeddings",
    "regularization_path",
    "solve_nonconvex",
    "solve_relaxation",
    "step",
    "supcon_loss",
    "supcon_loss_and_grad",
    "supcon_loss_chunked",
    "survey_landscape",
    "sweep",
]
