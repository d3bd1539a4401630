"""Attack: paths whose batches hold points without a root, against proofs point by point."""

from __future__ import annotations

import warnings

import numpy as np

from screlax import (
    UFM,
    Ball,
    Budget,
    InaccurateWarning,
    Ridge,
    Sphere,
    regularization_path,
    solve_relaxation,
)

from .problems import describe
from .tally import Tally

LOSSES = ("supcon", "supcon:class_weights=balanced", "class-averaged")
_POINTS = 5


def attack_paths(rng: np.random.Generator, count: int) -> list[Tally]:
    """Solve paths over many class sizes, where sums are interpolated; a tally for each loss."""
    tallies = {loss: Tally(f"path: {loss}") for loss in LOSSES}
    for number in range(max(1, count // _POINTS)):
        loss = LOSSES[number % len(LOSSES)]
        largest = float(np.exp(rng.uniform(np.log(200), np.log(5000))))
        sizes = np.unique(np.geomspace(2, largest, int(rng.integers(40, 90))).astype(int))
        control = (Ridge(1.0), Budget(1.0), Ball(1.0), Sphere(1.0))[int(rng.integers(4))]
        problem = UFM(sizes, control, loss=loss)
        ratios = 10 ** rng.uniform(-1.5, 1.5, _POINTS)
        if isinstance(control, Ridge):
            ratios = problem.zero_threshold() * 10 ** rng.uniform(-5, 0.1, _POINTS)
        _compare(tallies[loss], problem, ratios)
    return list(tallies.values())


def _compare(tally: Tally, problem: UFM, parameters: np.ndarray) -> None:
    """Compare bounds of a path with those of each point alone, proved in exact arithmetic."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InaccurateWarning)
        for point in regularization_path(problem, parameters):
            what = describe(point.problem)
            with tally.attack(what):
                tally.unproved += not point.certificate.proves(point.tol)
                found = point.certificate
                true = solve_relaxation(point.problem, time_limit=10).recheck(rigorous=True)
                excess = max(found.lower - true.upper, true.lower - found.upper)
                if not excess <= 0:
                    tally.report(f"{what}: {found.lower!r}, {found.upper!r}", excess / true.upper)
