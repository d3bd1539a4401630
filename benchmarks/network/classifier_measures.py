"""How far a network with its classifier is from the certified optimum of cross-entropy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import screlax
from screlax.gram.geometry import cosines_of

from .classifier_training import TrainedClassifier


@dataclass(frozen=True)
class ClassifierMeasurement:
    """One trained network.

    Attributes
    ----------
    means, classifier, joint, logits : float
        Distances of normalised matrices from the optimum: Gram matrix of the class means, of the
        rows of the classifier, of both together, and logits of classes on classes
        (`LogitMetrics`).
    excess : float
        The objective of all features above the optimum, as a share of the optimum, proved.
    spread, alignment, angles, norms : float
        Its parts, as shares of the optimum (`LogitSplit`); +inf where they are not known.
    collapse : float
        NC1, tr(Σ_W Σ_B⁺)/k.
    self_duality, optimal_self_duality : float
        NC3 with no centre taken off, and that of the optimum.
    rare_cosine, optimal_rare_cosine : float
        Mean cosine among the rows of the classifier of the smaller half of the classes.
    accuracy : float
        Share of samples that the classifier gives to their class.
    dead : int
        Features that are all zero, as a ReLU can make them.
    """

    means: float
    classifier: float
    joint: float
    logits: float
    excess: float
    spread: float
    alignment: float
    angles: float
    norms: float
    collapse: float
    self_duality: float
    optimal_self_duality: float
    rare_cosine: float
    optimal_rare_cosine: float
    accuracy: float
    dead: int


def measure(trained: TrainedClassifier) -> ClassifierMeasurement:
    """Measure all features of a network with its classifier."""
    solution = screlax.solve_relaxation(trained.cell.problem)
    rows, weights = trained.pair()
    found = screlax.compare(
        rows,
        trained.labels,
        solution,
        classifier=weights,
        normalize=solution.problem.control.fixes_norms,
        search=False,
    )
    assert found.loss is not None
    assert found.split is not None
    assert found.logits is not None
    assert found.classifier is not None
    rare = np.argsort(np.asarray(solution.problem.class_sizes), kind="stable")[: len(weights) // 2]
    return ClassifierMeasurement(
        means=found.gram_distance,
        classifier=found.logits.classifier_distance,
        joint=found.logits.joint_distance,
        logits=found.logits.logit_distance,
        excess=found.loss.relative_to_optimum,
        **_shares(found.split, solution.value),
        collapse=found.metrics.within_between,
        self_duality=found.logits.duality.self_duality,
        optimal_self_duality=found.logits.optimal_duality.self_duality,
        rare_cosine=_mean_cosine(weights @ weights.T, rare),
        optimal_rare_cosine=_mean_cosine(solution.classifier_gram, rare),
        accuracy=found.classifier.accuracy,
        dead=int(np.sum(~rows.any(axis=1))),
    )


def _shares(split: Any, value: float) -> dict[str, float]:
    """Return the parts of an excess as shares of the optimum."""
    names = ("spread", "alignment", "angles", "norms")
    return {name: getattr(split, name) / value if split.is_known else math.inf for name in names}


def _mean_cosine(gram: np.ndarray, chosen: np.ndarray) -> float:
    """Return the mean cosine of different rows among those chosen."""
    cosines = cosines_of(gram[np.ix_(chosen, chosen)])
    return float((cosines.sum() - len(chosen)) / (len(chosen) * (len(chosen) - 1)))
