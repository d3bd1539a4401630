"""Blocks of invariant matrices against the full n×n matrices they stand for."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screlax import UFM, ClassSizes, Ridge
from screlax.gram.blocks import (
    gram_blocks,
    gram_from_blocks,
    is_positive_definite,
    slack_blocks,
)
from screlax.gram.cells import CellGram, Level
from screlax.gram.curve import SlackVectorGram
from screlax.gram.rounding import UNIT, product, summation
from screlax.problem.levels import classes_to_orbits, lift_from_orbits
from screlax.problem.program import build_program

sizes_lists = st.lists(st.integers(1, 5), min_size=2, max_size=6).filter(lambda x: max(x) > 1)
seeds = st.integers(0, 2**32 - 1)


def invariant(sizes: list[int], seed: int) -> CellGram:
    """Return arbitrary values of an orbit Gram matrix, indefinite in general."""
    partition = classes_to_orbits(ClassSizes.from_counts(sizes))
    rng, count = np.random.default_rng(seed), partition.multiplicities
    pair = rng.standard_normal((len(count), len(count)))
    pair = pair + pair.T
    own = np.where(count > 1, rng.standard_normal(len(count)), np.diagonal(pair))
    return CellGram(own, pair)


@given(sizes_lists, seeds)
def test_gram_blocks_have_the_eigenvalues_of_all_samples(sizes, seed):
    problem, gram = UFM(sizes, Ridge(0.1)), invariant(sizes, seed)
    samples = lift_from_orbits(problem.class_sizes, Level.SAMPLES, gram).pair
    relaxation = build_program(problem, Level.ORBITS)
    blocks = gram_blocks(relaxation.cells, gram)
    copies = (relaxation.cells.points - 1).astype(int)
    split = np.repeat(np.where(copies > 0, blocks.split, 0.0), copies)
    found = np.concatenate([np.linalg.eigvalsh(blocks.shared), split])
    found = np.sort(np.concatenate([found, np.zeros(sum(sizes) - len(found))]))
    assert found == pytest.approx(np.linalg.eigvalsh(samples), abs=1e-10)
    assert blocks.smallest_eigenvalue() == pytest.approx(
        min(np.linalg.eigvalsh(blocks.shared)[0], *split, np.inf)
    )


@given(sizes_lists, seeds)
def test_blocks_and_back_is_the_identity(sizes, seed):
    relaxation = build_program(UFM(sizes, Ridge(0.1)), Level.ORBITS)
    gram = invariant(sizes, seed)
    back = gram_from_blocks(relaxation.cells, gram_blocks(relaxation.cells, gram))
    assert back.own == pytest.approx(gram.own, abs=1e-12)
    assert back.pair == pytest.approx(gram.pair, abs=1e-12)


@given(sizes_lists, seeds)
def test_slack_of_orbits_has_the_smallest_eigenvalue_of_that_of_classes(sizes, seed):
    problem, gram = UFM(sizes, Ridge(0.1)), invariant(sizes, seed)
    smallest = []
    for level in (Level.ORBITS, Level.CLASSES):
        relaxation = build_program(problem, level)
        cells = lift_from_orbits(problem.class_sizes, level, gram)
        slack = relaxation.slack(relaxation.loss.expand(cells), relaxation.penalty)
        smallest.append(slack_blocks(relaxation.cells, slack).smallest_eigenvalue())
    assert smallest[0] == pytest.approx(smallest[1], abs=1e-11)


@given(sizes_lists, seeds)
def test_slack_product_is_the_same_at_every_level(sizes, seed):
    problem, gram = UFM(sizes, Ridge(0.1)), invariant(sizes, seed)
    products = []
    for level in Level:
        relaxation = build_program(problem, level)
        cells = lift_from_orbits(problem.class_sizes, level, gram)
        slack = relaxation.slack(relaxation.loss.expand(cells), relaxation.penalty)
        products.append(product(slack, cells))
    assert products == pytest.approx([products[0]] * 4, abs=1e-10)


@pytest.mark.parametrize("count", [128, 1000, 10**5])
def test_sums_are_no_farther_off_than_is_allowed_for(count):
    """Every addition of nearly half a unit to one is rounded down: nothing averages out."""
    numbers = np.full(count, 0.9 * UNIT)
    numbers[:8] = 1.0
    exact = math.fsum(numbers)
    assert abs(float(numbers.sum()) - exact) <= summation(count) * exact
    assert summation(count) >= count / 16 * UNIT


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_matrix_that_is_not_all_numbers_is_not_positive_definite(bad):
    assert is_positive_definite(np.eye(2), 0.0)
    assert not is_positive_definite(np.diag([bad, 1.0]), 0.0)


@pytest.mark.parametrize("name", ["unit_own", "centre", "log_normalizer"])
def test_a_root_is_finite_where_all_of_its_numbers_are(name):
    ones = np.ones(2)
    gram = SlackVectorGram(ones, ones, ones, ones, copies=ones)
    assert gram.is_finite()
    assert not dataclasses.replace(gram, **{name: np.array([1.0, np.nan])}).is_finite()
