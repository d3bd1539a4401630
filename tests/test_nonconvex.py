"""Descent on the embeddings: derivatives, controls, certified gaps, and bad input."""

import math

import numpy as np
import pytest
from loss_reference import dense_loss
from problems import CASES, PROFILES, assert_within, class_objective, every_case, labels_of

import screlax
from screlax import (
    UFM,
    Ball,
    Budget,
    Ridge,
    Sphere,
    Status,
    recover_embeddings,
    solve_nonconvex,
    solve_relaxation,
)
from screlax.descent.bound import gaps_to
from screlax.descent.sample_objective import SampleObjective
from screlax.descent.setup import objective_at
from screlax.errors import InvalidInputError
from screlax.gram.cells import Level
from screlax.solve.lifted import Lifted

CONTROLS = {"ridge": Ridge(0.4), "ball": Ball(1.3), "sphere": Sphere(2.0), "budget": Budget(0.9)}
every_control = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
every_level = pytest.mark.parametrize("level", ["classes", "samples"])
every_method = pytest.mark.parametrize("method", ["lbfgs", "gd", "newton-cg"])
SIZES = (5, 3, 3, 1)


def rows_of(level: str, sizes=SIZES) -> int:
    return len(sizes) if level == "classes" else sum(sizes)


def lifted_at(control, level: str, dim: int = 3, **blocks) -> Lifted:
    problem = UFM(SIZES, control, 0.7)
    if blocks:
        return Lifted(SampleObjective(problem, **blocks), dim)
    return Lifted(objective_at(problem, Level(level), dim), dim)


# ----------------------------------------------------------------- objective and derivatives


@every_control
def test_values_are_those_of_the_definition(control):
    problem, rng = UFM(SIZES, control, 0.7), np.random.default_rng(0)
    classes = rng.standard_normal((4, 3))
    samples = classes[labels_of(SIZES)] + 0.3 * rng.standard_normal((12, 3))
    penalty = control.strength / 2 if isinstance(control, Ridge) else 0.0
    for objective, embeddings, all_rows in (
        (objective_at(problem, Level.CLASSES, 3), classes, classes[labels_of(SIZES)]),
        (SampleObjective(problem), samples, samples),
        (SampleObjective(problem, block_numbers=20), samples, samples),
    ):
        point = embeddings * np.sqrt(objective.mass / 0.7)[:, None]
        expected = (
            dense_loss(all_rows, labels_of(SIZES), 0.7)[0].sum() + penalty * (all_rows**2).sum()
        )
        assert objective.value(point) == pytest.approx(expected, rel=1e-12)
        assert objective.value_and_gradient(point)[0] == pytest.approx(expected, rel=1e-12)
        gradient = objective.gradient(objective.expand(point))
        assert objective.value_and_gradient(point)[1] == pytest.approx(gradient, abs=1e-11)


def test_a_loss_near_zero_is_still_minimised_to_its_last_digits():
    result = solve_nonconvex(UFM((2, 2), Sphere(50.0)), 2, tol=1e-10)
    assert result.value == pytest.approx(4 * 2 * math.exp(-100.0), rel=1e-9)
    assert result.status is Status.OPTIMAL


def test_sample_level_gradients_below_rounding_are_not_called_optimal():
    """There pairs of samples are closer than their inner products can tell."""
    result = solve_nonconvex(UFM((2, 2), Sphere(50.0)), 2, level="samples", starts=5)
    assert (result.values >= result.lower).all()
    assert (
        (result.values <= 2 * result.lower) | (result.relative_gaps >= 0.5)
    ).all()  # nothing is proved


def test_a_value_that_rounding_took_below_the_bound_proves_nothing():
    problem, rows = UFM((2, 2), Sphere(50.0)), np.full((2, 2), 5.0)
    rounding, relative = gaps_to(problem, -1e-15, 3e-43, rows)
    assert rounding >= 1e-15
    assert relative == 1.0
    assert gaps_to(problem, 1.0 - 1e-15, 1.0, rows) == (0.0, 0.0)
    assert gaps_to(problem, 0.0, 0.0, rows) == (0.0, 0.0)
    assert gaps_to(problem, 4.0, 3.0, rows) == (1.0, 0.125)  # the loss is at least zero
    assert gaps_to(UFM((3, 3), Sphere(50.0)), 6.0, 5.0, rows) == pytest.approx(
        (1.0, 1 / (12 - 6 * math.log(2)))
    )


def test_sample_level_losses_near_zero_keep_their_digits_off_the_axes():
    problem, rng = UFM((2, 2, 2), Sphere(60.0)), np.random.default_rng(0)
    simplex = np.linalg.qr(rng.standard_normal((7, 3)))[0] * math.sqrt(60.0)
    rows = np.repeat(simplex.T, 2, axis=0) + 1e-3 * rng.standard_normal((6, 7))
    excess = [
        sum(math.exp((rows[j] - rows[i ^ 1]) @ rows[i]) for j in range(6) if j not in (i, i ^ 1))
        for i in range(6)
    ]
    assert max(excess) < 1e-20
    assert SampleObjective(problem).value(rows) == pytest.approx(sum(excess), rel=1e-10)


def taylor_slope(error, scales) -> float:
    errors = np.array([error(scale) for scale in scales])
    return float(np.polyfit(np.log(scales), np.log(errors), 1)[0])


@every_control
@pytest.mark.parametrize(
    ("level", "blocks"),
    [("classes", {}), ("samples", {}), ("samples", {"block_numbers": 30, "kept_numbers": 0})],
)
def test_taylor_slopes_of_gradient_and_hessian(control, level, blocks):
    problem, rng = lifted_at(control, level, **blocks), np.random.default_rng(3)
    point = problem.random(rng)
    direction = problem.project(point, rng.standard_normal(problem.shape))
    direction /= np.linalg.norm(direction)
    model = problem.local_model(point)
    first = float(np.vdot(problem.gradient(model), direction))
    second = float(np.vdot(problem.hessian(model, direction), direction))
    # rescaling is a second-order retraction: the quadratic model holds also off stationarity
    scales = np.geomspace(1e-3, 1e-2, 6)

    def change(scale: float) -> float:
        return problem.change(model, problem.retract(point, scale * direction))

    gradient_slope = taylor_slope(lambda t: abs(change(t) - t * first), scales)
    hessian_slope = taylor_slope(lambda t: abs(change(t) - t * first - t * t / 2 * second), scales)
    assert gradient_slope == pytest.approx(2, abs=0.1)
    assert hessian_slope == pytest.approx(3, abs=0.1)


@every_control
@every_level
def test_accurate_change_is_the_difference_of_values(control, level):
    problem, rng = lifted_at(control, level), np.random.default_rng(5)
    point = problem.random(rng)
    model = problem.local_model(point)
    for scale in (1e-3, 1e-1, 3.0):
        candidate = problem.retract(point, scale * rng.standard_normal(problem.shape))
        difference = problem.value(candidate) - problem.value(point)
        assert problem.change(model, candidate) == pytest.approx(difference, rel=1e-6, abs=1e-12)


@every_control
@every_level
def test_hessian_is_symmetric(control, level):
    problem, rng = lifted_at(control, level), np.random.default_rng(6)
    point = problem.random(rng)
    model = problem.local_model(point)
    one, two = (problem.project(point, rng.standard_normal(problem.shape)) for _ in range(2))
    left = np.vdot(problem.hessian(model, one), two)
    assert left == pytest.approx(np.vdot(one, problem.hessian(model, two)), rel=1e-10)


# ----------------------------------------------------------------- what runs reach


@every_case(CASES)
def test_more_dimensions_than_classes_reach_the_certified_optimum(case):
    result = solve_nonconvex(case.problem, len(case.sizes) + 1, starts=3)
    assert result.relative_gaps.max() <= 1e-8
    assert result.status is Status.OPTIMAL
    assert result.value == pytest.approx(case.optimum, rel=2e-9)
    gram = result.embeddings @ result.embeddings.T
    assert class_objective(case, gram) == pytest.approx(result.value, rel=1e-12)


@every_method
@every_control
@every_level
def test_every_method_reaches_the_optimum_feasibly(method, control, level):
    problem = UFM(SIZES, control, 0.7)
    lower = solve_relaxation(problem).lower
    result = solve_nonconvex(problem, 5, method=method, level=level, lower=lower, starts=2)
    assert (result.relative_gaps <= 1e-9).all()
    mass = np.array(SIZES) if level == "classes" else np.ones(12)
    for embeddings in result.all_embeddings:
        assert_within(control, (embeddings**2).sum(axis=1), mass)
    if level == "samples":
        embeddings, label = result.embeddings, np.array(labels_of(SIZES))
        means = np.array([embeddings[label == c].mean(axis=0) for c in range(4)])
        assert np.abs(embeddings - means[label]).max() <= 1e-3
        classes = solve_nonconvex(problem, 5, lower=lower)
        assert classes.value == pytest.approx(result.value, rel=3e-9)


@every_level
def test_balanced_sphere_is_the_simplex_frame(level):
    k, rho = 4, 1.5
    result = solve_nonconvex(UFM([3] * k, Sphere(rho), 0.5), k, level=level, tol=1e-13)
    label = np.arange(k) if level == "classes" else np.repeat(np.arange(k), 3)
    simplex = rho * (np.eye(k) - (1 - np.eye(k)) / (k - 1))
    gram = result.embeddings @ result.embeddings.T
    assert gram == pytest.approx(simplex[np.ix_(label, label)], abs=1e-5)


@every_control
@every_level
def test_below_the_rank_the_gap_is_proved_positive(control, level):
    problem = UFM((4, 4, 4, 4, 4), control, 0.7)
    assert solve_relaxation(problem).rank == 4
    result = solve_nonconvex(problem, 2, starts=3, level=level)
    assert (result.relative_gaps > 1e-3).all()
    assert result.status is Status.INACCURATE
    assert all("stationary" in message for message in result.messages)
    assert max(history[-1, 2] for history in result.histories) <= 1e-9


@every_method
@every_control
def test_one_iteration_is_never_optimal(method, control):
    for seed in range(5):
        result = solve_nonconvex(
            UFM((7, 5, 2, 2), control, 0.7), 5, method=method, seed=seed, max_iterations=1
        )
        assert result.status is Status.INACCURATE
        assert result.relative_gap > 1e-6
        assert result.iterations[0] <= 1
        assert result.messages == ("iteration limit",)


@pytest.mark.parametrize("profile", PROFILES)
@every_control
def test_gaps_are_never_negative_whatever_the_start(profile, control):
    problem = UFM(PROFILES[profile], control)
    lower = solve_relaxation(problem).lower
    for dim in (1, 2, 6):
        result = solve_nonconvex(
            problem, dim, starts=2, max_iterations=30, tol=1e-15, lower=lower, seed=dim
        )
        assert (result.relative_gaps >= 0).all()
        assert (np.diff(result.relative_gaps) >= 0).all()
        assert result.lower >= lower


def test_values_fall_and_histories_end_at_the_value():
    for method in ("lbfgs", "gd", "newton-cg"):
        result = solve_nonconvex(UFM(SIZES, Sphere(1.0)), 4, method=method, starts=3)
        for value, history, count in zip(
            result.values, result.histories, result.iterations, strict=True
        ):
            assert history.shape == (count + 1, 3)
            assert (history[:, 0] == np.arange(count + 1)).all()
            assert (np.diff(history[:, 1]) <= 1e-12).all()
            assert history[-1, 1] == pytest.approx(value, rel=1e-13)


@every_method
@pytest.mark.parametrize("control", [Ball(1.0), Budget(1.0)])
def test_from_the_boundary_the_way_through_the_inside_is_open(method, control):
    """In one dimension the singleton can only pass through zero to the other side."""
    result = solve_nonconvex(UFM((9, 1), control, 0.5), 1, initial=[[1.0], [1.0]], method=method)
    assert result.embeddings[0, 0] * result.embeddings[1, 0] < 0
    assert result.status is Status.OPTIMAL


@every_control
def test_a_rotated_start_gives_rotated_embeddings(control):
    problem, rng = UFM(SIZES, control, 0.7), np.random.default_rng(2)
    start = 0.5 * rng.standard_normal((4, 5))
    rotation = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    kept = solve_nonconvex(problem, 5, initial=start, tol=1e-13)
    turned = solve_nonconvex(problem, 5, initial=start @ rotation, tol=1e-13)
    expected = kept.embeddings @ kept.embeddings.T
    assert turned.embeddings @ turned.embeddings.T == pytest.approx(expected, abs=2e-5)


@every_level
def test_seeds_are_reproducible_and_starts_do_not_depend_on_their_number(level):
    problem = UFM(SIZES, Budget(1.0))
    few = solve_nonconvex(problem, 3, starts=2, seed=7, level=level)
    many = solve_nonconvex(problem, 3, starts=4, seed=7, level=level)
    for start in range(2):
        one = few.all_embeddings[list(few.order).index(start)]
        assert np.array_equal(one, many.all_embeddings[list(many.order).index(start)])
    other = solve_nonconvex(problem, 3, starts=2, seed=8, level=level)
    assert not np.array_equal(few.embeddings, other.embeddings)


def test_a_solution_as_start_needs_no_iteration():
    problem = UFM((9, 5, 2), Ridge(0.2))
    solution = solve_relaxation(problem)
    start = recover_embeddings(solution.class_gram, 3).vectors
    result = solve_nonconvex(problem, 3, initial=start, lower=solution.lower)
    assert result.iterations[0] == 0
    assert result.status is Status.OPTIMAL


def test_zero_is_stationary_and_not_optimal_below_the_threshold():
    problem = UFM((9, 5, 2), Ridge(0.2))
    result = solve_nonconvex(problem, 3, initial=np.zeros((3, 3)))
    assert result.status is Status.INACCURATE
    above = UFM((9, 5, 2), Ridge(1.01 * problem.zero_threshold()))
    assert solve_nonconvex(above, 3, initial=np.zeros((3, 3))).status is Status.OPTIMAL


def test_the_callback_sees_every_iteration_and_can_stop():
    seen = []

    def callback(start, iteration, value, gradient_norm):
        seen.append((start, iteration, value, gradient_norm))
        return iteration == 2

    result = solve_nonconvex(UFM(SIZES, Ridge(0.1)), 4, starts=2, callback=callback)
    assert [entry[:2] for entry in seen] == [(s, i) for s in range(2) for i in range(3)]
    assert result.messages == ("stopped by callback",) * 2
    rows = np.array([entry[1:] for entry in seen if entry[0] == result.order[0]])
    assert np.array_equal(rows, result.histories[0])


# ----------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"dim": 0}, "dim"),
        ({"dim": 2.5}, "dim"),
        ({"dim": True}, "dim"),
        ({"starts": 0}, "starts"),
        ({"method": "adam"}, "'lbfgs', 'gd', 'newton-cg'; got 'adam'"),
        ({"method": ["gd"]}, "method"),
        ({"level": "orbits"}, "classes"),
        ({"seed": -1}, "seed"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"tol": 0.0}, "tol"),
        ({"tol": 1.5}, "tol"),
        ({"lower": math.nan}, "lower"),
        ({"lower": 1e9}, "no lower bound"),
        ({"initial": np.full((4, 3), math.nan)}, "NaN"),
        ({"initial": np.ones((3, 3))}, "shape"),
        ({"initial": np.ones((4, 2))}, "shape"),
        ({"initial": np.ones((2, 4, 3)), "starts": 3}, "shape"),
        ({"initial": np.ones((4, 3)), "starts": 2}, "shape"),
        ({"initial": "here"}, "numbers"),
        ({"initial": [[1.0], [1.0, 2.0]]}, "as an array"),
        ({"initial": np.zeros((4, 3))}, "zero"),
    ],
)
def test_bad_input_is_refused(options, named):
    arguments = {"dim": 3, **options}
    with pytest.raises(InvalidInputError, match=named):
        solve_nonconvex(UFM(SIZES, Sphere(1.0)), **arguments)


def test_class_sizes_alone_are_no_problem():
    with pytest.raises(InvalidInputError, match="UFM"):
        solve_nonconvex([3, 3], 2)


def test_huge_starts_say_so():
    with pytest.raises(screlax.ScrelaxError, match="beyond double precision"):
        solve_nonconvex(UFM(SIZES, Ridge(1.0)), 3, initial=np.full((4, 3), 1e200))


def test_seeds_that_no_double_holds_are_told_apart():
    problem = UFM([5, 3, 2], Sphere(1.0))
    found = [solve_nonconvex(problem, 2, seed=2**53 + more, max_iterations=1) for more in (0, 1)]
    assert np.abs(found[0].embeddings - found[1].embeddings).max() > 1e-3
