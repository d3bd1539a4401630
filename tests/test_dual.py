"""Dual points between levels: there and back is the identity, and the bound stays."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import CASES, Case

from screlax import Ridge
from screlax.gram.blocks import slack_blocks
from screlax.gram.cells import CellGram, Level
from screlax.problem.losses.softmax_rows import RowWeights
from screlax.problem.program import Program, build_program
from screlax.proof.dual import DualPoint, dual_from_orbits, dual_to_orbits

every_level = pytest.mark.parametrize("level", list(Level))
table = st.sampled_from(CASES)
seeds = st.integers(0, 2**32 - 1)


def random_dual(relaxation: Program, rng: np.random.Generator) -> DualPoint:
    """Return stochastic rows on the entries the loss has, and multipliers."""
    own = rng.exponential(size=relaxation.size) * (relaxation.loss.weight.own > 0)
    pair = rng.exponential(size=(relaxation.size, relaxation.size)) * (
        relaxation.loss.weight.pair > 0
    )
    total = own + pair.sum(axis=1)
    share = np.where(relaxation.loss.anchors > 0, 1 / total, 0.0)
    multipliers = rng.exponential(size=relaxation.size) * relaxation.cells.mass
    return DualPoint(RowWeights(own * share, pair * share[:, None]), multipliers)


def bound(relaxation: Program, dual: DualPoint) -> float:
    gram = CellGram(np.ones(relaxation.size), np.eye(relaxation.size))
    minorant = relaxation.loss.minorant(gram, relaxation.loss.expand(gram), dual.rows)
    return minorant.constant()[0] - relaxation.control.price(dual.multipliers, relaxation.cells)


def relaxations(case: Case, level: Level) -> tuple[Program, Program]:
    return build_program(case.problem, Level.ORBITS), build_program(case.problem, level)


@every_level
@given(table, seeds)
def test_up_and_down_again_is_the_identity(level, case, seed):
    orbits, target = relaxations(case, level)
    rng = np.random.default_rng(seed)
    entries = rng.exponential(size=(orbits.size, orbits.size))
    entries += entries.T
    np.fill_diagonal(entries, np.where(orbits.cells.points > 1, np.diagonal(entries), 0.0))
    dual = replace(random_dual(orbits, rng), entries=entries)
    back = dual_to_orbits(case.problem, target, dual_from_orbits(case.problem, target, dual))
    assert back.entries == pytest.approx(entries, rel=1e-12)
    assert back.rows.own == pytest.approx(dual.rows.own, rel=1e-12)
    assert back.rows.pair == pytest.approx(dual.rows.pair, rel=1e-12, abs=1e-15)
    assert back.multipliers == pytest.approx(dual.multipliers, rel=1e-12)


@every_level
@given(table, seeds)
def test_going_up_keeps_bound_and_stochastic_rows(level, case, seed):
    orbits, target = relaxations(case, level)
    dual = random_dual(orbits, np.random.default_rng(seed))
    lifted = dual_from_orbits(case.problem, target, dual)
    assert bound(target, lifted) == pytest.approx(bound(orbits, dual), rel=1e-11, abs=1e-11)
    total = lifted.rows.own + lifted.rows.pair.sum(axis=1)
    assert total == pytest.approx((target.loss.anchors > 0).astype(float))


@pytest.mark.parametrize("level", [Level.CLASSES, Level.SAMPLES])
@given(table, seeds)
def test_going_down_does_not_worsen_bound_nor_slack(level, case, seed):
    orbits, source = relaxations(case, level)
    dual = random_dual(source, np.random.default_rng(seed))
    averaged = dual_to_orbits(case.problem, source, dual)
    scale = abs(bound(source, dual))
    assert bound(orbits, averaged) >= bound(source, dual) - 1e-11 * scale
    slack = [
        slack_blocks(relaxation.cells, relaxation.slack(point.rows, point.multipliers))
        for relaxation, point in ((source, dual), (orbits, averaged))
    ]
    assert slack[1].smallest_eigenvalue() >= slack[0].smallest_eigenvalue() - 1e-9


@every_level
def test_points_without_multipliers_stay_without(level):
    case = next(case for case in CASES if isinstance(case.control, Ridge))
    orbits, target = relaxations(case, level)
    dual = DualPoint(random_dual(orbits, np.random.default_rng(0)).rows)
    lifted = dual_from_orbits(case.problem, target, dual)
    assert lifted.multipliers is None
    assert dual_to_orbits(case.problem, target, lifted).multipliers is None
