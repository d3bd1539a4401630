"""The native solvers end to end: the table, Clarabel, symmetries, levels, extremes and scale."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import CASES, Case, assert_optimal, class_objective, every_case

import screlax.solution.spectrum
from screlax import (
    UFM,
    Ball,
    Budget,
    ClassSizes,
    InaccurateWarning,
    Ridge,
    Solution,
    Sphere,
    exponential,
    solve_relaxation,
)
from screlax.errors import InvalidInputError
from screlax.gram.curve import SlackVectorGram
from screlax.problem.constraints.base import controls_of

CONTROLS = controls_of(classifier=False)

names = st.sampled_from(sorted(CONTROLS))
seeds = st.integers(0, 2**32 - 1)
every_control = pytest.mark.parametrize("name", sorted(CONTROLS))
SAMPLE_CONTROLS = {
    "ridge": Ridge(0.2),
    "ball": Ball(1.4),
    "sphere": Sphere(1.1),
    "budget": Budget(0.9),
}


def with_parameter(sizes, name: str, temperature: float, share: float) -> UFM:
    """A problem at a share in [0, 1] of the documented range of its parameter."""
    problem = UFM(sizes, Ridge(1.0), temperature)
    if name == "ridge":
        low, high = 1e-8 / temperature, problem.zero_threshold()
    else:
        low, high = 1e-2 * temperature, 1e2 * temperature
    return UFM(sizes, CONTROLS[name](float(low * (high / low) ** share)), temperature)


def small_problem(rng: np.random.Generator, name: str) -> UFM:
    sizes = np.floor(np.exp(rng.uniform(0, 5, rng.integers(2, 7)))).astype(int)
    sizes[rng.integers(len(sizes))] += 1
    return with_parameter(sizes, name, float(10 ** rng.uniform(-1, 1)), rng.uniform(0.4, 0.9))


def as_case(solution: Solution) -> Case:
    problem = solution.problem
    sizes = tuple(int(size) for size in problem.class_sizes)
    return Case("", sizes, problem.control, problem.temperature, solution.value)


def solve(problem: UFM, **options) -> Solution:
    """Solve with every warning an error but the one that says inaccurate, which must be true."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        warnings.simplefilter("always", InaccurateWarning)
        solution = solve_relaxation(problem, **options)
    assert len(caught) == (solution.status != "optimal")
    assert (solution.status == "optimal") == (solution.relative_gap <= solution.tol)
    return solution


# ----------------------------------------------------------------- the table


@every_case()
@pytest.mark.parametrize("solver", ["native", "burer-monteiro"])
def test_every_problem_of_the_table_is_solved_and_proved(case, solver):
    solution = solve(case.problem, solver=solver)
    assert solution.relative_gap <= 1e-9
    assert solution.value == pytest.approx(case.optimum, rel=1e-8)
    assert_optimal(case, solution.class_gram)


@every_case([case for case in CASES if min(case.sizes) > 1 and len(case.sizes) > 2])
def test_slack_vector_reaches_rounding_level(case):
    solution = solve(case.problem, solver="slack-vector")
    certificate = solution.certificate
    assert certificate.gap <= 2 * certificate.rounding
    assert certificate.rounding <= 5e-14 * certificate.upper
    assert certificate.primal_min_eigenvalue == 0  # of the slack vector
    assert solution.solver == "slack-vector"


def test_singletons_share_one_point():
    solution = solve(UFM([20, 9, 4, 1, 1, 1], Ridge(0.1)))
    gram = solution.class_gram
    np.testing.assert_allclose(gram[3:, 3:], gram[3, 3], atol=1e-10)
    assert solution.solver_message == "singleton Newton"


def test_no_time_means_inaccurate_not_optimal():
    problem = UFM([*exponential(40, 10**6, 10**5), 1, 1], Budget(3.0))
    with pytest.warns(InaccurateWarning, match="gap"):
        solution = solve_relaxation(problem, solver="burer-monteiro", time_limit=1e-6)
    assert solution.status == "inaccurate"
    assert solution.relative_gap > 1e-9


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ([5, 3, 1], {"solver": "slack-vector"}, "at least two samples"),
        ([5, 3], {"solver": "native", "max_iters": 3}, "max_iters"),
    ],
)
def test_native_solvers_refuse_what_they_cannot_do(sizes, options, message):
    with pytest.raises(InvalidInputError, match=message):
        solve_relaxation(sizes, control=Ridge(0.1), **options)


# ----------------------------------------------------------------- Clarabel and optimality


@settings(max_examples=24)
@given(names, seeds)
def test_native_and_clarabel_agree_within_their_gaps(name, seed):
    problem = small_problem(np.random.default_rng(seed), name)
    native = solve(problem, solver="native")
    conic = solve(problem, solver="Clarabel", level="orbits")
    rounding = 1e-13 * native.upper
    assert native.status == "optimal"
    assert native.lower <= conic.upper + rounding
    assert conic.lower <= native.upper + rounding


@given(names, seeds)
def test_native_solutions_satisfy_the_optimality_conditions(name, seed):
    problem = small_problem(np.random.default_rng(seed), name)
    solution = solve(problem, solver="native")
    assert solution.status == "optimal"
    assert class_objective(as_case(solution), solution.class_gram) == pytest.approx(
        solution.value, rel=1e-9
    )
    assert_optimal(as_case(solution), solution.class_gram, 1e-4)


# ----------------------------------------------------------------- symmetries


@settings(max_examples=25)
@given(names, seeds)
def test_relabelling_the_classes_permutes_the_gram_matrix(name, seed):
    rng = np.random.default_rng(seed)
    problem = small_problem(rng, name)
    order = rng.permutation(problem.classes)
    moved = UFM(np.array(problem.class_sizes)[order], problem.control, problem.temperature)
    first, second = solve(problem, solver="native"), solve(moved, solver="native")
    assert second.value == pytest.approx(first.value, rel=1e-13)
    gram = first.class_gram
    assert np.abs(second.class_gram - gram[np.ix_(order, order)]).max() <= 1e-9 * max(
        1.0, np.abs(gram).max()
    )


@settings(max_examples=25)
@given(names, seeds, st.floats(-2, 2))
def test_temperature_scales_out(name, seed, exponent):
    problem = small_problem(np.random.default_rng(seed), name)
    factor = 10**exponent
    power = -1 if name == "ridge" else 1
    control = problem.control.with_parameter(problem.control.parameter * factor**power)
    scaled = UFM(problem.class_sizes, control, problem.temperature * factor)
    first, second = solve(problem, solver="native"), solve(scaled, solver="native")
    assert second.value == pytest.approx(first.value, rel=1e-10)
    gram = factor * first.class_gram
    assert np.abs(second.class_gram - gram).max() <= 1e-5 * max(1e-12, np.abs(gram).max())


@settings(max_examples=15)
@given(names, seeds)
def test_levels_agree(name, seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, rng.integers(2, 6))
    sizes[0] += 1
    problem = with_parameter(sizes, name, 0.7, rng.uniform(0.5, 0.9))
    orbits, classes, samples = (
        solve(problem, solver="native", level=level) for level in ("orbits", "classes", "samples")
    )
    for level, other in (("classes", classes), ("samples", samples)):
        assert other.certificate.level == level
        assert other.status == "optimal"
        assert other.value == pytest.approx(orbits.value, rel=1e-10)
        gram = orbits.class_gram
        assert np.abs(other.class_gram - gram).max() <= 1e-6 * max(1.0, np.abs(gram).max())


@every_control
def test_counts_pairs_and_class_sizes_are_one_problem(name):
    control = SAMPLE_CONTROLS[name]
    listed = solve(UFM([9, 4, 9, 4, 2, 1, 1], control))
    paired = solve(UFM.from_pairs([1, 2, 4, 9], [2, 1, 2, 2], control))
    assert listed.value == pytest.approx(paired.value, rel=1e-14)
    assert np.array_equal(listed.orbit_gram.own, paired.orbit_gram.own)


# ----------------------------------------------------------------- extreme ranges


EXTREME_SIZES = {
    "billion": [10**9, 10**9, 10**6, 1000, 2],
    "billion-two": [10**9, 2],
    "billion-singletons": [10**9, 10**5, 30, 1, 1],
    "many-equal": [10**6] * 5 + [2] * 5,
    "singletons": [3, 1, 1, 1, 1],
    "wide": [int(3**power) for power in range(1, 19)],
}


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 0.98, 1.0])
@every_control
@pytest.mark.parametrize("sizes", EXTREME_SIZES.values(), ids=EXTREME_SIZES)
def test_extreme_problems_are_optimal_or_warn(sizes, name, share):
    problem = with_parameter(sizes, name, 0.1, share)
    solution = solve(problem)
    again = solution.recheck("classes")
    assert again.level == "classes"
    if solution.status == "optimal":
        assert again.upper == pytest.approx(solution.upper, rel=1e-8)
        assert again.lower <= solution.upper * (1 + 1e-9)
        assert abs(again.relative_gap) <= 1e-6  # rounding of eigenvalues at the larger level
    gram = solution.class_gram
    assert np.isfinite(gram).all()
    assert np.array_equal(gram, gram.T)
    assert np.linalg.eigvalsh(gram)[0] >= -1e-9 * max(np.abs(gram).max(), 1e-300)


@pytest.mark.parametrize(
    ("sizes", "control"),
    [
        ([10**9, 10**6, 1000, 2], Ridge(1e-8)),
        ([10**9, 10**9, 5, 2, 2], Ridge(1.9)),
        ([10**9, 3, 2], Budget(100.0)),
        ([5_328_621, 7, 5], Ridge(4e-4)),
        ([10**7, 10**5, 10**3, 10, 3, 2], Sphere(100.0)),
        ([10**7, 10**5, 10**3, 10, 3, 2], Sphere(1e-2)),
        ([10**7, 10**5, 10**3, 10, 1, 1], Ball(30.0)),
        ([10**7, 10**5, 10**3, 10, 1, 1], Budget(1e-2)),
    ],
    ids=str,
)
def test_ends_of_the_ranges_are_optimal(sizes, control):
    solution = solve(UFM(sizes, control))
    assert solution.status == "optimal"
    again = solution.recheck("classes")
    assert again.upper == pytest.approx(solution.upper, rel=1e-9)
    assert again.lower <= solution.upper * (1 + 1e-12)


@settings(max_examples=40)
@given(names, seeds)
def test_random_extreme_problems_are_never_optimal_by_mistake(name, seed):
    rng = np.random.default_rng(seed)
    sizes = np.floor(np.exp(rng.uniform(0, np.log(1e9), rng.integers(2, 9)))).astype(int)
    sizes[0] += 1
    if rng.random() < 0.3:
        sizes[1:][rng.random(len(sizes) - 1) < 0.5] = 1
    problem = with_parameter(sizes, name, float(10 ** rng.uniform(-2, 1)), rng.uniform())
    solution = solve(problem, time_limit=2)
    again = solution.recheck("classes")
    assert again.lower <= solution.upper * (1 + 1e-9)
    assert again.upper == pytest.approx(solution.upper, rel=1e-6)
    if solution.status == "optimal":
        value = class_objective(as_case(solution), solution.class_gram)
        assert value == pytest.approx(solution.value, rel=1e-6)


@pytest.mark.parametrize("temperature", [1e-6, 1e-3, 1e3, 1e6])
@every_control
def test_extreme_temperatures(name, temperature):
    solution = solve(with_parameter([90, 30, 30, 4, 2], name, temperature, 0.6))
    assert solution.status == "optimal"
    plain = solve(with_parameter([90, 30, 30, 4, 2], name, 1.0, 0.6))
    assert solution.value == pytest.approx(plain.value, rel=1e-6 if name == "ridge" else 1e-10)


# ----------------------------------------------------------------- minority collapse


DOMINATED = {"three": [100, 3, 2], "five": [1000, 10, 7, 5, 3]}
dominated = pytest.mark.parametrize("sizes", DOMINATED.values(), ids=DOMINATED)


@pytest.mark.parametrize("ratio", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("control", [Ball, Sphere])
@pytest.mark.parametrize("sizes", [*DOMINATED.values(), [500, 4, 1, 1], [500, 4, 3, 1, 1]], ids=str)
def test_minorities_collapse_onto_one_point_opposite_the_majority(sizes, control, ratio):
    radius = 0.7 * ratio
    solution = solve(UFM(sizes, control(radius), 0.7))
    assert solution.status == "optimal"
    assert solution.rank == 1
    assert solution.solver_message == "closed form: two opposite points"
    side = np.array([1.0] + [-1.0] * (len(sizes) - 1))
    assert np.abs(solution.class_gram - radius * np.outer(side, side)).max() <= 1e-9 * radius
    assert abs(solution.recheck("classes").relative_gap) <= 1e-9


@pytest.mark.parametrize("ratio", [2.0, 5.0, 20.0])
@pytest.mark.parametrize("control", [Ball, Sphere])
@dominated
def test_at_low_temperature_no_minorities_collapse(sizes, control, ratio):
    solution = solve(UFM(sizes, control(0.7 * ratio), 0.7))
    assert solution.status == "optimal"
    assert solution.rank == len(sizes) - 1
    assert_optimal(as_case(solution), solution.class_gram, 1e-6)


@pytest.mark.parametrize("ratio", np.linspace(0.9, 2.0, 12).round(2))
@dominated
def test_between_the_regimes(sizes, ratio):
    """Some minorities have collapsed and some have not: certified all the same."""
    solution = solve(UFM(sizes, Sphere(float(ratio))))
    assert solution.status == "optimal"
    assert 1 <= solution.rank <= len(sizes) - 1
    assert_optimal(as_case(solution), solution.class_gram, 1e-4)


# ----------------------------------------------------------------- scale


def zipf(classes: int) -> np.ndarray:
    rank = np.arange(1, classes + 1, dtype=float)
    return np.maximum(2, np.floor(20 * classes / rank**0.9)).astype(np.int64)


@pytest.fixture(scope="module")
def hundred_thousand() -> Solution:
    return solve(UFM(zipf(100_000), Ridge(0.01), 0.5))


def test_a_hundred_thousand_classes_are_certified(hundred_thousand):
    solution = hundred_thousand
    assert solution.problem.classes == 100_000
    assert solution.status == "optimal"
    assert solution.relative_gap <= 1e-12
    assert isinstance(solution.orbit_gram, SlackVectorGram)
    assert solution.problem.class_sizes.orbits > 3000


def test_rank_of_a_hundred_thousand_classes(hundred_thousand):
    """By structure; the spectrum of 4074 distinct sizes takes a quarter of a minute."""
    assert hundred_thousand.rank == 99_999


def test_the_spectrum_of_ten_thousand_classes_has_that_rank(monkeypatch):
    monkeypatch.setattr(screlax.solution.spectrum, "_DENSE_SPECTRUM", 5000)
    solution = solve(UFM(zipf(10_000), Ridge(0.01), 0.5))
    assert solution.problem.class_sizes.orbits < screlax.solution.spectrum._DENSE_SPECTRUM
    assert solution.rank == 9_999


def test_pairs_give_the_same_in_little_memory(hundred_thousand):
    sizes, copies = np.unique(zipf(100_000), return_counts=True)
    tracemalloc.start()
    try:
        solution = solve(UFM.from_pairs(sizes, copies, Ridge(0.01), 0.5))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert solution.status == "optimal"
    assert solution.value == pytest.approx(hundred_thousand.value, rel=1e-13)
    assert np.array_equal(solution.orbit_gram.own, hundred_thousand.orbit_gram.own)
    assert peak < 300e6


def test_save_load_and_recheck_of_a_hundred_thousand_classes(hundred_thousand, tmp_path):
    loaded = Solution.load(hundred_thousand.save(tmp_path / "zipf.npz"))
    assert loaded.problem == hundred_thousand.problem
    assert loaded.value == hundred_thousand.value
    for field in ("unit_own", "centre", "log_normalizer", "log_slack", "copies"):
        stored = getattr(loaded.orbit_gram, field)
        assert np.array_equal(stored, getattr(hundred_thousand.orbit_gram, field))
    again = loaded.recheck()
    assert again.proves(1e-12)
    assert again.upper == pytest.approx(hundred_thousand.upper, rel=1e-12)
    assert (tmp_path / "zipf.npz").stat().st_size < 500_000


def test_rows_of_the_gram_matrix_follow_the_formula(hundred_thousand):
    gram, temperature = hundred_thousand.orbit_gram, 0.5
    some = np.array([0, 17, len(gram.own) - 1])
    rows = gram.rows(some)
    assert rows.shape == (3, len(gram.own))
    for row, g in zip(rows, some.tolist(), strict=True):
        half = (gram.log_normalizer[g] - gram.log_normalizer) / 2
        formula = gram.centre[g] + gram.centre - np.log(np.cosh(half))
        formula *= temperature
        if gram.copies[g] == 1:
            formula[g] = gram.own[g]
        assert np.abs(row - formula).max() <= 1e-12 * np.abs(formula).max()
    smallest = len(gram.own) - 1
    assert gram.copies[smallest] > 1
    assert gram.rows(np.array([smallest]))[0, smallest] == pytest.approx(
        2 * temperature * gram.centre[smallest], abs=1e-12
    )


def test_rows_satisfy_stationarity_at_scale(hundred_thousand):
    """Softmax rows recomputed from `rows`: S = v vᵀ has the rank one that the proof claims."""
    sizes, gram = hundred_thousand.problem.class_sizes, hundred_thousand.orbit_gram
    size, copies = sizes.distinct.astype(float), sizes.multiplicities.astype(float)
    some = np.array([0, 5, 300, len(size) - 1])
    pair, own = gram.rows(some) / 0.5, gram.own[some] / 0.5
    weight = np.tile(copies * size, (len(some), 1))
    weight[np.arange(len(some)), some] -= size[some]
    normalizer = (weight * np.exp(pair)).sum(axis=1) + (size[some] - 1) * np.exp(own)
    assert np.log(normalizer) == pytest.approx(gram.log_normalizer[some], rel=1e-10)
    slack = np.exp(gram.centre - gram.log_normalizer / 2) * size
    kernel = (pair * copies * slack).sum(axis=1) - pair[np.arange(4), some] * slack[some]
    assert np.abs(kernel + own * slack[some]).max() <= 1e-9 * (copies @ slack)
    on_itself = (size[some] - 1) * np.exp(own) / normalizer
    assert on_itself == pytest.approx(1 - 0.01 * 0.5 / 2 + slack[some] ** 2 / size[some], rel=1e-9)


@every_control
def test_every_control_at_ten_thousand_classes(name):
    sizes, copies = np.unique(zipf(10_000), return_counts=True)
    parameter = 0.05 if name == "ridge" else 3.0
    control = SAMPLE_CONTROLS[name].with_parameter(parameter)
    solution = solve(UFM.from_pairs(sizes, copies, control))
    assert solution.status == "optimal"
    assert isinstance(solution.orbit_gram, SlackVectorGram)
    if name in ("ball", "sphere"):
        assert (solution.orbit_gram.own == 3.0).all()


def test_class_sizes_of_pairs_stay_small():
    sizes = ClassSizes.from_pairs([5, 3], [10**7, 10**7])
    assert sizes.orbit_of_class is None
    solution = solve(UFM(sizes, Ridge(0.3)))
    assert solution.status == "optimal"
    assert math.isfinite(solution.value)
    assert solution.rank == 2 * 10**7 - 1


def test_ten_million_classes_have_a_rank_without_a_matrix():
    sizes, copies = np.unique(zipf(10_000_000), return_counts=True)
    solution = solve(UFM.from_pairs(sizes, copies, Ridge(0.01)))
    assert solution.status == "optimal"
    assert solution.rank == solution.problem.classes - 1
