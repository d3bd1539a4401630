"""The objective at embeddings against the optimum: near zero, far above it, and in between."""

import json

import mpmath
import numpy as np
import pytest
from problems import labels_of

import screlax
from screlax.comparison import compare

EPSILON = np.finfo(float).eps
CONTROLS = [screlax.Sphere(1.0), screlax.Ball(1.0), screlax.Budget(1.0)]


def solved(sizes, temperature, control=CONTROLS[0]):
    return screlax.solve_relaxation(sizes, control=control, temperature=temperature)


@pytest.mark.parametrize("temperature", [0.02, 0.05, 0.07])
def test_orthogonal_pairs_and_their_optimum(temperature):
    """Six samples in three classes of two: 4 e^{−1/τ} against 4 e^{−1.5/τ} for each anchor."""
    solution, y = solved([2, 2, 2], temperature), np.array(labels_of([2, 2, 2]))
    found = compare(np.eye(3)[y], y, solution).loss
    with mpmath.workdps(60):
        tau = mpmath.mpf(temperature)
        value = 6 * mpmath.log1p(4 * mpmath.exp(-1 / tau))
        best = 6 * mpmath.log1p(4 * mpmath.exp(-mpmath.mpf(1.5) / tau))
        share, times = float(1 - best / value), float(value / best - 1)
    assert found.floor == 0.0
    assert found.value == pytest.approx(float(value), rel=4 * EPSILON / temperature)
    assert found.height == found.value
    assert found.relative_gap == pytest.approx(share, rel=1e-11)
    assert found.relative_to_optimum == pytest.approx(times, rel=1e-9)
    best_embeddings = solution.embeddings().vectors[y]
    for loss in ("samples", "class-means"):
        found = compare(best_embeddings, y, solution, loss=loss).loss
        assert found.value == pytest.approx(float(best), rel=1e-11)
        assert 0 < found.relative_to_height < 1e-9


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("temperature", [0.5, 0.1, 0.04, 0.02])
@pytest.mark.parametrize("sizes", [[2, 2, 2], [6, 6, 6], [9, 4, 3, 2], [5, 1, 1, 3]])
def test_the_optimum_is_not_doubted(sizes, temperature, control):
    solution, y = solved(sizes, temperature, control), np.array(labels_of(sizes))
    for loss in ("samples", "class-means"):
        found = compare(solution.embeddings().vectors[y], y, solution, loss=loss).loss
        assert found.gap > 0
        assert found.relative_to_optimum < 1e-9


@pytest.mark.parametrize("temperature", [0.5, 0.1, 0.03, 0.01])
def test_heights_above_the_floor(temperature):
    """Where the loss is nearly Σ n log(n − 1) the heights tell orthogonal from optimal."""
    sizes = [6, 6, 6]
    solution, y = solved(sizes, temperature), np.array(labels_of(sizes))
    found = [
        compare(np.eye(3)[y], y, solution, loss=loss).loss for loss in ("samples", "class-means")
    ]
    with mpmath.workdps(120):
        tau = mpmath.mpf(temperature)
        heights = [
            18 * mpmath.log1p(mpmath.mpf(12) / 5 * mpmath.exp(-apart / tau))
            for apart in (mpmath.mpf(1), mpmath.mpf(1.5))
        ]
        times = float(heights[0] / heights[1] - 1)
    for gap in found:
        assert gap.floor == pytest.approx(18 * np.log(5), rel=1e-15)
        assert gap.height == pytest.approx(float(heights[0]), rel=8 * EPSILON / temperature)
        assert gap.value == pytest.approx(gap.floor + gap.height, rel=1e-15)
        if temperature >= 0.1:  # below, the certificate's own rounding may decide
            assert gap.relative_to_height == pytest.approx(times, rel=1e-6)
        assert gap.relative_to_height >= times * (1 - 1e-9)


def test_a_loss_far_above_the_optimum_is_said_in_terms_of_it():
    """Not 0.999 of itself: a thousand times the optimum."""
    sizes = [50, 20, 5]
    solution, y = solved(sizes, 0.001), np.array(labels_of(sizes))
    H = np.zeros((75, 3))
    H[:, 0] = np.where(np.arange(75) % 2, 1.0, -1.0)
    comparison = compare(H, y, solution)
    found = comparison.loss
    times = (found.value - solution.lower) / solution.lower
    assert times > 100
    assert found.relative_to_optimum == pytest.approx(times, rel=1e-9)
    assert found.relative_gap == pytest.approx((found.value - solution.lower) / found.value)
    assert f"at most {times:.3g} times the optimum" in comparison.table()
    record = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))["loss"]
    assert record["relative_to_optimum"] == found.relative_to_optimum
    assert {"gap", "floor", "height", "optimal_height", "relative_to_height"} <= set(record)


@pytest.mark.parametrize("control", [screlax.Ridge(0.05), *CONTROLS])
def test_levels_agree_where_classes_have_collapsed(control):
    sizes = [12, 7, 3, 5, 1]
    solution, y = solved(sizes, 0.5, control), np.array(labels_of(sizes))
    H = np.random.default_rng(0).standard_normal((5, 6))[y]
    samples, means = (
        compare(H, y, solution, loss=loss).loss for loss in ("samples", "class-means")
    )
    assert means.height == pytest.approx(samples.height, rel=1e-12)
    assert means.gap == pytest.approx(samples.gap, rel=1e-12)


def test_what_underflows_is_no_gap_of_zero():
    solution, y = solved([2, 2, 2], 0.001), np.array(labels_of([2, 2, 2]))
    comparison = compare(np.eye(3)[y], y, solution)
    assert comparison.loss.height == 0.0
    assert comparison.loss.gap > 0
    assert comparison.loss.relative_to_height == np.inf
    assert "any multiple of the optimum" in comparison.table()
    json.dumps(comparison.to_dict(), allow_nan=False)
