"""Geometry of embeddings: class statistics in one pass, neural-collapse metrics, a tracker."""

from .comparison.agreement import nearest_mean_agreement
from .comparison.callback import GeometryCallback
from .comparison.centred import CentredMetrics
from .comparison.chunked_statistics import class_statistics_chunked
from .comparison.classifier import ClassifierMetrics, DualityMetrics, classifier_metrics
from .comparison.frame import FrameMetrics, frame_metrics
from .comparison.gram_penalty import gram_penalty_and_grad
from .comparison.metrics import CollapseMetrics, collapse_metrics
from .comparison.penalty_gradient import PenaltyGradient
from .comparison.size_groups import SizeGroups
from .comparison.statistics import ClassStatistics, class_statistics
from .comparison.tracker import GeometryTracker
from .comparison.uniformity import uniformity
from .gram.geometry import cosines_of, gram_distance
from .io.arrays import as_embeddings
from .io.contents.in_file import InFile
from .problem.label_files import as_labels

__all__ = [
    "CentredMetrics",
    "ClassStatistics",
    "ClassifierMetrics",
    "CollapseMetrics",
    "DualityMetrics",
    "FrameMetrics",
    "GeometryCallback",
    "GeometryTracker",
    "InFile",
    "PenaltyGradient",
    "SizeGroups",
    "as_embeddings",
    "as_labels",
    "class_statistics",
    "class_statistics_chunked",
    "classifier_metrics",
    "collapse_metrics",
    "cosines_of",
    "frame_metrics",
    "gram_distance",
    "gram_penalty_and_grad",
    "nearest_mean_agreement",
    "uniformity",
]
