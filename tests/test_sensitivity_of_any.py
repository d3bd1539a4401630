"""Derivatives without a slack vector, against differences of certified solutions."""

import numpy as np
import pytest

from screlax import UFM, Ball, Budget, Ridge, Sphere, solve_relaxation
from screlax.analysis.differentiate import _implicit, _of_two_points, differentiate
from screlax.equations.slack_vector import SlackVectorEquations
from screlax.errors import InvalidInputError, ProblemTooLargeError
from screlax.gram.cells import CellGram
from screlax.gram.shared_point import SingletonGram
from screlax.losses import (
    ClassAveraged,
    NegativesOnly,
    Prototypes,
    RowSoftmax,
    SoftTargets,
    SupCon,
)
from screlax.problem.losses.class_rows import ClassTerms
from screlax.proof.structured import prove
from screlax.solve.slack_vector.solver import solve_slack_vector

CONTROLS = [Ridge(0.2), Sphere(1.0), Ball(1.0), Budget(1.0)]
every_control = pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
STEP = 1e-4
NUMBERS = ("value_by_parameter", "value_by_temperature", "value_by_size")
ARRAYS = (
    "own_by_parameter",
    "own_by_temperature",
    "pair_by_parameter",
    "pair_by_temperature",
    "own_by_size",
)


def certified(*problem, **options):
    solution = solve_relaxation(UFM(*problem, **options), tol=1e-8)
    assert solution.status == "optimal"
    return solution


def slope(solution_at):
    """Return the relative differences of value, own and pair."""
    up, down = solution_at(1 + STEP), solution_at(1 - STEP)
    return [
        (after - before) / (2 * STEP)
        for after, before in (
            (up.value, down.value),
            (up.point_gram.own, down.point_gram.own),
            (up.point_gram.pair, down.point_gram.pair),
        )
    ]


PROBLEMS = {
    "singletons": ([9, 5, 2, 1, 1], 0.6, SupCon()),
    "one singleton beside equal classes": ([9, 5, 5, 1], 0.6, SupCon()),
    "balanced": ([5, 5, 5], 0.6, SupCon()),
    "minority collapse": ([900, 3, 3, 2], 2.0, SupCon()),
    "two classes": ([9, 4], 0.6, SupCon()),
    "soft targets": ([9, 6, 4, 2], 0.6, SoftTargets(epsilon=0.1)),
    "free prototypes": ([9, 5, 3], 0.6, Prototypes(2, tied=False, loss_terms=False)),
    "a class of weight zero": ([9, 5, 5, 2], 0.6, SupCon(class_weights=[1, 2, 2, 0])),
}


@every_control
@pytest.mark.parametrize("name", PROBLEMS)
def test_derivatives_are_the_differences_of_certified_solutions(name, control):
    sizes, temperature, loss = PROBLEMS[name]
    found = certified(sizes, control, temperature, loss=loss).sensitivity()
    parameter = control.parameter

    def stronger(factor):
        return certified(sizes, control.with_parameter(parameter * factor), temperature, loss=loss)

    value, own, pair = (part / parameter for part in slope(stronger))
    assert found.value_by_parameter == pytest.approx(value, rel=2e-6)
    np.testing.assert_allclose(found.own_by_parameter, own, atol=2e-5)
    np.testing.assert_allclose(found.pair_by_parameter, pair, atol=2e-5)

    def warmer(factor):
        return certified(sizes, control, temperature * factor, loss=loss)

    value, own, pair = (part / temperature for part in slope(warmer))
    assert found.value_by_temperature == pytest.approx(value, rel=2e-6)
    np.testing.assert_allclose(found.own_by_temperature, own, atol=2e-5)
    np.testing.assert_allclose(found.pair_by_temperature, pair, atol=2e-5)


@every_control
@pytest.mark.parametrize(
    "loss",
    [SupCon(), SupCon(views=2), SupCon(class_weights=[1, 2, 2, 3]), ClassAveraged(), Prototypes(2)],
    ids=str,
)
def test_both_ways_agree_where_there_is_a_slack_vector(loss, control):
    problem = UFM([9, 5, 5, 2], control, 0.6, loss=loss)
    solution = solve_relaxation(problem, solver="slack-vector")
    known = solution.sensitivity()
    found = _implicit(problem, solution.orbit_gram.scaled(1 / 0.6).dense())
    for name in NUMBERS + ARRAYS:
        expected = getattr(known, name)
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-9, atol=1e-7)
    for orbit in range(problem.points.orbits):
        np.testing.assert_allclose(
            found.pair_by_size(orbit), known.pair_by_size(orbit), rtol=1e-9, atol=1e-8
        )


@every_control
@pytest.mark.parametrize(
    ("sizes", "weights"),
    [
        ([9, 5, 5, 2, 1, 1], None),
        ([50, 20, 3, 1], None),
        ([30, 3, *[1] * 7], None),
        ([9, 5, 5, 2], [1, 2, 2, 0]),
    ],
)
def test_both_ways_agree_with_singletons(sizes, weights, control):
    problem = UFM(sizes, control, 0.6, loss=SupCon(class_weights=weights))
    solution = solve_relaxation(problem)
    assert isinstance(solution.orbit_gram, SingletonGram)
    found = solution.sensitivity()
    known = _implicit(problem, solution.orbit_gram.scaled(1 / 0.6).dense())
    for name in NUMBERS + ARRAYS:
        np.testing.assert_allclose(getattr(found, name), getattr(known, name), rtol=1e-6, atol=1e-8)
    for orbit in range(problem.points.orbits):
        np.testing.assert_allclose(
            found.pair_by_size(orbit), known.pair_by_size(orbit), rtol=1e-6, atol=1e-8
        )


def test_a_million_classes_with_singletons_are_differentiated():
    sizes = np.maximum(1, (4e5 / np.arange(1, 10**6 + 1) ** 0.9)).astype(int)
    problem = UFM.from_pairs(*np.unique(sizes, return_counts=True), Sphere(1.0), 0.3)
    found = solve_relaxation(problem).sensitivity()
    up, down = (
        solve_relaxation(UFM(problem.class_sizes, Sphere(1 + step), 0.3)) for step in (1e-4, -1e-4)
    )
    assert found.value_by_parameter == pytest.approx((up.value - down.value) / 2e-4, rel=1e-6)
    few = np.arange(0, 1772, 300)
    expected = (up.orbit_gram.rows(few) - down.orbit_gram.rows(few)) / 2e-4
    np.testing.assert_allclose(found.pair_by_parameter[few], expected, rtol=1e-5, atol=1e-6)
    assert np.isfinite(found.pair_by_size(5)).all()


FAMILY = [SupCon(views=2), SupCon(class_weights=[3, 1, 1, 0.5]), ClassAveraged(), Prototypes(2)]


@every_control
@pytest.mark.parametrize("loss", FAMILY, ids=str)
def test_derivatives_by_size_of_the_family(loss, control):
    """Against the equations with terms of fractional sizes."""
    problem = UFM([20, 8, 8, 3], control, 0.6, loss=loss)
    found = solve_relaxation(problem, solver="slack-vector").sensitivity()
    terms, slopes = problem.slack_terms, problem.slack_terms_by_size
    unit = problem.control_at_unit_temperature
    copies = problem.points.multiplicities.astype(float)

    def at(orbit, step):
        grown = (np.arange(len(copies)) == orbit) * step
        names = ("anchors", "own", "pair", "embeddings")
        moved = ClassTerms(*(getattr(terms, n) + grown * getattr(slopes, n) for n in names))
        equations = SlackVectorEquations(moved, copies, unit, np.array([unit.parameter]))
        proof = prove(equations, solve_slack_vector(equations).state)
        return proof.upper[0], proof.gram(copies).scaled(0.6)

    for orbit in range(len(copies)):
        (up, more), (down, less) = at(orbit, 1e-4), at(orbit, -1e-4)
        assert copies[orbit] * found.value_by_size[orbit] == pytest.approx(
            (up - down) / 2e-4, rel=1e-6
        )
        own, pair = (more.own - less.own) / 2e-4, (more.pair - less.pair) / 2e-4
        np.testing.assert_allclose(found.own_by_size[:, orbit], own, atol=1e-7)
        np.testing.assert_allclose(found.pair_by_size(orbit), pair, atol=1e-7)


@pytest.mark.parametrize("loss", [SupCon(), NegativesOnly(), ClassAveraged()], ids=str)
def test_at_zero_nothing_moves_but_the_value(loss):
    threshold = UFM([9, 5, 3], Ridge(20.0), 0.6, loss=loss).zero_threshold()
    found = certified([9, 5, 3], Ridge(1.5 * threshold), 0.6, loss=loss).sensitivity()
    assert found.value_by_parameter == found.value_by_temperature == 0
    for name in ARRAYS:
        assert not getattr(found, name).any()
    more = certified([9, 6, 3], Ridge(1.5 * threshold), 0.6, loss=loss).value
    less = certified([9, 4, 3], Ridge(1.5 * threshold), 0.6, loss=loss).value
    assert found.value_by_size[1] == pytest.approx((more - less) / 2, rel=0.05)


def test_a_class_of_one_sample_has_no_derivative_by_its_size():
    found = certified([9, 5, 1], Sphere(1.0), 0.6).sensitivity()
    np.testing.assert_array_equal(np.isnan(found.value_by_size), [False, False, True])
    np.testing.assert_array_equal(np.isnan(found.own_by_size).all(axis=0), [False, False, True])
    assert np.isnan(found.pair_by_size(2)).all()
    assert np.isfinite(found.pair_by_size(0)).all()


@every_control
def test_balanced_weights_of_a_class_depend_on_all_sizes(control):
    sizes, loss = np.array([4000, 1500, 600, 250]), SupCon(class_weights="balanced")
    found = certified(sizes, control, 0.6, loss=loss).sensitivity()
    for orbit, step in enumerate(np.eye(4, dtype=int)):
        up, down = (certified(sizes + sign * step, control, 0.6, loss=loss) for sign in (1, -1))
        value = (up.value - down.value) / 2
        assert found.value_by_size[orbit] == pytest.approx(value, rel=1e-4)
        own = (up.class_gram.diagonal() - down.class_gram.diagonal()) / 2
        np.testing.assert_allclose(found.own_by_size[:, orbit], own, rtol=1e-3, atol=1e-8)


def test_general_targets_have_none_by_sizes():
    sizes, temperature, loss = PROBLEMS["soft targets"]
    found = certified(sizes, Sphere(1.0), temperature, loss=loss).sensitivity()
    assert np.isnan(found.value_by_size).all()


def test_at_the_edge_between_two_regimes_there_are_none():
    """At λ_max the optimum begins to leave zero."""
    loss = RowSoftmax([3.0, 1.0, 2.0], [1.0, 2.0, 4.0], [4.0, 1.0, 2.0])
    threshold = UFM([9, 5, 3], Ridge(1.0), loss=loss).zero_threshold()
    with pytest.raises(InvalidInputError, match="edge between two regimes"):
        certified([9, 5, 3], Ridge(threshold), loss=loss).sensitivity()


@pytest.mark.parametrize("control", [Sphere(0.5), Ball(0.5)], ids=lambda control: control.name)
def test_two_opposite_points_of_many_classes_move_with_the_radius(control):
    problem = UFM([900, 3, 3, 2], control, 2.0)
    unit = solve_relaxation(problem).orbit_gram.scaled(0.5).dense()
    found, known = _of_two_points(problem, unit), _implicit(problem, unit)
    for name in NUMBERS + ARRAYS:
        np.testing.assert_allclose(getattr(found, name), getattr(known, name), atol=1e-9)
    many = UFM([10**5, *range(2, 100)], control, 10.0)
    solution = solve_relaxation(many)
    assert solution.solver_message == "closed form: two opposite points"
    assert solution.sensitivity().value_by_parameter < 0


def test_too_many_sizes_without_a_slack_vector_are_refused():
    problem = UFM([*range(2, 100)], Sphere(1.0), 0.5, loss=SoftTargets(epsilon=0.1))
    gram = CellGram(np.ones(98), np.eye(98))
    with pytest.raises(ProblemTooLargeError, match="98"):
        differentiate(problem, gram)


def test_nonnegative_features_are_refused():
    problem = UFM([9, 5], Sphere(1.0), features="nonnegative")
    with pytest.raises(InvalidInputError, match="real features"):
        solve_relaxation(problem).sensitivity()
