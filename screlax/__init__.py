"""screlax: the certified optimal geometry of supervised contrastive learning.

>>> import screlax
>>> solution = screlax.solve_relaxation([500, 50, 5], control=screlax.Sphere(1.0), temperature=0.1)
>>> print(solution.status)
optimal

Solutions, comparisons and points of sweeps are logged under ``screlax`` at level INFO:
``logging.basicConfig(level=logging.INFO)`` shows them.
"""

from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .analysis.determinacy import Determinacy as Determinacy
    from .analysis.embedding import Embeddings as Embeddings
    from .analysis.embedding import recover_embeddings as recover_embeddings
    from .comparison.batch_floor import BatchFloor as BatchFloor
    from .comparison.batch_floor import batch_floor as batch_floor
    from .comparison.compare import compare as compare
    from .comparison.fit import ControlFit as ControlFit
    from .comparison.fit import fit_control as fit_control
    from .comparison.result import Comparison as Comparison
    from .comparison.tracker import GeometryTracker as GeometryTracker
    from .descent.result import NonconvexResult as NonconvexResult
    from .descent.second_order import SecondOrder as SecondOrder
    from .descent.second_order import check_second_order as check_second_order
    from .descent.solve import solve_nonconvex as solve_nonconvex
    from .errors import HeaderWarning as HeaderWarning
    from .errors import InaccurateWarning as InaccurateWarning
    from .errors import ScrelaxError as ScrelaxError
    from .errors import Status as Status
    from .landscape.result import Landscape as Landscape
    from .landscape.survey import survey_landscape as survey_landscape
    from .prescription.design import design as design
    from .prescription.result import Design as Design
    from .problem.class_sizes import ClassSizes as ClassSizes
    from .problem.constraints.base import register_constraint as register_constraint
    from .problem.constraints.classifier import LayerPeeled as LayerPeeled
    from .problem.constraints.classifier import Normalized as Normalized
    from .problem.constraints.classifier import WeightDecay as WeightDecay
    from .problem.constraints.norms import Ball as Ball
    from .problem.constraints.norms import Budget as Budget
    from .problem.constraints.norms import Ridge as Ridge
    from .problem.constraints.norms import Sphere as Sphere
    from .problem.count_files import read_counts as read_counts
    from .problem.label_files import read_labels as read_labels
    from .problem.losses.registry import register_loss as register_loss
    from .problem.profiles import balanced as balanced
    from .problem.profiles import exponential as exponential
    from .problem.profiles import pareto as pareto
    from .problem.profiles import profile as profile
    from .problem.profiles import step as step
    from .problem.ufm import UFM as UFM
    from .proof.certificate import Certificate as Certificate
    from .proof.certifiers import register_certifier as register_certifier
    from .samples.chunked import contrastive_loss_chunked as contrastive_loss_chunked
    from .samples.chunked import (
        contrastive_loss_chunked_and_grad as contrastive_loss_chunked_and_grad,
    )
    from .samples.chunked import supcon_loss_chunked as supcon_loss_chunked
    from .samples.contrastive import contrastive_loss as contrastive_loss
    from .samples.contrastive import contrastive_loss_and_grad as contrastive_loss_and_grad
    from .samples.gram import gram_loss as gram_loss
    from .samples.loss_gradient import LossGradient as LossGradient
    from .samples.supcon import supcon_loss as supcon_loss
    from .samples.supcon import supcon_loss_and_grad as supcon_loss_and_grad
    from .solution.solution import Solution as Solution
    from .solve.base import register_method as register_method
    from .solve.cone_program import ConeProgram as ConeProgram
    from .solve.cvxpy_program import CvxpyProgram as CvxpyProgram
    from .solve.cvxpy_program import cvxpy_program as cvxpy_program
    from .solve.cvxpy_program import export_conic as export_conic
    from .solve.limits.result import MaxMarginLimit as MaxMarginLimit
    from .solve.limits.solve_limit import solve_limit as solve_limit
    from .solve.merging.minority_collapse import minority_collapse as minority_collapse
    from .solve.merging.result import CollapseThreshold as CollapseThreshold
    from .solve.merging.result import MinorityCollapse as MinorityCollapse
    from .solve.path import regularization_path as regularization_path
    from .solve.path_table import path_table as path_table
    from .solve.solve import solve_relaxation as solve_relaxation
    from .sweeps.grid import grid as grid
    from .sweeps.loss_comparison import LossComparison as LossComparison
    from .sweeps.losses import compare_losses as compare_losses
    from .sweeps.point import SweepPoint as SweepPoint
    from .sweeps.run import sweep as sweep
    from .sweeps.table import SweepTable as SweepTable


_HOME = {
    "Comparison": "comparison.result",
    "ControlFit": "comparison.fit",
    "compare": "comparison.compare",
    "fit_control": "comparison.fit",
    "NonconvexResult": "descent.result",
    "SecondOrder": "descent.second_order",
    "check_second_order": "descent.second_order",
    "solve_nonconvex": "descent.solve",
    "HeaderWarning": "errors",
    "InaccurateWarning": "errors",
    "ScrelaxError": "errors",
    "GeometryTracker": "comparison.tracker",
    "Embeddings": "analysis.embedding",
    "recover_embeddings": "analysis.embedding",
    "read_counts": "problem.count_files",
    "read_labels": "problem.label_files",
    "Landscape": "landscape.result",
    "survey_landscape": "landscape.survey",
    "Design": "prescription.result",
    "design": "prescription.design",
    "ClassSizes": "problem.class_sizes",
    "Ball": "problem.constraints.norms",
    "Budget": "problem.constraints.norms",
    "Ridge": "problem.constraints.norms",
    "Sphere": "problem.constraints.norms",
    "LayerPeeled": "problem.constraints.classifier",
    "Normalized": "problem.constraints.classifier",
    "WeightDecay": "problem.constraints.classifier",
    "balanced": "problem.profiles",
    "exponential": "problem.profiles",
    "pareto": "problem.profiles",
    "profile": "problem.profiles",
    "step": "problem.profiles",
    "UFM": "problem.ufm",
    "Certificate": "proof.certificate",
    "LossGradient": "samples.loss_gradient",
    "contrastive_loss": "samples.contrastive",
    "contrastive_loss_and_grad": "samples.contrastive",
    "gram_loss": "samples.gram",
    "supcon_loss": "samples.supcon",
    "supcon_loss_and_grad": "samples.supcon",
    "supcon_loss_chunked": "samples.chunked",
    "contrastive_loss_chunked": "samples.chunked",
    "contrastive_loss_chunked_and_grad": "samples.chunked",
    "Solution": "solution.solution",
    "cvxpy_program": "solve.cvxpy_program",
    "CvxpyProgram": "solve.cvxpy_program",
    "ConeProgram": "solve.cone_program",
    "export_conic": "solve.cvxpy_program",
    "register_loss": "problem.losses.registry",
    "register_constraint": "problem.constraints.base",
    "register_method": "solve.base",
    "register_certifier": "proof.certifiers",
    "minority_collapse": "solve.merging.minority_collapse",
    "CollapseThreshold": "solve.merging.result",
    "MinorityCollapse": "solve.merging.result",
    "MaxMarginLimit": "solve.limits.result",
    "solve_limit": "solve.limits.solve_limit",
    "path_table": "solve.path_table",
    "regularization_path": "solve.path",
    "solve_relaxation": "solve.solve",
    "Status": "errors",
    "SweepPoint": "sweeps.point",
    "SweepTable": "sweeps.table",
    "LossComparison": "sweeps.loss_comparison",
    "compare_losses": "sweeps.losses",
    "BatchFloor": "comparison.batch_floor",
    "Determinacy": "analysis.determinacy",
    "batch_floor": "comparison.batch_floor",
    "grid": "sweeps.grid",
    "sweep": "sweeps.run",
}
"""The module of every public name; loaded when the name is first asked for (PEP 562)."""

__all__ = sorted(_HOME)

_MODULES = ("batches", "constraints", "geometry", "losses", "plots", "torch")


def __getattr__(name: str) -> Any:
    """Load a public name, or a public module, when it is first asked for."""
    import importlib

    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif name in _MODULES:
        value = importlib.import_module(f".{name}", __name__)
    else:
        meant = importlib.import_module(".spelling", __name__).hint(name, [*__all__, *_MODULES])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{meant}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what there is, loaded or not."""
    return sorted({*globals(), *__all__, *_MODULES})
