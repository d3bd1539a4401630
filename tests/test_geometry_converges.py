"""Right values are not enough: the Gram matrix equals that of a 60-digit solution as well."""

import numpy as np
import pytest
from kkt_reference import gram_error

from screlax import (
    UFM,
    Ball,
    Budget,
    Ridge,
    Solution,
    Sphere,
    fit_control,
    regularization_path,
    solve_relaxation,
)
from screlax.geometry import gram_distance as gram_distance_of
from screlax.gram.cells import Level
from screlax.proof.prove import prove_gram

SEVERAL = [3174, 2418, 69, 1849, 2]
TWO_LARGE = [2] * 7 + [679143] * 2
LONG_TAIL = [1000, 100, 10, 3]
ONE_GIANT = [195496494, 9, 7, 7, 9, 9, 2, 5]


def gram_distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).max() / np.abs(second).max())


@pytest.mark.parametrize(
    ("sizes", "control", "temperature"),
    [
        (SEVERAL, Budget(1.0), 0.0452649353),
        (TWO_LARGE, Sphere(1.0), 0.0277),
        (LONG_TAIL, Ball(1.0), 0.02),
        (LONG_TAIL, Sphere(1.0), 0.01),
        (LONG_TAIL, Budget(1.0), 0.02),
        (LONG_TAIL, Ridge(1e-9), 1.0),
    ],
)
def test_a_path_point_has_the_geometry_of_its_own_solution(sizes, control, temperature):
    path = regularization_path(UFM(sizes, control), temperatures=[0.5, 0.2, temperature])
    for point in path:
        alone = solve_relaxation(point.problem)
        assert gram_distance(point.class_gram, alone.class_gram) <= 1e-9
    assert gram_error(path[-1]) <= 1e-9


@pytest.mark.parametrize("control", [Budget(1.0), Sphere(1.0), Ball(1.0)])
def test_every_point_of_a_long_path_has_the_geometry_of_its_own_solution(control):
    strengths = np.geomspace(0.05, 100, 40)
    for point in regularization_path(UFM([500, 200, 50, 20, 5], control), strengths)[::3]:
        alone = solve_relaxation(point.problem)
        assert gram_distance(point.class_gram, alone.class_gram) <= 1e-9


@pytest.mark.parametrize(
    ("sizes", "control"),
    [
        (LONG_TAIL, Sphere(2000.0)),
        (LONG_TAIL, Ball(2000.0)),
        (LONG_TAIL, Budget(800.0)),
        (LONG_TAIL, Ridge(1e-140)),
        (ONE_GIANT, Budget(15.381)),
        (TWO_LARGE, Sphere(1e4)),
        (SEVERAL, Budget(500.0)),
    ],
    ids=["sphere", "ball", "budget", "ridge", "giant", "two-large", "several"],
)
def test_geometry_where_the_loss_is_at_its_floor_in_double_precision(sizes, control):
    solution = solve_relaxation(sizes, control)
    assert solution.status == "optimal"
    assert gram_error(solution) <= 1e-9


@pytest.mark.parametrize(
    ("sizes", "control"),
    [(LONG_TAIL, Sphere(2000.0)), (ONE_GIANT, Budget(15.381)), (TWO_LARGE, Sphere(36.1))],
    ids=["sphere", "giant", "two-large"],
)
def test_certifying_again_moves_nothing(sizes, control, tmp_path):
    solution = solve_relaxation(sizes, control)
    loaded = Solution.load(solution.save(tmp_path / "solution.npz"))
    assert np.array_equal(loaded.class_gram, solution.class_gram)
    for level in ("orbits", "classes"):
        again = loaded.recheck(level)
        assert again.relative_gap <= 1e-12
    proof = prove_gram(loaded.problem, Level.ORBITS, loaded.orbit_gram)
    assert np.array_equal(proof.gram.dense().pair, solution.orbit_gram.pair)


SEVEN = [100, 90, 80, 5, 4, 3, 1]


@pytest.mark.parametrize(
    ("sizes", "control"),
    [
        (SEVEN, Sphere(600.0)),
        (SEVEN, Ball(600.0)),
        (SEVEN, Budget(200.0)),
        (SEVEN, Budget(2e5)),
        ([8, 274245, 63, 1], Budget(249.436)),
        (SEVEN, Ridge(1e-100)),
        ([2, 1], Budget(20.0)),
        ([2, 1], Budget(400.0)),
        ([2] + [1] * 8, Budget(50.0)),
        ([2] + [1] * 3, Ridge(1e-140)),
        ([2, 2] + [1] * 5, Sphere(122.0)),
        ([2, 2] + [1] * 3, Ball(375.0)),
        ([2, 2, 1], Ball(375.0)),
        ([30, 3] + [1] * 7, Ridge(0.0019)),
        ([10**12, 3, 2, 1], Sphere(20.0)),
    ],
)
def test_geometry_with_singletons_where_the_value_says_little(sizes, control):
    solution = solve_relaxation(sizes, control)
    assert solution.status == "optimal"
    assert gram_error(solution, has_slack=False) <= 1e-9


def test_sizes_over_nine_decades_with_singletons():
    sizes = np.unique(np.geomspace(2, 1e9, 25).astype(int))
    solution = solve_relaxation([*sizes, 1, 1, 1], Budget(700.0))
    assert solution.status == "optimal"
    assert solution.value == pytest.approx(float(sizes @ np.log(sizes - 1.0)), rel=1e-14)
    norms = solution.orbit_gram.own
    assert solution.rank == 24  # noise would have full rank
    assert norms.max() < 4 * norms.min()


@pytest.mark.parametrize("control", [Ball(0.3), Sphere(0.3)])
def test_many_singletons_put_all_other_classes_on_the_opposite_point(control):
    threshold = 2 * 15 * np.exp(2 * 0.3)  # κ_0 ≥ 2 n_a e^{2ρ}, mathematics section 10
    for alone, opposite in ((int(threshold) + 1, True), (int(threshold), False)):
        solution = solve_relaxation([7, 5, 3] + [1] * alone, control)
        assert solution.status == "optimal"
        cosines = solution.orbit_gram.pair / 0.3
        assert (np.abs(cosines[:3, :3] - 1).max() <= 1e-12) == opposite
        assert cosines[:3, 3] == pytest.approx(-1.0, abs=1e-2)


@pytest.mark.parametrize(
    ("sizes", "control", "determined"),
    [
        (LONG_TAIL, Sphere(2000.0), False),
        (LONG_TAIL, Budget(800.0), False),
        (LONG_TAIL, Ridge(1e-60), False),
        (LONG_TAIL, Sphere(10.0), True),
        (LONG_TAIL, Ridge(0.01), True),
        (LONG_TAIL, Ridge(100.0), True),
        ([2, 1], Budget(29.3), True),
        ([4] * 50, Ball(1.0), True),
    ],
)
def test_a_solution_says_whether_its_value_determines_its_geometry(sizes, control, determined):
    solution = solve_relaxation(sizes, control)
    assert solution.status == "optimal"
    assert solution.value_determines_geometry == determined


def test_a_descent_says_where_the_value_does_not_determine_the_geometry():
    solution = solve_relaxation(LONG_TAIL, Sphere(2000.0), solver="burer-monteiro")
    assert solution.status == "optimal"
    assert not solution.value_determines_geometry
    assert np.abs(solution.class_gram[0, 1:]).max() < 0.5 * 2000 / 3  # not the geometry


def test_a_fitted_control_compares_with_the_geometries_of_single_solutions():
    tau = 0.0452649353
    target = solve_relaxation(SEVERAL, Budget(1.0), temperature=tau)
    vectors = target.embeddings().vectors
    fit = fit_control(vectors, range(5), "budget", temperature=tau, class_sizes=SEVERAL)
    assert fit.distance <= 1e-5
    assert fit.parameter == pytest.approx(1.0, rel=1e-5)
    for parameter, distance in zip(fit.parameters[::6], fit.distances[::6], strict=True):
        alone = solve_relaxation(SEVERAL, Budget(float(parameter)), temperature=tau)
        assert distance == pytest.approx(
            gram_distance_of(vectors @ vectors.T, alone.class_gram), abs=1e-8
        )
