"""How far the features of a network are from the predicted geometries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import screlax
import screlax.geometry

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Measurement:
    """One look at the features of all samples.

    Attributes
    ----------
    step, epoch : int, float
        When.
    distance, means_distance : float
        ‖G/‖G‖ − G*/‖G*‖‖_F to screlax's solution, of the samples' n×n Gram matrices and of the k×k
        ones of the class means (`screlax.compare`).
    adapted_distance : float
        As `distance`, to the geometry that allows for ReLU and mini-batches.
    living_distance : float
        As `adapted_distance`, without the dead samples.
    collapse : float
        NC1, tr(Σ_W Σ_B⁺)/k (`screlax.compare`).
    gap : float
        (objective − proved lower bound)/objective on all samples at once.
    dead : int
        Samples whose features are all zero, as a ReLU can make them.
    """

    step: int
    epoch: float
    distance: float
    means_distance: float
    adapted_distance: float
    living_distance: float
    collapse: float
    gap: float
    dead: int


def measure(
    step: int,
    epoch: float,
    features: Matrix,
    labels: Labels,
    solution: screlax.Solution,
    adapted: Matrix,
) -> Measurement:
    """Compare features, shape (n, d), with a solution and with an adapted class Gram matrix."""
    comparison = screlax.compare(features, labels, solution, loss="samples", agreement=False)
    assert comparison.loss is not None
    relative_gap = comparison.loss.relative_gap
    living = np.abs(features).max(axis=1) > 0
    return Measurement(
        step=step,
        epoch=epoch,
        distance=comparison.sample_gram_distance,
        means_distance=comparison.gram_distance,
        adapted_distance=gram_distance(features, labels, adapted),
        living_distance=gram_distance(features[living], labels[living], adapted),
        collapse=comparison.metrics.within_between,
        gap=relative_gap,
        dead=int(np.sum(~living)),
    )


def gram_distance(features: Matrix, labels: Labels, class_gram: Matrix) -> float:
    """Return ‖G/‖G‖_F − G*/‖G*‖_F‖_F to a class Gram matrix that is no `screlax.Solution`.

    G is the features' n×n Gram matrix and G*_ij = M*_{y_i y_j}.
    """
    return screlax.geometry.gram_distance(features @ features.T, class_gram[np.ix_(labels, labels)])
