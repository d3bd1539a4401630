"""Regularisation paths: every point certified, and equal to a solution of its own."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import CASE, Case, assert_optimal

from screlax import (
    UFM,
    Ball,
    Budget,
    InaccurateWarning,
    Ridge,
    Solution,
    Sphere,
    path_table,
    profile,
    regularization_path,
    solve_relaxation,
)
from screlax.errors import InvalidInputError
from screlax.geometry import gram_distance
from screlax.gram.curve import SlackVectorGram
from screlax.problem.constraints.base import controls_of

CONTROLS = controls_of(classifier=False)

SIZES = (300, 110, 110, 40, 15, 6, 6, 2)
WIDE = tuple(int(size) for size in np.geomspace(2, 5000, 45).round())
SAMPLES = {"ridge": Ridge(0.2), "ball": Ball(1.4), "sphere": Sphere(1.1), "budget": Budget(0.9)}
every_control = pytest.mark.parametrize("control", SAMPLES.values(), ids=SAMPLES)
every_profile = pytest.mark.parametrize("sizes", [SIZES, WIDE], ids=["eight", "wide"])
COLUMNS = [
    *("parameter", "temperature", "value", "mean_value"),
    *("trace", "gap", "relative_gap", "rounding", "norm_largest", "norm_smallest"),
]


def strengths_of(control, count: int) -> np.ndarray:
    """Values at which the slack has rank one, in no order."""
    grid = (
        np.geomspace(1e-4, 1.5, count) if isinstance(control, Ridge) else np.linspace(3, 12, count)
    )
    return np.random.default_rng(count).permutation(grid)


def assert_equal_to_its_own_solution(point: Solution, accuracy: float = 1e-6) -> None:
    """Same value to 1e-12; Gram matrices agree to the square root of that.

    The default is what a gap of 1e-13 leaves undetermined.
    """
    alone = solve_relaxation(point.problem)
    assert point.status == alone.status == "optimal"
    assert point.value == pytest.approx(alone.value, rel=1e-12)
    gram, expected = point.class_gram, alone.class_gram
    assert np.abs(gram - expected).max() <= accuracy * max(1.0, np.abs(expected).max())


# ----------------------------------------------------------------- points and their solutions


@pytest.mark.parametrize("count", [1, 5, 40])
@every_profile
@every_control
def test_every_point_equals_a_solution_of_its_own(control, sizes, count):
    wanted = strengths_of(control, count)
    path = regularization_path(UFM(sizes, control, 0.8), wanted)
    assert [point.problem.control for point in path] == [
        control.with_parameter(float(value)) for value in wanted
    ]
    assert max(point.relative_gap for point in path) <= 1e-12
    for point in path[:: max(1, count // 8)]:
        assert_equal_to_its_own_solution(point)
        assert point.problem.temperature == 0.8


@every_profile
@pytest.mark.parametrize("control", [Ridge(0.2), Budget(0.9)], ids=["ridge", "budget"])
def test_gram_matrices_agree_to_seven_digits(control, sizes):
    for point in regularization_path(UFM(sizes, control, 0.8), strengths_of(control, 5)):
        assert_equal_to_its_own_solution(point, 1e-7)


@every_profile
@pytest.mark.parametrize("control", [Ball(1.4), Sphere(1.1)], ids=["ball", "sphere"])
def test_gram_matrices_on_a_ball_or_sphere_agree_to_seven_digits(control, sizes):
    for point in regularization_path(UFM(sizes, control, 0.8), strengths_of(control, 5)):
        assert_equal_to_its_own_solution(point, 1e-7)


@every_control
def test_path_over_temperatures(control):
    wanted = np.random.default_rng(0).permutation(np.geomspace(0.02, 0.25, 25))
    path = regularization_path(UFM(SIZES, control), temperatures=wanted)
    assert [point.problem.temperature for point in path] == wanted.tolist()
    assert all(point.problem.control == control for point in path)
    for point in path[::5]:
        assert_equal_to_its_own_solution(point)


@settings(max_examples=20)
@given(st.sampled_from(sorted(CONTROLS)), st.integers(0, 2**32 - 1))
def test_random_paths(name, seed):
    rng = np.random.default_rng(seed)
    sizes = np.floor(np.exp(rng.uniform(np.log(2), 9, rng.integers(3, 12)))).astype(int)
    count = int(rng.integers(1, 40))
    problem = UFM(sizes, SAMPLES[name], float(10 ** rng.uniform(-1, 1)))
    if name == "ridge":
        top = UFM(sizes, SAMPLES[name], problem.temperature).zero_threshold()
        wanted = top * 10 ** rng.uniform(-6, 0.1, count)
    else:
        wanted = problem.temperature * 10 ** rng.uniform(-1, 1.5, count)
    path = regularization_path(problem, wanted)
    assert [point.problem.control.parameter for point in path] == wanted.tolist()
    for point in path:
        assert point.status == "optimal"
    for point in path[:3]:
        alone = solve_relaxation(point.problem)
        assert point.value == pytest.approx(alone.value, rel=1e-9)


@every_control
def test_points_are_optimal_by_the_independent_conditions(control):
    for point in regularization_path(UFM(SIZES, control), strengths_of(control, 25))[::6]:
        case = Case("", SIZES, point.problem.control, 1.0, point.value)
        assert_optimal(case, point.class_gram, 1e-7)
        assert abs(point.recheck("classes").relative_gap) <= 1e-9


@pytest.mark.parametrize("name", ["ridge", "ball", "sphere", "budget"])
def test_a_path_through_the_problem_table(name):
    case = CASE[f"long-tailed/{name}"]
    wanted = [2 * case.control.parameter, case.control.parameter]
    path = regularization_path(case.problem, wanted)
    assert path[1].value == pytest.approx(case.optimum, rel=1e-10)


@every_control
def test_values_are_monotone_along_a_path(control):
    grid = np.sort(strengths_of(control, 60))
    values = [point.value for point in regularization_path(UFM(SIZES, control), grid)]
    differences = np.diff(values)
    assert (differences > 0).all() if isinstance(control, Ridge) else (differences < 0).all()


# ----------------------------------------------------------------- the zero solution, defaults


def test_the_default_ridge_path_starts_at_exactly_zero():
    path = regularization_path(UFM(SIZES, Ridge(1.0), 0.3))
    assert len(path) == 100
    top = path[0].problem.zero_threshold()
    assert path[0].problem.control.strength == pytest.approx(top, rel=1e-14)
    assert path[0].class_gram.tolist() == np.zeros((8, 8)).tolist()
    assert path[0].gap <= 2 * path[0].certificate.rounding <= 1e-14 * path[0].value
    assert all(point.class_gram.any() for point in path[1:])
    strengths = np.array([point.problem.control.strength for point in path])
    assert strengths == pytest.approx(np.geomspace(top, top / 1e6, 100))
    assert all(point.relative_gap <= 1e-12 for point in path)
    for point in path[1::20]:
        assert_equal_to_its_own_solution(point)


@pytest.mark.parametrize("share", [1.0, 1.5, 1e6])
def test_strengths_above_the_threshold_are_zero_within_a_path(share):
    problem = UFM(SIZES, Ridge(1.0))
    top = problem.zero_threshold()
    path = regularization_path(problem, [0.5 * top, share * top, 0.01 * top])
    assert not path[1].class_gram.any()
    assert path[0].class_gram.any()
    assert path[2].class_gram.any()
    assert [point.status for point in path] == ["optimal"] * 3


def test_a_path_of_nothing_but_zeros():
    path = regularization_path(UFM(SIZES, Ridge(1.0)), [5.0, 7.0])
    assert [point.class_gram.any() for point in path] == [False, False]


def test_just_below_the_threshold_the_solution_is_small_and_certified():
    problem = UFM(SIZES, Ridge(1.0))
    top = problem.zero_threshold()
    path = regularization_path(problem, top * (1 - np.geomspace(1e-9, 1e-2, 30)))
    norms = [float(np.abs(point.class_gram).max()) for point in path]
    assert norms == sorted(norms)
    assert norms[0] <= 1e-6
    assert all(point.relative_gap <= 1e-12 for point in path)


@every_control
def test_the_default_path_of_a_long_tail_needs_no_descent(control):
    path = regularization_path(UFM(profile("imagenet-lt"), control))
    assert len(path) == 100
    assert {point.solver_reason for point in path if point.point_gram.own.any()} == {"path"}
    assert {point.solver_message for point in path[1:]} == {"slack-vector Newton"}
    assert all(point.relative_gap <= 1e-13 for point in path)


@pytest.mark.parametrize("control", [Ball(1.0), Sphere(1.0), Budget(1.0)], ids=str)
def test_the_default_path_of_a_radius(control):
    path = regularization_path(UFM((60, 30, 12, 5), control, 0.3), points=25)
    radii = [point.problem.control.parameter for point in path]
    assert radii == pytest.approx(np.geomspace(0.003, 3.0, 25))
    assert all(point.status == "optimal" for point in path)


# ----------------------------------------------------------------- order, repetition, other regimes


@every_control
def test_points_come_in_the_order_given_also_twice(control):
    grid = strengths_of(control, 20)
    wanted = np.concatenate([grid, grid[:3], grid[5:6]])
    path = regularization_path(UFM(SIZES, control), wanted)
    assert [point.problem.control.parameter for point in path] == wanted.tolist()
    for first, again in ((0, 20), (1, 21), (2, 22), (5, 23)):
        assert path[first].value == pytest.approx(path[again].value, rel=1e-14)
        assert np.abs(path[first].class_gram - path[again].class_gram).max() <= 1e-10


@every_control
def test_a_path_of_one_repeated_point(control):
    path = regularization_path(UFM(SIZES, control), [control.parameter * 4] * 30)
    assert len({round(point.value, 9) for point in path}) == 1
    assert path[0].status == "optimal"


@every_control
def test_paths_with_singletons_are_solved_point_by_point(control):
    path = regularization_path(
        UFM((40, 12, 5, 1, 1), control, 0.5), control.parameter * np.array([0.3, 1.0, 2.0])
    )
    for point in path:
        assert point.status == "optimal"
        assert not isinstance(point.orbit_gram, SlackVectorGram)
        assert_equal_to_its_own_solution(point)


def test_a_path_through_the_collapse_of_minorities():
    wanted = np.geomspace(0.1, 10, 24)
    path = regularization_path(UFM((1000, 10, 7, 5, 3), Sphere(1.0)), wanted)
    ranks = [point.rank for point in path]
    assert all(point.status == "optimal" for point in path)
    assert ranks[0] == 1
    assert ranks[-1] == 4
    assert ranks == sorted(ranks)


def test_points_beside_one_without_a_root_are_proved_truly():
    """Their bounds were wrong by 1e-5: the point that broke down chose the nodes for all."""
    problem = UFM(profile("reuters46"), Ridge(1.0), loss="supcon:class_weights=balanced")
    without = problem.zero_threshold() / 2
    path = regularization_path(problem, [without, 0.08, 0.05, 0.03])
    assert [point.solver_reason == "path" for point in path] == [False, True, True, True]
    for point in path[1:]:
        alone = solve_relaxation(point.problem).certificate
        slack = 1e-13 * point.value
        assert point.certificate.lower - slack <= alone.upper
        assert alone.lower <= point.certificate.upper + slack


def test_labels_stay_with_the_problem():
    problem = UFM.from_labels(list("aaaaabbbcc"), Ridge(0.1))
    path = regularization_path(problem, [0.1, 0.2])
    assert [point.problem.class_labels for point in path] == [("a", "b", "c")] * 2


def test_the_tolerance_is_passed_on():
    path = regularization_path(UFM(SIZES, Ridge(0.1)), [0.1, 0.2], tol=1e-3)
    assert [point.tol for point in path] == [1e-3] * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InaccurateWarning)
        path = regularization_path(UFM(SIZES, Ridge(0.1)), [0.1, 0.2], tol=1e-300)
    assert [point.tol for point in path] == [1e-300] * 2
    for point in path:
        assert (point.status == "optimal") == (point.relative_gap <= 1e-300)


# ----------------------------------------------------------------- table


def test_columns_of_the_table():
    path = regularization_path(UFM(SIZES, Ridge(1.0), 0.5), [2.5, 0.1, 1.0])
    table = path_table(path)
    assert list(table) == COLUMNS
    assert {column.shape for column in table.values()} == {(3,)}
    assert table["parameter"].tolist() == [2.5, 0.1, 1.0]
    assert table["temperature"].tolist() == [0.5] * 3
    assert table["value"].tolist() == [point.value for point in path]
    assert table["gap"].tolist() == [point.gap for point in path]
    assert table["relative_gap"].tolist() == [point.relative_gap for point in path]
    assert table["mean_value"] == pytest.approx(table["value"] / sum(SIZES))
    sizes = np.array(SIZES)
    for number, point in enumerate(path):
        norms = np.diagonal(point.class_gram)
        assert table["trace"][number] == pytest.approx(sizes @ norms, rel=1e-12)
        assert table["norm_largest"][number] == pytest.approx(np.sqrt(norms[0]))
        assert table["norm_smallest"][number] == pytest.approx(np.sqrt(norms[-1]))


def test_table_of_temperatures_with_singletons():
    path = regularization_path(UFM((9, 6, 4, 1), Sphere(2.0)), temperatures=[0.5, 0.7])
    table = path_table(path)
    assert table["temperature"].tolist() == [0.5, 0.7]
    assert table["mean_value"] == pytest.approx(table["value"] / 19)
    assert table["norm_smallest"] == pytest.approx(np.sqrt([2.0, 2.0]))


def test_an_empty_table_has_the_columns():
    assert {name: column.size for name, column in path_table([]).items()} == dict.fromkeys(
        COLUMNS, 0
    )


# ----------------------------------------------------------------- bad input


def test_strengths_and_temperatures_together():
    with pytest.raises(InvalidInputError, match="not both"):
        regularization_path(UFM(SIZES, Ridge(1.0)), [1.0], temperatures=[1.0])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_values_that_are_no_parameter(bad):
    problem = UFM(SIZES, Ridge(1.0))
    with pytest.raises(InvalidInputError, match=r"strengths must be positive and finite"):
        regularization_path(problem, [0.5, bad])
    with pytest.raises(InvalidInputError, match=r"temperatures must be positive and finite"):
        regularization_path(problem, temperatures=[0.5, bad])


@pytest.mark.parametrize("bad", [[], np.empty((0, 3))])
def test_no_values(bad):
    with pytest.raises(InvalidInputError, match="got none"):
        regularization_path(UFM(SIZES, Ridge(1.0)), bad)


@pytest.mark.parametrize("points", [1, 0, -5])
def test_too_few_points(points):
    with pytest.raises(InvalidInputError, match=f"from 2 to 1,000,000, got {points}"):
        regularization_path(UFM(SIZES, Ridge(1.0)), points=points)


@pytest.mark.parametrize("bad", ["much", ["a"], 1j])
def test_values_that_are_no_numbers(bad):
    with pytest.raises(InvalidInputError, match="strengths"):
        regularization_path(UFM(SIZES, Ridge(1.0)), bad)


@pytest.mark.parametrize("bad", [2.5, "10", True])
def test_points_that_are_no_whole_number(bad):
    with pytest.raises(InvalidInputError, match="points"):
        regularization_path(UFM(SIZES, Ridge(1.0)), points=bad)


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_bad_tolerance(bad):
    with pytest.raises(InvalidInputError, match="tol"):
        regularization_path(UFM(SIZES, Ridge(1.0)), [0.1], tol=bad)


@pytest.mark.parametrize("bad", ["small", np.inf, True])
def test_bad_tolerance_that_solve_relaxation_refuses(bad):
    with pytest.raises(InvalidInputError, match="tol"):
        regularization_path(UFM(SIZES, Ridge(1.0)), [0.1], tol=bad)


def test_a_single_number_is_a_path_of_one_point():
    path = regularization_path(UFM(SIZES, Ridge(1.0)), 0.2)
    assert [point.problem.control.strength for point in path] == [0.2]


@pytest.mark.parametrize("control", [Budget(1.0), Sphere(1.0)])
def test_a_path_to_bounds_far_beyond_the_temperature(control):
    """The multiplier of a budget underflows there: no warning, and every point certified."""
    problem = UFM([60, 20, 6, 3], control, 0.5)
    path = regularization_path(problem, strengths=np.geomspace(5e-4, 500, 61))
    assert all(member.status == "optimal" for member in path)


# ----------------------------------------------------------------- the same bits every time


@pytest.mark.parametrize("control", [*SAMPLES.values(), Sphere(4.0)], ids=[*SAMPLES, "long sphere"])
def test_the_same_path_has_the_same_bits(control):
    first, second = (path_table(regularization_path(UFM(WIDE, control), points=40)) for _ in "12")
    for name, column in first.items():
        assert column.tobytes() == second[name].tobytes(), name


# ----------------------------------------------------------------- in the batch size


def test_a_path_in_the_batch_size_ends_at_the_optimum_of_all_samples():
    problem = UFM([60, 20, 8], Sphere(1.0), 0.3)
    path = regularization_path(problem, batch_sizes=[4, 16, 88])
    assert [str(solution.problem.batches) for solution in path] == [
        "shuffle:size=4",
        "shuffle:size=16",
        "shuffle:size=88",
    ]
    assert {str(solution.status) for solution in path} == {"optimal"}
    table = path_table(path)
    assert table["batch_size"].tolist() == [4, 16, 88]
    whole = solve_relaxation(problem)
    for solution, distance in zip(path, table["from_all_samples"], strict=True):
        assert distance == pytest.approx(
            gram_distance(solution.class_gram, whole.class_gram), rel=1e-9, abs=1e-12
        )
    assert table["from_all_samples"][0] > table["from_all_samples"][1] > 1e-3
    assert table["from_all_samples"][2] < 1e-9
    assert "batch_size" not in path_table([whole])


def test_a_path_in_the_batch_size_keeps_the_sampler():
    problem = UFM([60, 20, 8], Sphere(1.0), 0.3, batches="weighted:size=8")
    (only,) = regularization_path(problem, batch_sizes=12)
    assert str(only.problem.batches) == "weighted:size=12"


@pytest.mark.parametrize(
    ("batches", "sizes", "said"),
    [
        (None, [1], "batch size"),
        (None, [2.5], "batch size"),
        (None, [], "batch sizes are empty"),
        (None, [4, 1000], "without replacement"),
        ("poisson:rate=0.1", [4], "have no size to vary"),
    ],
)
def test_wrong_batch_sizes_are_refused(batches, sizes, said):
    problem = UFM([60, 20, 8], Sphere(1.0), 0.3, batches=batches)
    with pytest.raises(InvalidInputError, match=said):
        regularization_path(problem, batch_sizes=sizes)
    with pytest.raises(InvalidInputError, match="a path has one parameter"):
        regularization_path(problem, [1.0], batch_sizes=[4])
