"""No feasible Gram matrix of at most an excess is further away than the bound says."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from screlax import UFM, Ball, Budget, Ridge, Sphere, solve_relaxation
from screlax.analysis.determinacy.bound import LevelSetBound
from screlax.analysis.determinacy.form import squared_norm
from screlax.batches import PoissonBatches, RandomBatches
from screlax.errors import InvalidInputError
from screlax.gram.cells import CellGram
from screlax.gram.rounding import product
from screlax.losses import ClassAveraged, NegativesOnly, SoftTargets

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.level_sets import LevelSet

PROBLEMS = [
    UFM([50, 20, 5, 5], Sphere(1.0), 0.3),
    UFM([50, 20, 5, 5], Ball(1.0), 0.5),
    UFM([50, 20, 5, 5], Budget(1.0), 0.3),
    UFM([50, 20, 5, 5], Ridge(0.3), 0.3),
    UFM([50, 20, 5, 5, 1, 1], Sphere(1.0), 0.3),
    UFM([50, 20, 5, 5, 1, 1], Ridge(0.1), 0.3),
    UFM([50, 3, 2, 1, 1, 1], Ball(1.0), 0.5),
    UFM([100, 3, 2, 2, 2], Sphere(1.0)),
    UFM([1000, 3, 2, 2, 2], Sphere(1.0)),  # all others on one point: no change is tangent
    UFM([5, 5], Sphere(1.0), 0.5),
    UFM([5, 4], Ball(1.0), 0.5),
    UFM([30, 30, 30, 10, 10], Sphere(1.0), 0.3, batches=RandomBatches(16)),
    UFM([30, 30, 30, 10, 10], Ridge(0.1), 0.3, batches=PoissonBatches(0.2)),
    UFM([9] * 4 + [4] * 3, Sphere(1.0), 0.3, loss=NegativesOnly()),
    UFM([9] * 4 + [4] * 3, Budget(1.0), 0.3, loss=ClassAveraged()),
    UFM([8, 4, 2, 2], Ball(1.5), 0.7, loss=SoftTargets(epsilon=0.1)),  # norms within their bound
]
EXCESSES = np.array([1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2])


def bounds_of(solution):
    known = solution.determinacy()
    return known, np.array([known.distance_bound(excess) for excess in EXCESSES])


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_random_feasible_points_are_within(problem):
    solution = solve_relaxation(problem)
    level, (known, bounds) = LevelSet(solution), bounds_of(solution)
    assert np.all(np.diff(bounds[np.isfinite(bounds)]) >= 0)
    generator, size = np.random.default_rng(0), len(level.optimum)
    length = math.sqrt(level.optimum.diagonal().mean() / size)
    seen = 0
    for number in range(300):
        spread = 10 ** generator.uniform(-5, 0)
        factor = level.factor + spread * length * generator.standard_normal((size, size))
        if number % 3 == 1:
            factor = factor * np.exp(spread * generator.standard_normal((size, 1)))
        if number % 3 == 2:
            factor = factor * math.exp(-abs(spread * generator.standard_normal()))
        squares = (factor**2).sum(axis=1)
        scale = problem.control.scale(squares * problem.temperature, level.program.cells)
        gram = (scale[:, None] * factor) @ (scale[:, None] * factor).T
        excess = level.excess(gram) / abs(solution.value)
        place = int(np.searchsorted(EXCESSES, excess))
        if place < len(EXCESSES):
            assert level.distance(gram) <= bounds[place]
            seen += np.isfinite(bounds[place])
    assert seen > 50 or known.distance_bound(1e-9) == math.inf


@pytest.mark.parametrize("problem", [*PROBLEMS[:6], PROBLEMS[11], PROBLEMS[14]], ids=str)
@pytest.mark.parametrize("distance", [0.01, 0.05])
def test_the_farthest_point_of_a_level_set_is_as_predicted_and_within(problem, distance):
    solution = solve_relaxation(problem)
    known = solution.determinacy()
    excess = known.relative_excess(distance)
    matrix = known.direction.matrix()
    found = LevelSet(solution).farthest(excess * abs(solution.value), distance, matrix, 1)
    assert found == pytest.approx(known.distance(excess), rel=0.1)
    assert found <= known.distance_bound(excess)


@pytest.mark.parametrize("problem", PROBLEMS[:7], ids=str)
def test_for_small_excesses_the_bound_is_what_the_curvature_says(problem):
    solution = solve_relaxation(problem, tol=1e-10)
    known = solution.determinacy()
    for distance in (1e-3, 1e-4):
        excess = known.relative_excess(distance)
        gap = solution.gap / abs(solution.value)
        bound = known.distance_bound(excess)
        assert known.distance(excess) <= bound
        assert bound <= known.distance(excess + gap) * (1 + 40 * distance)


def test_a_bound_needs_an_excess():
    known = solve_relaxation(PROBLEMS[0]).determinacy()
    for excess in (-1e-3, math.nan):
        with pytest.raises(InvalidInputError, match="at least zero"):
            known.distance_bound(excess)
    assert known.distance_bound(0.0) < 1e-4


@pytest.mark.parametrize("problem", [PROBLEMS[0], PROBLEMS[3], PROBLEMS[11], PROBLEMS[14]], ids=str)
def test_rows_are_at_least_their_hessian_less_what_their_range_takes(problem):
    """Of the same radius, so that without the range some changes would be below."""
    solution = solve_relaxation(problem)
    known = solution.determinacy()
    sets, loss = LevelSetBound(known.optimum), known.optimum.program.loss
    gram, copies = known.optimum.gram, known.optimum.program.cells.points
    generator, ratios = np.random.default_rng(0), []
    slope = loss.gradient(loss.expand(gram))
    for _ in range(200):
        radius = 10 ** generator.uniform(-1, 1)
        noise = generator.standard_normal(gram.pair.shape) ** 3
        own = generator.standard_normal(len(copies)) * sets.form.norms_are_free
        change = CellGram(own, noise + noise.T)
        alone = copies == 1
        change.pair[alone, alone] = own[alone]
        change = change.scaled(radius / math.sqrt(squared_norm(change, copies)))
        moved = CellGram(gram.own + change.own, gram.pair + change.pair)
        bregman = loss.value(moved) - loss.value(gram) - product(slope, change)
        rows = sets._at(radius, False).rows
        assert bregman >= (1 - 1e-9) * half(rows, change) - 1e-11 * abs(solution.value)
        ratios.append(bregman / half(sets.form.rows, change))
    assert min(ratios) < 0.9


def half(rows, change):
    difference = change.pair - change.own[:, None]
    linear = (rows.factors * difference).sum(axis=2)
    return ((rows.diagonal * difference**2).sum() + (rows.signs * linear**2).sum()) / 2
