"""Class sizes: what is accepted, what is refused with a reason, and how they are stored."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screlax import UFM, ClassSizes, Ridge, ScrelaxError
from screlax.errors import InvalidInputError, ProblemTooLargeError
from screlax.problem.class_sizes import MAX_SIZE

counts = st.lists(st.integers(1, 10**6), min_size=2, max_size=40).filter(lambda x: max(x) > 1)

BAD_COUNTS = {
    "empty": ([], "empty"),
    "empty array": (np.array([], dtype=int), "empty"),
    "zero": ([3, 0, 2], "got 0 at position 1"),
    "negative": ([3, 2, -4], "got -4 at position 2"),
    "fraction": ([3, 2.5], r"got 2\.5 at position 1"),
    "nan": ([3, float("nan")], "got nan at position 1"),
    "infinite": ([3, float("inf")], "got inf at position 1"),
    "text": (["3", "2"], "numbers, got '3' at position 0, which is str"),
    "one text": ("32", "sequence with one number each, got '32'"),
    "bytes": (b"32", "sequence with one number each"),
    "number": (5, "sequence with one number each, got 5"),
    "none": (None, "sequence with one number each, got None"),
    "none inside": ([None, 3], "numbers, got None at position 0, which is missing"),
    "booleans": ([True, True], "numbers, got True at position 0"),
    "complex": ([3 + 0j, 2], "numbers, got .*at position 0, which is complex"),
    "object": ([Fraction(3), 2], "numbers, got Fraction"),
    "square": ([[3, 2], [2, 3]], r"one-dimensional, got shape \(2, 2\)"),
    "scalar array": (np.array(3), r"one-dimensional, got shape \(\)"),
    "ragged": ([[3, 2], [2]], "flat list"),
    "too large": ([MAX_SIZE + 1, 2], r"above 1e\+12 are not supported"),
    "beyond int64": ([2**63, 2], "not supported"),
    "beyond uint64": ([2**70, 2], "not supported"),
}


@pytest.mark.parametrize(("bad", "message"), BAD_COUNTS.values(), ids=BAD_COUNTS)
def test_bad_counts_are_refused_with_their_reason(bad, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        ClassSizes.from_counts(bad)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, ScrelaxError)
    with pytest.raises(InvalidInputError, match=message):
        UFM(bad, Ridge(0.1))


def test_sizes_without_a_loss_are_refused_where_the_loss_is_known():
    for counts, pairs, message in (
        ([7], ([7], [1]), "at least two classes"),
        ([1, 1, 1], ([1], [3]), "all 3 classes are singletons"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            UFM(counts, Ridge(0.1))
        with pytest.raises(InvalidInputError, match=message):
            UFM.from_pairs(*pairs, Ridge(0.1))


@pytest.mark.parametrize(
    ("sizes", "multiplicities", "message"),
    [
        ([3, 2], [1], "2 sizes but 1 multiplicities"),
        ([3, 2], [1, 0], "multiplicities must be positive whole numbers, got 0 at position 1"),
        ([3, -2], [1, 1], "class sizes must be positive whole numbers"),
        ([], [], "class sizes are empty"),
        ([3], [], "multiplicities are empty"),
        ([3, 2], [[1, 1]], "multiplicities must be one-dimensional"),
    ],
)
def test_bad_pairs_are_refused_with_their_reason(sizes, multiplicities, message):
    with pytest.raises(InvalidInputError, match=message):
        ClassSizes.from_pairs(sizes, multiplicities)


@pytest.mark.parametrize(
    "given_as",
    [
        [5, 2, 5, 1],
        (5, 2, 5, 1),
        np.array([5, 2, 5, 1]),
        np.array([5, 2, 5, 1], dtype=np.uint8),
        np.array([5.0, 2.0, 5.0, 1.0]),
        [5.0, 2, np.int32(5), 1],
        range(1, 5),
        iter([5, 2, 5, 1]),
    ],
)
def test_every_sequence_of_whole_numbers_is_accepted(given_as):
    sizes = ClassSizes.from_counts(given_as)
    assert sizes.distinct.dtype == np.int64
    assert sizes.classes == len(sizes) >= 2


def test_summary_of_an_example():
    sizes = ClassSizes.from_counts([1, 5, 2, 5, 1])
    assert sizes.distinct.tolist() == [5, 2, 1]
    assert sizes.multiplicities.tolist() == [2, 1, 2]
    assert sizes.orbit_index().tolist() == [2, 0, 1, 0, 2]
    assert (sizes.classes, sizes.orbits, sizes.samples) == (5, 3, 14)
    assert (sizes.singletons, sizes.anchors) == (2, 12)
    assert repr(sizes) == "ClassSizes(k=5, n=14, m=3, largest=5, smallest=1)"


@given(counts)
def test_behaves_like_the_list_it_came_from(values):
    sizes = ClassSizes.from_counts(values)
    assert list(sizes) == values
    assert np.asarray(sizes).tolist() == values
    assert np.asarray(sizes, dtype=float).dtype == float
    assert len(sizes) == sizes.classes == len(values)
    assert sizes[0] == values[0]
    assert sizes[1:].tolist() == values[1:]
    assert sizes.samples == sum(values)
    assert sizes.singletons == values.count(1)
    assert sizes.anchors == sum(value for value in values if value > 1)
    assert sizes.orbits == len(set(values))
    assert (np.diff(sizes.distinct) < 0).all()


@given(counts)
def test_pairs_and_counts_describe_the_same_classes(values):
    from_counts = ClassSizes.from_counts(sorted(values, reverse=True))
    from_pairs = ClassSizes.from_pairs(values, [1] * len(values))
    assert from_pairs == from_counts
    assert hash(from_pairs) == hash(from_counts)
    assert from_pairs.orbit_of_class is None
    assert list(from_pairs) == list(from_counts)


def test_an_instance_is_taken_as_it_is():
    sizes = ClassSizes.from_counts([5, 2])
    assert ClassSizes.from_counts(sizes) is sizes


def test_arrays_cannot_be_written_to_and_the_input_is_left_alone():
    values = np.array([5, 2, 5])
    sizes = ClassSizes.from_counts(values)
    values[0] = 9
    assert list(sizes) == [5, 2, 5]
    for array in (sizes.distinct, sizes.multiplicities, sizes.orbit_of_class):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_ten_million_classes_are_not_listed():
    sizes = ClassSizes.from_pairs([100, 1], [10**9, 2])
    assert (sizes.classes, sizes.samples, sizes.orbits) == (10**9 + 2, 10**11 + 2, 2)
    with pytest.raises(ProblemTooLargeError, match="listing 1,000,000,002 classes"):
        sizes.orbit_index()
    assert "k=1000000002" in repr(sizes)


def test_equality_looks_at_the_order_of_classes():
    listed, pairs = ClassSizes.from_counts([5, 2]), ClassSizes.from_pairs([5, 2], [2, 1])
    assert listed == ClassSizes.from_counts([5, 2])
    assert listed not in (ClassSizes.from_counts([2, 5]), [5, 2])
    assert pairs == ClassSizes.from_counts([5, 5, 2]) == pairs
    assert pairs != ClassSizes.from_counts([5, 2, 5])
    assert ClassSizes.from_counts([2, 5, 5]) != pairs
    assert pairs != ClassSizes.from_pairs([5, 2], [1, 2])
    assert ClassSizes.from_pairs([3], [10**9]) == ClassSizes.from_pairs([3], [10**9])


def test_samples_are_counted_up_to_the_last_exact_one():
    assert ClassSizes.from_pairs([2], [2**39]).samples == 2**40
    assert ClassSizes.from_pairs([2**13], [2**39]).samples == 2**52
    assert ClassSizes.from_pairs([2**14], [2**39]).samples == 2**53
    with pytest.raises(InvalidInputError, match="counted exactly in double precision"):
        ClassSizes.from_pairs([2**14, 2], [2**39, 1])
    with pytest.raises(InvalidInputError, match="samples in all"):
        ClassSizes.from_counts([10**12] * 10**4)
