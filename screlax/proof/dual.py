"""Dual points, and taking them from one level to another.

A dual row divided by the weights of its exponentials, p_gh / w_gh, is one number per pair of cells,
so that it goes up and down exactly like a Gram matrix; so do multipliers per sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..gram.cells import CellGram, Level
from ..problem.levels import classes_to_orbits, lift_from_orbits, samples_to_classes
from ..problem.program import Relaxation, RowWeights, build_relaxation
from ..problem.ufm import UFM
from ..types import Matrix, Vector


@dataclass(frozen=True, eq=False)
class DualPoint:
    """Dual variables: stochastic rows P and the weight y_g of own_g in the Lagrangian, per cell.

    Without multipliers, those that make the Lagrangian stationary are taken.
    """

    rows: RowWeights
    multipliers: Vector | None = None


def dual_to_orbits(problem: UFM, relaxation: Relaxation, dual: DualPoint) -> DualPoint:
    """Average a dual point of any level over the symmetry; its bound does not get worse."""
    level, sizes = relaxation.level, problem.class_sizes
    if level is Level.ORBITS:
        return dual
    ratio = _per_exponential(relaxation, dual.rows)
    rate = None if dual.multipliers is None else dual.multipliers / relaxation.mass
    if level is Level.SAMPLES:
        partition = samples_to_classes(sizes)
        averaged = partition.without_collapse().quotient(ratio.pair)
        within = np.diagonal(averaged.pair).copy()  # the positives are the class's own entry
        ratio = CellGram(within, averaged.pair)
        rate = None if rate is None else partition.average(rate)
    partition = classes_to_orbits(sizes)
    pair = ratio.pair.copy()
    np.fill_diagonal(pair, ratio.own)
    target = build_relaxation(problem, Level.ORBITS)
    rate = None if rate is None else partition.average(rate)
    return _from_ratio(target, partition.quotient(pair), rate)


def dual_from_orbits(problem: UFM, relaxation: Relaxation, dual: DualPoint) -> DualPoint:
    """Repeat an orbit dual point at the level of a relaxation; its bound stays the same."""
    if relaxation.level is Level.ORBITS:
        return dual
    sizes = problem.class_sizes
    orbits = build_relaxation(problem, Level.ORBITS)
    ratio = lift_from_orbits(sizes, relaxation.level, _per_exponential(orbits, dual.rows))
    if dual.multipliers is None:
        return _from_ratio(relaxation, ratio, None)
    rate = (dual.multipliers / orbits.mass)[sizes.orbit_index()]
    if relaxation.level is Level.SAMPLES:
        rate = rate[samples_to_classes(sizes).cell_of_point]
    return _from_ratio(relaxation, ratio, rate)


def _per_exponential(relaxation: Relaxation, rows: RowWeights) -> CellGram:
    return CellGram(
        _ratio(rows.own, relaxation.weight.own), _ratio(rows.pair, relaxation.weight.pair)
    )


def _ratio(mass: Vector | Matrix, weight: Vector | Matrix) -> Vector | Matrix:
    return np.divide(mass, weight, out=np.zeros_like(mass), where=weight > 0)


def _from_ratio(relaxation: Relaxation, ratio: CellGram, rate: Vector | None) -> DualPoint:
    rows = RowWeights(relaxation.weight.own * ratio.own, relaxation.weight.pair * ratio.pair)
    return DualPoint(rows, None if rate is None else rate * relaxation.mass)
