"""Problems: controls, temperature, labels, and the ridge at which the optimum vanishes."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screlax import UFM, Ball, Budget, ClassSizes, Ridge, Sphere
from screlax.errors import InvalidInputError

CONTROLS = [Ridge, Ball, Sphere, Budget]
SETTINGS = {f"{control.__name__}: ": control for control in CONTROLS}
SETTINGS["temperature"] = lambda value: UFM([3, 2], Ridge(0.1), value)
NOT_POSITIVE = [0, -1, -1e-300, math.nan, math.inf, -math.inf]
NOT_A_NUMBER = ["x", None, [1.0], np.array([1.0, 2.0]), 1j, {}, "0.5", b"1", True, np.True_]
NOT_A_NUMBER += [np.array([2.0]), [[1], 2], np.complex128(1)]


# ----------------------------------------------------------------- controls and temperature


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", NOT_POSITIVE)
def test_settings_must_be_positive_and_finite(name, value):
    with pytest.raises(InvalidInputError, match=f"{name}.* must be positive and finite"):
        SETTINGS[name](value)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", NOT_A_NUMBER)
def test_settings_must_be_numbers(name, value):
    with pytest.raises(InvalidInputError, match=f"{name}.* must be a number"):
        SETTINGS[name](value)


@pytest.mark.parametrize("build", SETTINGS.values(), ids=SETTINGS)
def test_integers_beyond_double_precision_are_refused(build):
    with pytest.raises(InvalidInputError):
        build(10**400)


@pytest.mark.parametrize("control", [None, 0.1, "ridge", Ridge, [Ridge(1)], ("ridge", 0.1)])
def test_control_must_be_one_of_four(control):
    with pytest.raises(InvalidInputError, match=r"Ridge\(λ\), Ball\(ρ\), Sphere\(ρ\), Budget\(ρ\)"):
        UFM([3, 2], control)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("value", [2, np.float32(2), np.int64(2), Fraction(2), np.array(2.0)])
def test_any_real_number_is_accepted(control, value):
    made = control(value)
    assert type(made.parameter) is float
    assert made.parameter == 2.0
    assert made == control(2.0)
    assert made.name == control.__name__.lower()


def test_unit_temperature_scales_ridge_up_and_norms_down():
    assert UFM([3, 2], Ridge(3.0), 0.5).control_at_unit_temperature == Ridge(1.5)
    for control in (Ball, Sphere, Budget):
        assert UFM([3, 2], control(3.0), 0.5).control_at_unit_temperature == control(6.0)


def test_problems_are_values():
    problem = UFM([3, 2], Ridge(0.1), 0.5)
    assert problem == UFM(np.array([3, 2]), Ridge(0.1), 0.5)
    assert hash(problem) == hash(UFM([3, 2], Ridge(0.1), 0.5))
    assert problem != UFM([3, 2], Ridge(0.2), 0.5)
    assert problem != UFM([3, 2], Ridge(0.1), 0.6)
    assert problem != UFM([2, 3], Ridge(0.1), 0.5)
    assert problem != UFM([3, 2], Sphere(0.1), 0.5)
    with pytest.raises(AttributeError):
        problem.temperature = 1.0
    assert UFM([3, 2], Ridge(0.1)).temperature == 1.0


def test_counts_of_a_problem():
    problem = UFM([5, 3, 1, 1], Ridge(0.1))
    assert (problem.samples, problem.classes, problem.anchors) == (10, 4, 8)
    assert UFM.from_pairs([5, 3, 1], [1, 1, 2], Ridge(0.1)).class_sizes == problem.class_sizes
    assert UFM(ClassSizes.from_counts([5, 3, 1, 1]), Ridge(0.1)) == problem


# ----------------------------------------------------------------- labels


LABELS = {
    "int": ([7, 3, 7, 7, 3], (3, 7), [2, 3]),
    "array": (np.array([7, 3, 7, 7, 3]), (3, 7), [2, 3]),
    "text": (["cat", "dog", "cat"], ("cat", "dog"), [2, 1]),
    "text array": (np.array(["cat", "dog", "cat"]), ("cat", "dog"), [2, 1]),
    "tuples": ([(1, "b"), (1, "a"), (1, "a")], ((1, "a"), (1, "b")), [2, 1]),
    "mixed": (["x", 3, (1, 2), 3], ("x", 3, (1, 2)), [1, 2, 1]),
    "numpy scalars": ([np.int64(3), 3, np.int32(4)], (3, 4), [2, 1]),
    "booleans": ([True, False, True], (False, True), [1, 2]),
    "iterator": (iter("abca"), ("a", "b", "c"), [2, 1, 1]),
    "object array": (np.array(["x", 3, "x"], dtype=object), ("x", 3), [2, 1]),
}


@pytest.mark.parametrize(("labels", "names", "sizes"), LABELS.values(), ids=LABELS)
def test_labels_become_classes(labels, names, sizes):
    problem = UFM.from_labels(labels, Sphere(1.0), 0.5)
    assert problem.class_labels == names
    assert all(type(name).__module__ == "builtins" for name in problem.class_labels)
    assert list(problem.class_sizes) == sizes
    assert problem.control == Sphere(1.0)
    assert problem.temperature == 0.5


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "labels are empty"),
        (np.array([]), "labels are empty"),
        ([1.0, math.nan, 1.0], r"labels\[1\] is missing \(nan\)"),
        (np.array([1.0, 2.0, math.nan]), r"labels\[2\] is missing \(NaN\)"),
        ([1, [2], 1], r"labels\[1\] is not hashable: \[2\]"),
        ([{"a": 1}, 2], r"labels\[0\] is not hashable"),
        (np.zeros((2, 2)), r"one-dimensional, got shape \(2, 2\)"),
        (np.array(3), r"one-dimensional, got shape \(\)"),
        ("abca", "one label per sample"),
        (b"abca", "one label per sample"),
        (7, "one label per sample"),
        (None, "one label per sample"),
        ([5, 5, 5], "at least two classes"),
        (["a", "b", "c"], "all 3 classes are singletons"),
    ],
)
def test_bad_labels_are_refused_with_their_reason(labels, message):
    with pytest.raises(InvalidInputError, match=message):
        UFM.from_labels(labels, Ridge(0.1))


@given(st.lists(st.one_of(st.integers(-3, 3), st.text("ab", max_size=2)), min_size=3))
def test_labels_are_counted_and_found_again(labels):
    distinct = set(labels)
    if len(distinct) < 2 or len(distinct) == len(labels):
        with pytest.raises(InvalidInputError):
            UFM.from_labels(labels, Ridge(0.1))
        return
    problem = UFM.from_labels(labels, Ridge(0.1))
    index = problem.class_index(labels)
    assert [problem.class_labels[number] for number in index] == labels
    assert np.bincount(index).tolist() == list(problem.class_sizes)


def test_class_index_of_named_classes():
    problem = UFM([3, 2], Ridge(0.1), class_labels=["dog", "cat"])
    index = problem.class_index(np.array(["cat", "dog", "cat"]))
    assert index.tolist() == [1, 0, 1]
    assert index.dtype == np.int64
    assert problem.class_index([]).tolist() == []


def test_class_index_of_numbered_classes():
    problem = UFM([3, 2], Ridge(0.1))
    assert problem.class_index([1, np.int64(0), 1]).tolist() == [1, 0, 1]
    assert problem.class_index(np.array([1, 0])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("names", "labels", "message"),
    [
        (None, [0, 2], "label 2 is no class; there are 2, numbered from 0"),
        (None, [-1], "label -1 is no class; there are 2"),
        (None, ["cat"], "label 'cat' is no class; there are 2"),
        (["dog", "cat"], ["dog", "cow"], "label 'cow' is no class; there are 2: 'dog', 'cat'$"),
        (["dog", "cat"], [math.nan], r"labels\[0\] is missing"),
        (None, np.zeros((2, 2), dtype=int), "one-dimensional"),
        (None, "01", "one label per sample"),
    ],
)
def test_labels_of_no_class_are_refused(names, labels, message):
    with pytest.raises(InvalidInputError, match=message):
        UFM([3, 2], Ridge(0.1), class_labels=names).class_index(labels)


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"], ["a", "a"], []])
def test_class_labels_must_be_one_per_class(names):
    with pytest.raises(InvalidInputError, match="class_labels must be 2 different labels"):
        UFM([3, 2], Ridge(0.1), class_labels=names)


@pytest.mark.parametrize(
    "call",
    [
        lambda: UFM([3, 2], Ridge(0.1), class_labels=[[1], [2]]),
        lambda: UFM([3, 2], Ridge(0.1), class_labels=5),
        lambda: UFM([3, 2], Ridge(0.1)).class_index([[1], 0]),
        lambda: UFM.from_labels([np.array([1, 2]), np.array([1, 2]), 3], Ridge(0.1)),
    ],
)
def test_labels_that_cannot_be_compared_are_refused(call):
    with pytest.raises(InvalidInputError):
        call()


NAN = float("nan")


@pytest.mark.parametrize(
    "names", [[NAN, "a"], np.array([NAN, 1.0]), [(1, NAN), (1, 2)], ("b", np.float32("nan"))]
)
def test_nan_names_no_class(names):
    with pytest.raises(InvalidInputError, match="is missing"):
        UFM([3, 2], Ridge(0.1), class_labels=names)


@pytest.mark.parametrize("names", ["ab", np.zeros((2, 1)), {}])
def test_class_labels_are_a_flat_sequence_of_different_ones(names):
    with pytest.raises(InvalidInputError, match="labels must be"):
        UFM([3, 2], Ridge(0.1), class_labels=names)


def test_numpy_scalars_become_python_objects():
    names = [np.int64(4), (np.str_("x"), (np.float64(0.5), 1))]
    problem = UFM([3, 2], Ridge(0.1), class_labels=names)
    assert repr(problem.class_labels) == "(4, ('x', (0.5, 1)))"
    assert problem.class_index([(np.str_("x"), (0.5, np.int8(1))), 4]).tolist() == [1, 0]
    array = UFM([3, 2], Ridge(0.1), class_labels=np.array([7, 9]))
    assert repr(array.class_labels) == "(7, 9)"


def test_class_index_does_not_list_the_classes():
    problem = UFM.from_pairs([3], [10**12], Ridge(0.1))
    assert problem.class_index([10**12 - 1, 0.0]).tolist() == [10**12 - 1, 0]
    for wrong in (10**12, 0.5, math.inf):
        with pytest.raises(InvalidInputError, match="is no class; there are 1,000,000,000,000"):
            problem.class_index([wrong])


# ----------------------------------------------------------------- where the optimum vanishes


def slack_at_zero(sizes: list[int], ridge: float, temperature: float) -> float:
    """Return the smallest eigenvalue of the k×k dual slack where every row is uniform."""
    size = np.array(sizes, dtype=float)
    n, anchored = size.sum(), size >= 2
    weighted = np.outer(size * anchored, size) / (n - 1)
    weighted[np.diag_indices_from(weighted)] = size * anchored * (size - 1) / (n - 1)
    slack = (weighted + weighted.T) / 2 - np.diag(size * anchored)
    slack = slack / temperature + ridge / 2 * np.diag(size)
    return float(np.linalg.eigvalsh(slack / np.sqrt(np.outer(size, size)))[0])


def bisected_threshold(sizes: list[int], temperature: float) -> float:
    """Return the smallest λ with a positive semidefinite slack, without any formula."""
    low, high = 0.0, 8.0 / temperature
    for _ in range(100):
        middle = (low + high) / 2
        if slack_at_zero(sizes, middle, temperature) >= 0:
            high = middle
        else:
            low = middle
    return high


anchored_sizes = st.lists(st.integers(2, 50), min_size=1, max_size=5)


@given(anchored_sizes, st.integers(0, 30), st.floats(0.05, 5))
def test_zero_threshold_is_where_the_slack_becomes_singular(anchored, singletons, temperature):
    sizes = anchored + [1] * singletons
    if len(sizes) < 2:
        sizes = [*sizes, 2]
    threshold = UFM(sizes, Ridge(0.1), temperature).zero_threshold()
    assert threshold == pytest.approx(bisected_threshold(sizes, temperature), rel=1e-9)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([5, 5], 20 / 9),
        ([50, 3], 106 / 52),
        ([50, 3, 1, 1], 110 / 54),
        ([5, 1], (1 + math.sqrt(6)) / 5),
        ([2, 1, 1], (2 + math.sqrt(8)) / 3),
    ],
)
def test_zero_threshold_of_examples(sizes, expected):
    assert UFM(sizes, Ridge(0.1)).zero_threshold() == pytest.approx(expected, rel=1e-15)
    assert UFM(sizes, Ridge(0.1), 0.25).zero_threshold() == pytest.approx(4 * expected, rel=1e-15)


@pytest.mark.parametrize("sizes", [[5, 3], [5, 1, 1]])
def test_zero_is_optimal_from_the_threshold_on_and_only_for_ridge(sizes):
    threshold = UFM(sizes, Ridge(1.0), 0.5).zero_threshold()
    assert UFM(sizes, Ridge(threshold), 0.5).is_zero_optimal()
    assert UFM(sizes, Ridge(2 * threshold), 0.5).is_zero_optimal()
    assert not UFM(sizes, Ridge(threshold * (1 - 1e-12)), 0.5).is_zero_optimal()
    for control in (Ball, Sphere, Budget):
        assert not UFM(sizes, control(100.0), 0.5).is_zero_optimal()


@pytest.mark.parametrize("control", [Ridge, Ball, Sphere, Budget])
@pytest.mark.parametrize("number", [5e-324, 1e-200, 1e200, 1e308])
def test_numbers_whose_squares_are_beyond_double_precision_are_refused(control, number):
    for sizes in ([15, 8, 4, 2], [5, 2, 1, 1]):
        with pytest.raises(InvalidInputError, match="beyond double precision"):
            UFM(sizes, control(number))
        with pytest.raises(InvalidInputError, match="beyond double precision"):
            UFM(sizes, control(1.0), number)


def test_magnitudes_count_at_unit_temperature_too():
    with pytest.raises(InvalidInputError, match="sphere at unit temperature, 1e\\+200"):
        UFM([5, 2], Sphere(1e100), 1e-100)
    with pytest.raises(InvalidInputError, match="ridge at unit temperature, 1e-200"):
        UFM([5, 2], Ridge(1e-100), 1e-100)
    assert UFM([5, 2], Sphere(1e-100), 1e-100).control_at_unit_temperature == Sphere(1.0)
