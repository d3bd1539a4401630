"""Geometry of embeddings: class statistics in one pass, neural-collapse metrics, a tracker."""

from .agreement import nearest_mean_agreement
from .distance import cosines_of, gram_distance
from .metrics import CollapseMetrics, collapse_metrics
from .reading import as_embeddings, as_labels
from .statistics import ClassStatistics, class_statistics
from .tracker import GeometryTracker

__all__ = [
    "ClassStatistics",
    "CollapseMetrics",
    "GeometryTracker",
    "as_embeddings",
    "as_labels",
    "class_statistics",
    "collapse_metrics",
    "cosines_of",
    "gram_distance",
    "nearest_mean_agreement",
]
