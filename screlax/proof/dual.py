"""Dual points, and taking them from one level to another.

A dual row divided by the weights of its exponentials, p_gh / w_gh, is one number per pair of cells,
so that it goes up and down exactly like a Gram matrix; so do multipliers per sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..gram.cells import CellGram, Level
from ..problem.levels import (
    classes_to_orbits,
    lift_from_orbits,
    samples_to_classes,
    views_and_samples,
)
from ..problem.program import Program, build_program
from ..problem.ufm import UFM
from ..types import Vector


@dataclass(frozen=True, eq=False)
class DualPoint:
    """Dual variables: of the loss, and the weight y_g of own_g in the Lagrangian, per cell.

    Those of the loss are stochastic rows P for a row softmax. Without multipliers, those that make
    the Lagrangian stationary are taken.
    """

    rows: Any
    multipliers: Vector | None = None


def dual_to_orbits(problem: UFM, relaxation: Program, dual: DualPoint) -> DualPoint:
    """Average a dual point of any level over the symmetry; its bound does not get worse.

    Rows of samples or instances must be alike within classes, as they are where classes collapse.
    """
    level, sizes = relaxation.level, problem.points
    if level is Level.ORBITS:
        return dual
    ratio, rate = _per_sample(relaxation, dual)
    if level is Level.SAMPLES:
        partition = samples_to_classes(sizes)
        averaged = partition.without_collapse().quotient(ratio.pair)
        within = np.diagonal(averaged.pair).copy()  # the positives are the class's own entry
        ratio = CellGram(within, averaged.pair)
        rate = None if rate is None else partition.average(rate)
    if level is Level.INSTANCES:
        several = problem.instances[sizes.orbit_index()] > 1
        ratio = CellGram(np.where(several, np.diagonal(ratio.pair), ratio.own), ratio.pair)
    partition = classes_to_orbits(sizes)
    pair = ratio.pair.copy()
    np.fill_diagonal(pair, ratio.own)
    target = build_program(problem, Level.ORBITS)
    rate = None if rate is None else partition.average(rate)
    return _from_ratio(target, partition.quotient(pair), rate)


def dual_to_instances(problem: UFM, relaxation: Program, dual: DualPoint) -> DualPoint:
    """Average a dual point of samples over the exchanges within classes, as `dual_to_orbits`."""
    if relaxation.level is Level.INSTANCES:
        return dual
    ratio, rate = _per_sample(relaxation, dual)
    views, classes = views_and_samples(problem.points, problem.instances)
    within = views.without_collapse().quotient(ratio.pair)
    ratio = classes.quotient(within.pair)
    rate = None if rate is None else classes.average(views.average(rate))
    return _from_ratio(build_program(problem, Level.INSTANCES), ratio, rate)


def _per_sample(relaxation: Program, dual: DualPoint) -> tuple[CellGram, Vector | None]:
    """Return rows divided by weights, and multipliers by mass."""
    ratio = relaxation.loss.rows_to_gram(dual.rows)
    return ratio, None if dual.multipliers is None else dual.multipliers / relaxation.cells.mass


def dual_from_orbits(problem: UFM, relaxation: Program, dual: DualPoint) -> DualPoint:
    """Repeat an orbit dual point at the level of a relaxation; its bound stays the same."""
    if relaxation.level is Level.ORBITS:
        return dual
    sizes = problem.points
    orbits = build_program(problem, Level.ORBITS)
    ratio = lift_from_orbits(sizes, relaxation.level, orbits.loss.rows_to_gram(dual.rows))
    if dual.multipliers is None:
        return _from_ratio(relaxation, ratio, None)
    rate = (dual.multipliers / orbits.cells.mass)[sizes.orbit_index()]
    if relaxation.level is Level.SAMPLES:
        rate = rate[samples_to_classes(sizes).cell_of_point]
    return _from_ratio(relaxation, ratio, rate)


def _from_ratio(relaxation: Program, ratio: CellGram, rate: Vector | None) -> DualPoint:
    rows = relaxation.loss.rows_from_gram(ratio)
    return DualPoint(rows, None if rate is None else rate * relaxation.cells.mass)
