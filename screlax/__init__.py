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
from .landscape import Landscape, survey_landscape
from .loss import gram_loss, supcon_loss, supcon_loss_and_grad
from .nonconvex import NonconvexResult, SecondOrder, check_second_order, solve_nonconvex
from .path import path_table, regularization_path
from .problem import UFM
from .profiles import balanced, exponential, pareto, profile, step
from .solution import Solution
from .solve import solve_relaxation
from .status import Status

__version__ = "0.1.0"

__all__ = [
    "UFM",
    "Ball",
    "Budget",
    "Certificate",
    "ClassSizes",
    "Embeddings",
    "InaccurateWarning",
    "Landscape",
    "NonconvexResult",
    "Ridge",
    "ScrelaxError",
    "SecondOrder",
    "Solution",
    "Sphere",
    "Status",
    "balanced",
    "check_second_order",
    "exponential",
    "gram_loss",
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
    "survey_landscape",
]
