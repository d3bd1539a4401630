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
from ..types import Matrix, Vector
from .dual_entries import entries_from_orbits, entries_to_instances, entries_to_orbits


@dataclass(frozen=True, eq=False)
class DualPoint:
    """Dual variables: of the loss, and the weight y_g of own_g in the Lagrangian, per cell.

    Those of the loss are stochastic rows P for a row softmax; without, those of the Gram matrix are
    taken. Without multipliers, those that make the Lagrangian stationary are.

    Attributes
    ----------
    rows : Any
    multipliers : ndarray, shape (m,), optional
    entries : ndarray, shape (m, m), optional
        Y ≥ 0, multipliers of the bound pair ≥ 0 of nonnegative features, in the form of the
        coefficients of `pair`.
    linear : ndarray, shape (q,), optional
        Multipliers of linear constraints of the problem's own (`LinearBounds`), the same at every
        level: positive those of upper, negative those of lower bounds.
    """

    rows: Any
    multipliers: Vector | None = None
    entries: Matrix | None = None
    linear: Vector | None = None


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
    entries = dual.entries
    if entries is not None:
        entries = entries_to_orbits(entries, problem, level)
    return _moved(dual, target, partition.quotient(pair), rate, entries)


def dual_to_instances(problem: UFM, relaxation: Program, dual: DualPoint) -> DualPoint:
    """Average a dual point of samples over the exchanges within classes, as `dual_to_orbits`."""
    if relaxation.level is Level.INSTANCES:
        return dual
    ratio, rate = _per_sample(relaxation, dual)
    views, classes = views_and_samples(problem.points, problem.instances)
    within = views.without_collapse().quotient(ratio.pair)  # siblings are the instance's own entry
    ratio = classes.quotient(within.pair)
    rate = None if rate is None else classes.average(views.average(rate))
    entries = dual.entries
    if entries is not None:
        entries = entries_to_instances(entries, problem)
    return _moved(dual, build_program(problem, Level.INSTANCES), ratio, rate, entries)


def _per_sample(relaxation: Program, dual: DualPoint) -> tuple[CellGram, Vector | None]:
    """Return rows divided by weights (zeros if there are none), and multipliers by mass."""
    return _ratio(
        relaxation, dual
    ), None if dual.multipliers is None else dual.multipliers / relaxation.cells.mass


def dual_from_orbits(problem: UFM, relaxation: Program, dual: DualPoint) -> DualPoint:
    """Repeat an orbit dual point at the level of a relaxation; its bound stays the same."""
    if relaxation.level is Level.ORBITS:
        return dual
    sizes = problem.points
    orbits = build_program(problem, Level.ORBITS)
    ratio = lift_from_orbits(sizes, relaxation.level, _ratio(orbits, dual))
    entries = dual.entries
    if entries is not None:
        entries = entries_from_orbits(entries, problem, relaxation.level)
    if dual.multipliers is None:
        return _moved(dual, relaxation, ratio, None, entries)
    rate = (dual.multipliers / orbits.cells.mass)[sizes.orbit_index()]
    if relaxation.level is Level.SAMPLES:
        rate = rate[samples_to_classes(sizes).cell_of_point]
    return _moved(dual, relaxation, ratio, rate, entries)


def _ratio(relaxation: Program, dual: DualPoint) -> CellGram:
    if dual.rows is None:
        return CellGram(np.zeros(relaxation.size), np.zeros((relaxation.size,) * 2))
    return relaxation.loss.rows_to_gram(dual.rows)


def _moved(
    dual: DualPoint,
    relaxation: Program,
    ratio: CellGram,
    rate: Vector | None,
    entries: Matrix | None,
) -> DualPoint:
    rows = None if dual.rows is None else relaxation.loss.rows_from_gram(ratio)
    multipliers = None if rate is None else rate * relaxation.cells.mass
    return DualPoint(rows, multipliers, entries, dual.linear)
