"""Embeddings and optimum side by side: the distance of all samples, norms and angles by class."""

import math

import numpy as np
from scipy import linalg

from ..gram.geometry import norms_and_cosines
from ..problem.ufm import UFM
from ..types import Matrix
from .alignment import Alignment
from .result import PerClass
from .statistics import ClassStatistics


def sample_distance(statistics: ClassStatistics, optimal_gram: Matrix) -> float:
    """Return the distance of the n×n Gram matrices from d×d and k×k ones, without cancellation.

    Averaged within classes G is class-constant like G*; what averaging removes is orthogonal to
    that, of squared norm 2⟨B, W⟩ + ‖W‖² with B the scatter of the class means and W that within.
    """
    counts, means, within = statistics.counts.astype(float), statistics.means, statistics.within
    assert within is not None
    root = np.sqrt(counts)
    weighted = root[:, None] * means
    between, averaged = weighted.T @ weighted, weighted @ weighted.T
    norm = linalg.norm(between + within)
    optimum = root[:, None] * optimal_gram * root
    apart = linalg.norm(averaged / norm - optimum / linalg.norm(optimum))
    # of two semidefinite matrices: negative by rounding only
    across = max(float(np.vdot(between / norm, within / norm)), 0.0)
    return float(np.hypot(apart, math.sqrt(2 * across + linalg.norm(within / norm) ** 2)))


def per_class_of(
    problem: UFM,
    statistics: ClassStatistics,
    class_gram: Matrix,
    optimal_gram: Matrix,
    alignment: Alignment,
) -> PerClass:
    """Return norms, mean cosines and angles of every class, and those of the optimum."""
    names = problem.class_labels or tuple(range(problem.classes))
    norms, cosines = norms_and_cosines(class_gram)
    optimal_norms, optimal_cosines = norms_and_cosines(optimal_gram)
    return PerClass(
        names=tuple(names),
        sizes=np.asarray(problem.class_sizes),
        counts=statistics.counts,
        norms=norms,
        optimal_norms=optimal_norms,
        cosines=cosines,
        optimal_cosines=optimal_cosines,
        angles=alignment.angles,
    )
