"""Profiles against the published vectors, their formulas, and every wrong argument."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_counts import CLASS_COUNTS, needs_real_counts

from screlax.errors import InvalidInputError, ProblemTooLargeError
from screlax.problem.class_sizes import ClassSizes
from screlax.problem.profiles import balanced, exponential, pareto, profile, step

BUILDERS = [step, exponential, pareto]

classes_numbers = st.integers(2, 300)
sizes = st.integers(1, 10**12)
imbalances = st.floats(1, 1e6)


def published(name: str) -> np.ndarray:
    return np.loadtxt(CLASS_COUNTS / name, dtype=np.int64)


@needs_real_counts
@pytest.mark.parametrize(
    ("file", "name", "build", "arguments"),
    [
        ("cifar10_lt_exp_if100.csv", "cifar10-lt", exponential, (10, 5000, 100)),
        ("cifar100_lt_exp_if100.csv", "cifar100-lt", exponential, (100, 500, 100)),
        ("cifar10_lt_step_if100.csv", "cifar10-step", step, (10, 5000, 100)),
        ("cifar100_lt_step_if100.csv", "cifar100-step", step, (100, 500, 100)),
    ],
)
def test_published_vectors(file, name, build, arguments):
    expected = published(file).tolist()
    assert build(*arguments).tolist() == expected
    assert profile(name).tolist() == expected


def test_cifar10_values_without_the_data_folder():
    assert exponential(10, 5000, 100).tolist() == [
        *(5000, 2997, 1796, 1077, 645),
        *(387, 232, 139, 83, 50),
    ]
    assert step(4, 500, 100).tolist() == [500, 500, 5, 5]
    assert balanced(3, 7).tolist() == [7, 7, 7]


@pytest.mark.parametrize(("classes", "largest"), [(10, 5000), (100, 500), (8142, 1000)])
@pytest.mark.parametrize("imbalance", [1, 2, 5, 10, 20, 50, 100, 200, 250, 256, 500])
def test_exponential_equals_the_published_code(classes, largest, imbalance):
    factor = 1 / imbalance
    literal = [int(largest * factor ** (i / (classes - 1.0))) for i in range(classes)]
    assert exponential(classes, largest, imbalance).tolist() == literal


@needs_real_counts
def test_pareto_is_close_to_imagenet_lt():
    real = np.sort(published("imagenet_lt.csv"))[::-1]
    ours = pareto(1000, 1280, 256)
    assert (ours[0], ours[-1]) == (1280, 5)
    assert ours.sum() == 121_449  # the docstring states it
    assert abs(ours.sum() / real.sum() - 1) < 0.05
    assert np.abs(ours - real).mean() < 8
    assert np.abs(pareto(1000, 1280, 256, power=3) - real).mean() > 30


@given(classes_numbers, st.integers(1, 10**6), st.integers(1, 1000), st.integers(1, 12))
def test_pareto_formula(classes, largest, imbalance, power):
    smallest = largest / imbalance
    quantile = [((i + 1) / classes) ** (-1 / power) for i in range(classes)]
    expected = [smallest + (largest - smallest) * (q - 1) / (quantile[0] - 1) for q in quantile]
    ours = pareto(classes, largest, imbalance, power)
    for value, size in zip(expected, ours.tolist(), strict=True):
        slack = 1e-9 * largest
        assert size == max(1, math.floor(value)) or abs(value - size) < slack


@pytest.mark.parametrize("power", [1e-300, 1e-3, 1e300])
def test_pareto_extreme_power_stays_finite(power):
    ours = pareto(50, 1000, 10, power)
    assert (ours[0], ours[-1]) == (1000, 100)
    assert np.all(np.diff(ours) <= 0)


@pytest.mark.parametrize("build", BUILDERS)
@given(classes_numbers, sizes, imbalances)
def test_shape_order_and_ends(build, classes, largest, imbalance):
    ours = build(classes, largest, imbalance)
    assert ours.shape == (classes,)
    assert ours.dtype == np.int64
    assert ours[0] == largest
    assert np.all(np.diff(ours) <= 0)
    assert ours[-1] >= 1
    assert ours[-1] == pytest.approx(max(1, largest // Fraction(imbalance)), abs=1, rel=1e-13)


@pytest.mark.parametrize("build", BUILDERS)
@given(classes_numbers, st.integers(1, 10**4), st.integers(1, 10**4))
def test_whole_imbalance_is_reached_exactly(build, classes, smallest, imbalance):
    # 98 · (1/49) is below 2 in floating point: rounding must not lose a sample.
    assert build(classes, smallest * imbalance, imbalance)[-1] == smallest


@pytest.mark.parametrize("build", BUILDERS)
def test_imbalance_one_is_balanced(build):
    assert build(7, 30, 1).tolist() == balanced(7, 30).tolist()


@pytest.mark.parametrize("build", BUILDERS)
def test_no_class_is_lost(build):
    assert build(10, 5, 1000)[-1] == 1


@pytest.mark.parametrize(
    ("fraction", "majority"), [(0.5, 5), (0.9, 1), (0.1, 9), (0.01, 9), (0.99, 1), (0.7, 3)]
)
def test_step_minority_fraction(fraction, majority):
    ours = step(10, 100, 10, minority_fraction=fraction)
    assert ours.tolist() == [100] * majority + [10] * (10 - majority)


def test_step_fraction_is_not_lost_to_rounding():
    assert (1 - 0.9) * 20 < 2
    assert step(20, 100, 10, minority_fraction=0.9).tolist() == [100] * 2 + [10] * 18


def test_step_odd_number_of_classes():
    assert step(5, 100, 10).tolist() == [100, 100, 10, 10, 10]


def test_two_classes():
    for build in BUILDERS:
        assert build(2, 100, 4).tolist() == [100, 25]


@pytest.mark.parametrize(
    "ours", [balanced(3, 4), step(4, 9, 3), exponential(4, 9, 3), pareto(4, 9, 3)]
)
def test_read_only_and_accepted_as_class_sizes(ours):
    with pytest.raises(ValueError, match="read-only"):
        ours[0] = 1
    assert ClassSizes.from_counts(ours).samples == ours.sum()


def test_whole_floats_and_numpy_numbers_are_accepted():
    expected = exponential(10, 5000, 100).tolist()
    assert exponential(np.int32(10), 5000.0, np.float32(100)).tolist() == expected


@pytest.mark.parametrize(
    "bad", [0, -3, 2.5, math.nan, math.inf, 10**13, 10**400, True, "5", None, [5]]
)
@pytest.mark.parametrize("build", [balanced, *BUILDERS])
def test_bad_size(build, bad):
    rest = () if build is balanced else (10,)
    with pytest.raises(InvalidInputError, match=r"(size|largest) must be a whole number") as caught:
        build(10, bad, *rest)
    assert repr(bad)[:57] in str(caught.value)


@pytest.mark.parametrize("bad", [1, 0, -3, 2.5, math.nan, math.inf, True, "5", None, 1j])
@pytest.mark.parametrize("build", [balanced, *BUILDERS])
def test_bad_classes(build, bad):
    rest = () if build is balanced else (10,)
    with pytest.raises(InvalidInputError, match="classes must be a whole number from 2"):
        build(bad, 100, *rest)


@pytest.mark.parametrize("bad", [0, -3, math.nan, math.inf, -math.inf, 10**400, True, "5", None])
@pytest.mark.parametrize("build", BUILDERS)
def test_bad_imbalance(build, bad):
    with pytest.raises(
        InvalidInputError, match=r"imbalance must be (a number|positive and finite), "
    ) as caught:
        build(10, 100, bad)
    assert repr(bad)[:57] in str(caught.value)


def test_imbalance_below_one_suggests_the_reciprocal():
    with pytest.raises(InvalidInputError, match=r"at least 1; got 0\.01, did you mean 100\?"):
        profile("cifar10-lt", 0.01)


@pytest.mark.parametrize("bad", [0, -0.5, math.nan, "half", 1, 1.5])
def test_bad_minority_fraction(bad):
    with pytest.raises(InvalidInputError, match=r"minority_fraction must .* got"):
        step(10, 100, 10, minority_fraction=bad)


@pytest.mark.parametrize("bad", [0, -6, math.nan, math.inf, "six"])
def test_bad_power(bad):
    with pytest.raises(InvalidInputError, match=r"power must be (a number|positive and finite), "):
        pareto(10, 100, 10, power=bad)


def test_too_many_classes_to_list():
    with pytest.raises(ProblemTooLargeError, match="from_pairs"):
        profile("balanced:1000000000000,5")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cifar100-lt:50", exponential(100, 500, 50)),
        ("cifar10-lt:1.5", exponential(10, 5000, 1.5)),
        (" CIFAR10-Step : 20 ", step(10, 5000, 20)),
        ("cifar100-step:10", step(100, 500, 10)),
        ("balanced:4,25", balanced(4, 25)),
        ("step:10,500,20", step(10, 500, 20)),
        ("exponential:20, 500, 7.5", exponential(20, 500, 7.5)),
        ("pareto:1e2,1280,256", pareto(100, 1280, 256)),
    ],
)
def test_names(name, expected):
    assert profile(name).tolist() == expected.tolist()


def test_imbalance_as_an_argument():
    assert profile("cifar100-lt", 50).tolist() == profile("cifar100-lt:50").tolist()
    assert profile("step:10,500", imbalance=20).tolist() == profile("step:10,500,20").tolist()


@pytest.mark.parametrize("name", ["cifar10", "imagenet-xl", "", ":", "exponental:10,100,10", "K"])
def test_unknown_name_lists_the_known_ones(name):
    with pytest.raises(InvalidInputError, match="unknown profile") as caught:
        profile(name)
    for known in ("cifar10-lt", "cifar100-step", "balanced:K,SIZE", "pareto:K,LARGEST,IF"):
        assert known in str(caught.value)


def test_unknown_name_suggests_the_closest():
    with pytest.raises(InvalidInputError, match="did you mean 'exponential'"):
        profile("exponental:10,100,10")
    with pytest.raises(InvalidInputError, match="did you mean 'cifar100-lt'"):
        profile("cifar100lt")


@pytest.mark.parametrize(
    ("name", "imbalance", "message"),
    [
        ("cifar10-lt:50", 50, "takes one imbalance factor, got 50, 50"),
        ("cifar10-lt:50,20", None, "takes one imbalance factor"),
        ("cifar10-lt:", None, "'' is not a number"),
        ("cifar10-lt:many", None, "'many' is not a number"),
        ("cifar10-lt:nan", None, "positive and finite.*nan"),
        ("cifar10-lt:0.5", None, r"at least 1; got 0\.5, did you mean 2"),
        ("step", None, r"numbers \(none\); write 'step:K,LARGEST,IF'"),
        ("step:10,500", None, "numbers 10, 500; write 'step:K,LARGEST,IF'"),
        ("pareto:10,500,20,6", None, "write 'pareto:K,LARGEST,IF'"),
        ("balanced:10,500", 20, "a balanced profile has none"),
        ("exponential:10,,20", None, "'' is not a number"),
        ("step:1,500,20", None, "classes must be a whole number from 2"),
        ("step:10,500.5,20", None, r"largest must be a whole number.*500\.5"),
        (7, None, "must be text"),
    ],
)
def test_bad_names(name, imbalance, message):
    with pytest.raises(InvalidInputError, match=message):
        profile(name, imbalance)
