"""Paths: every point certified and equal to a solution of its own."""

from __future__ import annotations

import numpy as np
import pytest

from screlax import (
    UFM,
    Ball,
    Budget,
    Ridge,
    Sphere,
    exponential,
    path_table,
    regularization_path,
    solve_relaxation,
)
from screlax.exceptions import InvalidInputError

SIZES = exponential(40, 3000, 100)
CONTROLS = [Ridge(1.0), Sphere(1.0), Ball(1.0), Budget(1.0)]
every_control = pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)


def assert_same(point, tolerance=1e-12):
    alone = solve_relaxation(point.problem)
    assert point.status == "optimal"
    assert point.value == pytest.approx(alone.value, rel=tolerance)
    np.testing.assert_allclose(point.class_gram, alone.class_gram, atol=1e-7)


@every_control
def test_default_path_is_certified_and_equals_single_solutions(control):
    path = regularization_path(UFM(SIZES, control, 0.5))
    assert len(path) == 100
    assert max(abs(point.gap) for point in path) <= 1e-12
    for point in path[::20]:
        assert_same(point)


def test_ridge_path_descends_from_exactly_zero():
    path = regularization_path(UFM(SIZES, Ridge(1.0)), points=30)
    strengths = [point.problem.control.strength for point in path]
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[0] == path[0].problem.zero_threshold()
    assert (path[0].orbit_gram.own == 0).all()
    values = [point.value for point in path]
    assert values == sorted(values, reverse=True)


def test_points_keep_their_order_and_repetitions():
    wanted = [0.3, 0.01, 5.0, 0.3]
    path = regularization_path(UFM(SIZES, Ridge(1.0)), wanted)
    assert [point.problem.control.strength for point in path] == wanted
    assert path[0].value == pytest.approx(path[3].value, rel=1e-14)
    assert (path[2].class_gram == 0).all()


def test_temperature_path():
    path = regularization_path(UFM(SIZES, Sphere(1.0)), temperatures=np.geomspace(0.05, 1, 40))
    assert path[0].problem.temperature == 0.05
    for point in path[::13]:
        assert_same(point)


@pytest.mark.parametrize("sizes", [[50, 9, 3, 1, 1], [1000, 10, 7, 5, 3]])
def test_points_without_a_rank_one_slack_are_solved_as_well(sizes):
    path = regularization_path(UFM(sizes, Sphere(1.0)), [0.1, 0.5, 3.0])
    for point in path:
        assert_same(point, 1e-9)


def test_table_has_one_entry_per_point():
    path = regularization_path(UFM(SIZES, Budget(1.0)), [0.5, 1.0, 2.0])
    table = path_table(path)
    assert {len(column) for column in table.values()} == {3}
    samples = path[0].problem.samples
    np.testing.assert_allclose(table["trace"], samples * np.array([0.5, 1.0, 2.0]), rtol=1e-12)
    np.testing.assert_array_equal(table["value"], [point.value for point in path])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"strengths": [1.0], "temperatures": [1.0]}, "not both"),
        ({"strengths": [1.0, 0.0]}, "positive"),
        ({"strengths": []}, "positive"),
        ({"temperatures": [np.nan]}, "nan"),
        ({"points": 1}, "at least 2"),
    ],
)
def test_bad_paths_are_refused(arguments, said):
    with pytest.raises(InvalidInputError, match=said):
        regularization_path(UFM(SIZES, Ridge(1.0)), **arguments)
