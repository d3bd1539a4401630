"""screlax: the certified optimal geometry of supervised contrastive learning.

>>> import screlax
>>> solution = screlax.solve_relaxation([500, 50, 5], control=screlax.Sphere(1.0), temperature=0.1)
>>> print(solution.status)
optimal
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import Comparison as Comparison
    from .comparison import ControlFit as ControlFit
    from .comparison import compare as compare
    from .comparison import fit_control as fit_control
    from .descent import NonconvexResult as NonconvexResult
    from .descent import SecondOrder as SecondOrder
    from .descent import check_second_order as check_second_order
    from .descent import solve_nonconvex as solve_nonconvex
    from .errors import InaccurateWarning as InaccurateWarning
    from .errors import ScrelaxError as ScrelaxError
    from .geometry import GeometryTracker as GeometryTracker
    from .gram.embedding import Embeddings as Embeddings
    from .gram.embedding import recover_embeddings as recover_embeddings
    from .io.text import read_counts as read_counts
    from .io.text import read_labels as read_labels
    from .landscape import Landscape as Landscape
    from .landscape import survey_landscape as survey_landscape
    from .problem.class_sizes import ClassSizes as ClassSizes
    from .problem.constraints.norms import Ball as Ball
    from .problem.constraints.norms import Budget as Budget
    from .problem.constraints.norms import Ridge as Ridge
    from .problem.constraints.norms import Sphere as Sphere
    from .problem.profiles import balanced as balanced
    from .problem.profiles import exponential as exponential
    from .problem.profiles import pareto as pareto
    from .problem.profiles import profile as profile
    from .problem.profiles import step as step
    from .problem.ufm import UFM as UFM
    from .proof.certificate import Certificate as Certificate
    from .samples import gram_loss as gram_loss
    from .samples import supcon_loss as supcon_loss
    from .samples import supcon_loss_and_grad as supcon_loss_and_grad
    from .samples import supcon_loss_chunked as supcon_loss_chunked
    from .solution.solution import Solution as Solution
    from .solve.path import path_table as path_table
    from .solve.path import regularization_path as regularization_path
    from .solve.solve import solve_relaxation as solve_relaxation
    from .status import Status as Status
    from .sweeps import SweepPoint as SweepPoint
    from .sweeps import SweepTable as SweepTable
    from .sweeps import grid as grid
    from .sweeps import sweep as sweep

__version__ = "0.1.0"

_HOME = {
    "Comparison": "comparison",
    "ControlFit": "comparison",
    "compare": "comparison",
    "fit_control": "comparison",
    "NonconvexResult": "descent",
    "SecondOrder": "descent",
    "check_second_order": "descent",
    "solve_nonconvex": "descent",
    "InaccurateWarning": "errors",
    "ScrelaxError": "errors",
    "GeometryTracker": "geometry",
    "Embeddings": "gram.embedding",
    "recover_embeddings": "gram.embedding",
    "read_counts": "io.text",
    "read_labels": "io.text",
    "Landscape": "landscape",
    "survey_landscape": "landscape",
    "ClassSizes": "problem.class_sizes",
    "Ball": "problem.constraints.norms",
    "Budget": "problem.constraints.norms",
    "Ridge": "problem.constraints.norms",
    "Sphere": "problem.constraints.norms",
    "balanced": "problem.profiles",
    "exponential": "problem.profiles",
    "pareto": "problem.profiles",
    "profile": "problem.profiles",
    "step": "problem.profiles",
    "UFM": "problem.ufm",
    "Certificate": "proof.certificate",
    "gram_loss": "samples",
    "supcon_loss": "samples",
    "supcon_loss_and_grad": "samples",
    "supcon_loss_chunked": "samples",
    "Solution": "solution.solution",
    "path_table": "solve.path",
    "regularization_path": "solve.path",
    "solve_relaxation": "solve.solve",
    "Status": "status",
    "SweepPoint": "sweeps",
    "SweepTable": "sweeps",
    "grid": "sweeps",
    "sweep": "sweeps",
}
"""The module of every public name; loaded when the name is first asked for (PEP 562)."""

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


def __getattr__(name: str) -> Any:
    """Load a public name, or a public module, when it is first asked for."""
    import importlib

    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif name in ("geometry", "plots"):
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what there is, loaded or not."""
    return sorted({*globals(), *__all__, "geometry", "plots"})
