"""The native solvers against the problem table, Clarabel, and the edges of their ranges."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from problems import CASES, assert_optimal, cases_of, every_case

from screlax import (
    UFM,
    Ball,
    Budget,
    InaccurateWarning,
    Ridge,
    Solution,
    Sphere,
    exponential,
    solve_relaxation,
)
from screlax.errors import InvalidInputError
from screlax.gram.curve import SlackVectorGram

WITHOUT_SINGLETONS = [case for case in CASES if min(case.sizes) > 1 and len(case.sizes) > 2]


@every_case()
@pytest.mark.parametrize("solver", ["native", "burer-monteiro"])
def test_every_problem_of_the_table_is_solved_and_proved(case, solver):
    solution = solve_relaxation(case.problem, solver=solver)
    assert solution.status == "optimal"
    assert solution.relative_gap <= 1e-9
    assert solution.value == pytest.approx(case.optimum, rel=1e-8)
    assert_optimal(case, solution.class_gram)


@every_case(WITHOUT_SINGLETONS)
def test_slack_vector_reaches_rounding_level(case):
    solution = solve_relaxation(case.problem, solver="slack-vector")
    certificate = solution.certificate
    assert certificate.gap <= 2 * certificate.rounding
    assert certificate.rounding <= 5e-14 * certificate.upper
    assert solution.solver == "slack-vector"


@every_case(cases_of("unsorted", "singletons", "step"))
@pytest.mark.parametrize("level", ["samples", "classes", "orbits"])
def test_levels_have_one_value(case, level):
    solution = solve_relaxation(case.problem, solver="native", level=level)
    assert solution.certificate.level == level
    assert solution.value == pytest.approx(case.optimum, rel=1e-8)
    assert solution.relative_gap <= 1e-9


def random_problem(seed: int, control) -> UFM:
    rng = np.random.default_rng(seed)
    sizes = np.floor(np.exp(rng.uniform(0, np.log(5000), rng.integers(3, 8)))).astype(int)
    sizes[0] = max(sizes[0], 2)
    return UFM(sizes, control, float(10 ** rng.uniform(-1, 0.5)))


@pytest.mark.parametrize("control", [Ridge(0.05), Sphere(1.0), Ball(2.0), Budget(0.7)], ids=str)
@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_clarabel_within_the_gaps(seed, control):
    problem = random_problem(seed, control)
    native = solve_relaxation(problem, solver="native")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InaccurateWarning)
        conic = solve_relaxation(problem, solver="Clarabel")
    rounding = 1e-13 * native.upper
    assert native.status == "optimal"
    assert native.lower <= conic.upper + rounding
    assert conic.lower <= native.upper + rounding


def test_relabelling_permutes_the_gram_matrix():
    sizes, order = np.array([90, 40, 40, 11, 3]), np.array([3, 0, 4, 2, 1])
    first = solve_relaxation(sizes, control=Ridge(0.02)).class_gram
    second = solve_relaxation(sizes[order], control=Ridge(0.02)).class_gram
    np.testing.assert_allclose(second, first[np.ix_(order, order)], atol=1e-12)


def test_only_strength_times_temperature_matters():
    sizes = [90, 40, 11, 3]
    cold = solve_relaxation(sizes, control=Ridge(0.2), temperature=0.1)
    warm = solve_relaxation(sizes, control=Ridge(0.02), temperature=1.0)
    assert cold.value == pytest.approx(warm.value, rel=1e-14)
    np.testing.assert_allclose(cold.class_gram, 0.1 * warm.class_gram, rtol=1e-12)


@pytest.mark.parametrize("sizes", [[100, 3, 2], [1000, 10, 7, 5, 3], [500, 4, 1, 1]])
@pytest.mark.parametrize("control", [Sphere(0.5), Ball(0.5)], ids=str)
def test_a_dominating_class_collapses_the_others_opposite_to_it(sizes, control):
    solution = solve_relaxation(sizes, control=control)
    side = np.where(np.arange(len(sizes)) == 0, 1.0, -1.0)
    assert solution.status == "optimal"
    assert solution.rank == 1
    np.testing.assert_allclose(solution.class_gram, 0.5 * np.outer(side, side), atol=1e-9)


@pytest.mark.parametrize("sizes", [[100, 3, 2], [1000, 10, 7, 5, 3]])
def test_no_collapse_at_a_low_temperature(sizes):
    solution = solve_relaxation(sizes, control=Sphere(4.0))
    assert solution.status == "optimal"
    assert solution.rank == len(sizes) - 1


def test_singletons_share_one_point():
    solution = solve_relaxation([20, 9, 4, 1, 1, 1], control=Ridge(0.1))
    gram = solution.class_gram
    np.testing.assert_allclose(gram[3:, 3:], gram[3, 3], atol=1e-10)
    assert solution.solver_message == "singleton Newton"


EXTREMES = [
    ([10**9, 10**6, 1000, 2], Ridge(1e-8)),
    ([10**9, 10**9, 5, 2, 2], Ridge(1.9)),
    ([10**9, 3, 2], Budget(100.0)),
    ([5_328_621, 7, 5], Ridge(4e-4)),
    ([10**7, 10**5, 10**3, 10, 3, 2], Sphere(100.0)),
    ([10**7, 10**5, 10**3, 10, 3, 2], Sphere(1e-2)),
    ([10**7, 10**5, 10**3, 10, 1, 1], Ball(30.0)),
    ([10**7, 10**5, 10**3, 10, 1, 1], Budget(1e-2)),
]


@pytest.mark.parametrize(("sizes", "control"), EXTREMES, ids=str)
def test_ends_of_the_ranges(sizes, control):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", InaccurateWarning)
        solution = solve_relaxation(sizes, control=control)
    assert (solution.status == "optimal") == (solution.relative_gap <= 1e-9)
    assert solution.status == "optimal"
    again = solution.recheck("classes")
    assert again.upper == pytest.approx(solution.upper, rel=1e-9)
    assert again.lower <= solution.upper * (1 + 1e-12)


def test_no_time_means_inaccurate_not_optimal():
    sizes = [*exponential(40, 10**6, 10**5), 1, 1]
    with pytest.warns(InaccurateWarning, match="gap"):
        solution = solve_relaxation(
            sizes, control=Budget(3.0), solver="burer-monteiro", time_limit=1e-6
        )
    assert solution.status == "inaccurate"
    assert solution.relative_gap > 1e-9


def test_slack_vector_refuses_singletons():
    with pytest.raises(InvalidInputError, match="at least two samples"):
        solve_relaxation([5, 3, 1], control=Ridge(0.1), solver="slack-vector")


def test_native_solvers_refuse_options():
    with pytest.raises(InvalidInputError, match="max_iters"):
        solve_relaxation([5, 3], control=Ridge(0.1), solver="native", max_iters=3)


def zipf(classes: int) -> tuple[np.ndarray, np.ndarray]:
    rank = np.arange(1, classes + 1)
    sizes = np.maximum(2, np.floor(20 * classes / rank**0.9)).astype(int)
    return np.unique(sizes, return_counts=True)


def test_a_hundred_thousand_classes(tmp_path):
    sizes, copies = zipf(100_000)
    solution = solve_relaxation(UFM.from_pairs(sizes, copies, Ridge(0.01)))
    assert solution.status == "optimal"
    assert solution.relative_gap <= 1e-12
    assert isinstance(solution.orbit_gram, SlackVectorGram)
    loaded = Solution.load(solution.save(tmp_path / "zipf.npz"))
    np.testing.assert_array_equal(loaded.orbit_gram.own, solution.orbit_gram.own)
    assert loaded.recheck().proves(1e-12)
    assert (tmp_path / "zipf.npz").stat().st_size < 500_000


def test_ten_million_classes_have_a_rank_without_a_matrix():
    sizes, copies = zipf(10_000_000)
    solution = solve_relaxation(UFM.from_pairs(sizes, copies, Ridge(0.01)))
    assert solution.status == "optimal"
    assert solution.rank == solution.problem.classes - 1
