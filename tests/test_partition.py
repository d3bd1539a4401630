"""Going down averages, going up repeats; the first undoes the second."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import CASES, random_feasible_gram

from screlax import UFM, ClassSizes, Ridge
from screlax.errors import InvalidInputError
from screlax.gram.cells import CellGram, Level, check_level
from screlax.gram.partition import Partition
from screlax.problem.levels import (
    classes_to_orbits,
    lift_from_orbits,
    quotient_to_orbits,
    samples_to_classes,
)
from screlax.problem.program import build_program

seeds = st.integers(0, 2**32 - 1)
sizes_lists = st.lists(st.integers(1, 6), min_size=2, max_size=7).filter(lambda x: max(x) > 1)
partitions = st.lists(st.integers(0, 3), min_size=1, max_size=9).map(
    lambda cells: np.unique(cells, return_inverse=True)[1]
)


def random_gram(points: int, rng: np.random.Generator) -> np.ndarray:
    vectors = rng.standard_normal((points, int(rng.integers(1, points + 2))))
    return vectors @ vectors.T


def random_invariant(partition: Partition, rng: np.random.Generator) -> CellGram:
    """Return arbitrary cell values; where a cell stands for one point, pair is own."""
    count = partition.multiplicities
    pair = rng.standard_normal((len(count), len(count)))
    pair = pair + pair.T
    apart = (count > 1) & (not partition.collapse)
    own = np.where(apart, rng.standard_normal(len(count)), np.diagonal(pair))
    return CellGram(own, pair)


def close(first: CellGram, second: CellGram) -> bool:
    return np.allclose(first.own, second.own, rtol=1e-12, atol=1e-12) and np.allclose(
        first.pair, second.pair, rtol=1e-12, atol=1e-12
    )


# ----------------------------------------------------------------- one partition


@given(partitions, st.booleans(), seeds)
def test_lift_then_quotient_is_the_identity(cells, collapse, seed):
    partition = Partition(cells, collapse)
    gram = random_invariant(partition, np.random.default_rng(seed))
    assert close(partition.quotient(partition.lift(gram)), gram)


@given(partitions, seeds)
def test_quotient_is_the_average_over_pairs_of_different_points(cells, seed):
    matrix = random_gram(len(cells), np.random.default_rng(seed))
    gram = Partition(cells, collapse=False).quotient(matrix)
    for g in range(cells.max() + 1):
        assert gram.own[g] == pytest.approx(np.diagonal(matrix)[cells == g].mean())
        for h in range(cells.max() + 1):
            entries = [
                matrix[i, j]
                for i in np.flatnonzero(cells == g)
                for j in np.flatnonzero(cells == h)
                if i != j
            ]
            expected = np.mean(entries) if entries else gram.own[g]
            assert gram.pair[g, h] == pytest.approx(expected, abs=1e-12)


@given(partitions, st.booleans(), seeds)
def test_quotient_keeps_trace_and_semidefiniteness(cells, collapse, seed):
    matrix = random_gram(len(cells), np.random.default_rng(seed))
    partition = Partition(cells, collapse)
    averaged = partition.lift(partition.quotient(matrix))
    assert np.trace(averaged) == pytest.approx(np.trace(matrix))
    assert np.linalg.eigvalsh(averaged)[0] >= -1e-10 * np.trace(matrix)
    assert np.allclose(averaged, averaged.T)


@given(partitions, seeds)
def test_collapse_makes_the_points_of_a_cell_coincide(cells, seed):
    partition = Partition(cells, collapse=True)
    gram = partition.quotient(random_gram(len(cells), np.random.default_rng(seed)))
    assert np.array_equal(np.diagonal(gram.pair), gram.own)
    apart = partition.without_collapse()
    assert not apart.collapse
    assert apart.cell_of_point is partition.cell_of_point


def test_multiplicities_and_averages_of_an_example():
    partition = Partition(np.array([0, 1, 0, 2]), collapse=False)
    assert partition.multiplicities.tolist() == [2, 1, 1]
    assert partition.average(np.array([1.0, 5.0, 3.0, 7.0])).tolist() == [2.0, 5.0, 7.0]


def test_spread_and_scaling():
    gram = CellGram(np.array([3.0, 2.0]), np.array([[1.0, 0.5], [0.5, 2.0]]))
    assert gram.spread.tolist() == [2.0, 0.0]
    assert gram.scaled(2.0).own.tolist() == [6.0, 4.0]
    assert gram.scaled(2.0).pair.tolist() == [[2.0, 1.0], [1.0, 4.0]]
    assert CellGram.from_matrix(gram.pair).own.tolist() == [1.0, 2.0]


# ----------------------------------------------------------------- the levels of a problem


@pytest.mark.parametrize("level", list(Level))
@given(sizes_lists, seeds)
def test_orbits_to_a_level_and_back_is_the_identity(level, sizes, seed):
    class_sizes = ClassSizes.from_counts(sizes)
    gram = random_invariant(classes_to_orbits(class_sizes), np.random.default_rng(seed))
    lifted = lift_from_orbits(class_sizes, level, gram)
    assert close(quotient_to_orbits(class_sizes, level, lifted), gram)


@given(sizes_lists, seeds)
def test_lifted_sample_gram_repeats_the_class_gram(sizes, seed):
    class_sizes = ClassSizes.from_counts(sizes)
    gram = random_invariant(classes_to_orbits(class_sizes), np.random.default_rng(seed))
    classes = lift_from_orbits(class_sizes, Level.CLASSES, gram).pair
    samples = lift_from_orbits(class_sizes, Level.SAMPLES, gram).pair
    labels = np.repeat(np.arange(len(sizes)), sizes)
    assert np.array_equal(samples, classes[np.ix_(labels, labels)])
    assert samples_to_classes(class_sizes).cell_of_point.tolist() == labels.tolist()


@given(st.sampled_from(CASES), seeds)
def test_going_down_from_samples_does_not_raise_the_objective(case, seed):
    """Any Gram matrix of the samples, not only a collapsed one."""
    matrix = random_gram(sum(case.sizes), np.random.default_rng(seed))
    problem = case.problem
    orbits = quotient_to_orbits(problem.class_sizes, Level.SAMPLES, CellGram.from_matrix(matrix))
    before = build_program(problem, Level.SAMPLES).value(CellGram.from_matrix(matrix))
    after = build_program(problem, Level.ORBITS).value(orbits)
    assert after <= before * (1 + 1e-12)


@given(st.sampled_from(CASES), seeds)
def test_going_down_from_classes_does_not_raise_the_objective(case, seed):
    matrix = random_feasible_gram(case, np.random.default_rng(seed))
    problem, gram = case.problem, CellGram.from_matrix(matrix)
    orbits = quotient_to_orbits(problem.class_sizes, Level.CLASSES, gram)
    before = build_program(problem, Level.CLASSES).value(gram)
    assert build_program(problem, Level.ORBITS).value(orbits) <= before * (1 + 1e-12)


@given(st.sampled_from(CASES), seeds)
def test_relabelling_the_classes_changes_nothing(case, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(case.sizes))
    matrix = random_feasible_gram(case, rng)
    relabelled = replace(case, sizes=tuple(np.array(case.sizes)[order].tolist()))
    first = quotient_to_orbits(
        case.problem.class_sizes, Level.CLASSES, CellGram.from_matrix(matrix)
    )
    second = quotient_to_orbits(
        relabelled.problem.class_sizes,
        Level.CLASSES,
        CellGram.from_matrix(matrix[np.ix_(order, order)]),
    )
    assert close(first, second)
    values = [
        build_program(problem, Level.ORBITS).value(first)
        for problem in (case.problem, relabelled.problem)
    ]
    assert values[0] == values[1]


# ----------------------------------------------------------------- names of levels


@pytest.mark.parametrize("name", ["samples", "classes", "orbits"])
def test_levels_by_name(name):
    assert check_level(name) == name
    assert isinstance(check_level(name), Level)


@pytest.mark.parametrize("name", ["sample", "ORBITS", "", None, 3])
def test_other_levels_are_refused_with_the_names(name):
    with pytest.raises(InvalidInputError, match="samples, instances, classes, orbits"):
        check_level(name)


def test_orbits_of_a_problem_from_pairs_come_in_order_of_size():
    sizes = UFM.from_pairs([2, 5], [2, 1], Ridge(0.1)).class_sizes
    assert classes_to_orbits(sizes).cell_of_point.tolist() == [0, 1, 1]
