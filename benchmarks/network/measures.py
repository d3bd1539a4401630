"""How far a trained network is from the certified optimum of its own loss, and what allows that."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

import screlax
import screlax.geometry
from screlax.gram.cells import CellGram, Level
from screlax.problem.program import build_program

from .samplers import SAMPLERS, collapsed_loss
from .training import Trained

DRAWS = 400
"""Batches drawn to estimate the loss of features that have not collapsed."""

VIEWS = 16
"""Times that each image is augmented, where the network sees augmentations."""

SEED = 12345
"""Of what is drawn to measure; training draws by other seeds."""


@dataclass(frozen=True)
class Measurement:
    """One trained network.

    Attributes
    ----------
    means, features : float
        ‖G/‖G‖ − G*/‖G*‖‖_F to the optimum of its own loss, of the k×k Gram matrices of the class
        means, scaled to unit norm, and of those of all features (every augmentation one).
    full_means, full_features : float
        The same to the optimum of all samples at once.
    excess : float
        Expected loss of the class means above the optimum, exactly, as a share of the optimum.
    allowed, bound : float
        The distance of class means that this excess allows, to second order, and a proved bound on
        it: `Determinacy.distance`, `.distance_bound`; both by `bound_about_the_frame` behind a
        ReLU. +inf: any.
    features_excess, error : float
        The same excess of the features, over drawn batches, and its standard error.
    collapse, spread : float
        NC1, tr(Σ_W Σ_B⁺)/k, and tr Σ_W/tr Σ_B.
    agreement : float
        Share of features nearest to their own class mean.
    dead : int
        Features that are all zero, as a ReLU can make them.
    """

    means: float
    features: float
    full_means: float
    full_features: float
    excess: float
    allowed: float
    bound: float
    features_excess: float
    error: float
    collapse: float
    spread: float
    agreement: float
    dead: int


def measure(trained: Trained) -> Measurement:
    """Measure all features of a network, the augmented ones `VIEWS` times."""
    cell = trained.cell
    own, full = (
        screlax.solve_relaxation(problem) for problem in (cell.problem, cell.full_batch_problem)
    )
    rows, labels = _features(trained)
    found = screlax.compare(rows, labels, own, loss="class-means")
    far = screlax.compare(rows, labels, full, loss="none", agreement=False)
    assert found.loss is not None
    assert found.nearest_mean_agreement is not None
    excess, error = _drawn_excess(trained, own)
    allowed, bound = distances_allowed(own, found.loss.relative_to_optimum)
    return Measurement(
        means=_directions_apart(found),
        features=found.sample_gram_distance,
        full_means=_directions_apart(far),
        full_features=far.sample_gram_distance,
        excess=found.loss.relative_to_optimum,
        allowed=allowed,
        bound=bound,
        features_excess=excess,
        error=error,
        collapse=found.metrics.within_between,
        spread=found.metrics.trace_ratio,
        agreement=found.nearest_mean_agreement,
        dead=int(np.sum(~rows.any(axis=1))),
    )


def _directions_apart(found: screlax.Comparison) -> float:
    """Return the distance of class means of unit norm from the optimum."""
    norms = np.sqrt(np.diagonal(found.class_gram))
    cosines = found.class_gram / np.outer(norms, norms)
    return screlax.geometry.gram_distance(cosines, found.optimal_gram)


def distances_allowed(solution: screlax.Solution, relative_excess: float) -> tuple[float, float]:
    """Return the distance of class means that an excess allows: to second order, and a bound."""
    if solution.problem.features.are_nonnegative:
        bound = bound_about_the_frame(solution, relative_excess)
        return bound, bound
    found = solution.determinacy()
    return found.distance(relative_excess), found.distance_bound(relative_excess)


def bound_about_the_frame(solution: screlax.Solution, relative_excess: float) -> float:
    """Return a bound on the distance from an orthogonal frame that is optimal behind a ReLU.

    The loss is convex and its slopes g between classes are positive there, so that nonnegative
    cosines m with an excess δ have Σ_{i≠j} g_ij m_ij ≤ δ; hence Σ_{i≠j} m_ij² ≤ δ²/(2 min g²).
    """
    problem, count = solution.problem, solution.problem.classes
    loss = build_program(problem, Level.CLASSES).loss
    at = CellGram.from_matrix(np.eye(count) / problem.temperature)
    slopes = loss.gradient(loss.expand(at)).pair[~np.eye(count, dtype=bool)] / problem.temperature
    square = (relative_excess * solution.value / slopes.min()) ** 2 / 2
    return math.sqrt(2 - 2 * math.sqrt(count / (count + square)))


def _features(trained: Trained) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of all images, and their labels."""
    everything = np.arange(len(trained.labels))
    generator = torch.Generator().manual_seed(SEED)
    rounds = VIEWS // trained.cell.views if trained.cell.views > 1 else 1
    with torch.no_grad():
        rows = torch.cat([trained.features(everything, generator) for _ in range(rounds)])
    return _of_unit_norm(rows), np.tile(trained.labels, len(rows) // len(everything))


def _of_unit_norm(rows: torch.Tensor) -> np.ndarray:
    """Return rows whose norms are one in double precision too."""
    found: np.ndarray = torch.nn.functional.normalize(rows.double()).numpy()
    return found


def _drawn_excess(trained: Trained, own: screlax.Solution) -> tuple[float, float]:
    """Return the relative excess of the features over drawn batches, and its standard error.

    Each batch less what the optimum has on the same classes, whose expectation is known: what
    compositions scatter cancels.
    """
    cell, gram = trained.cell, own.class_gram
    batches = SAMPLERS[cell.sampler].draw(trained.labels, np.random.default_rng(SEED))
    generator = torch.Generator().manual_seed(SEED)
    count = DRAWS if cell.sampler != "full" else VIEWS
    losses = np.empty(count)
    for draw in range(count):
        batch = next(batches)
        labels = trained.labels[batch]
        with torch.no_grad():
            rows = _of_unit_norm(trained.features(batch, generator))
        counts = cell.views * np.bincount(labels, minlength=len(gram))
        losses[draw] = _mean_loss(rows, np.tile(labels, cell.views), cell.temperature)
        losses[draw] -= collapsed_loss(gram, counts, cell.temperature)
    best = own.value / (cell.views * len(trained.labels))
    return losses.mean() / best, losses.std(ddof=1) / math.sqrt(count) / best


def _mean_loss(rows: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """Return the loss of a batch, divided by all its embeddings; zero without an anchor."""
    if np.bincount(labels).max() < 2:
        return 0.0
    return float(screlax.supcon_loss(rows, labels, temperature=temperature, mean_over="all"))
