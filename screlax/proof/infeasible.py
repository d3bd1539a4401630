"""A proof that linear constraints and the control exclude each other (Farkas; weak duality).

With multipliers z of admissible signs, and y of the control, let

    S = Σ z_i A_i + diag(y) ⪰ 0.

Every Gram matrix that satisfies all of them has 0 ≤ ⟨S, X⟩ ≤ price(z) + price(y), so that there is
none where the sum of the prices is negative. A penalty bounds nothing: there S ⪰ −ε N proves that
the mean squared norm is at least −price(z)/(ε n), of which a number beyond all use is taken for a
proof. Nothing is taken from a solver but the numbers z; Boyd and Vandenberghe, Convex
Optimization, section 5.8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..gram.blocks import slack_blocks
from ..gram.cells import CellGram
from ..gram.rounding import summation
from ..problem.program import Program
from ..types import Vector
from .repair import products_by_cell, rounding_of_eigenvalues

BEYOND_USE = 1e8
"""Mean squared norm, relative to what constraints ask of norms, that nobody means."""

_SHARE = 1e-6
"""Share of the largest price from which on a constraint is named."""


@dataclass(frozen=True, eq=False)
class Contradiction:
    """Constraints that nothing satisfies.

    Attributes
    ----------
    names : tuple of str
        Those that take part, the most important first.
    least_norm : float
        Mean squared norm G/τ that embeddings would need at least; infinite where the control
        excludes all.
    """

    names: tuple[str, ...]
    least_norm: float


def contradiction(program: Program, multipliers: Vector, near: CellGram) -> Contradiction | None:
    """Return what multipliers of the linear constraints prove, None where that is nothing.

    Parameters
    ----------
    program : Program
        With linear constraints.
    multipliers : ndarray, shape (q,)
        Any numbers; those of bounds that are not there are left out.
    near : CellGram
        A Gram matrix within the control, from which multipliers of the control are made.
    """
    bounds, control, cells = program.linear, program.control, program.cells
    assert bounds is not None
    if not np.isfinite(multipliers).all():
        return None
    z = bounds.admissible(multipliers)
    if not z.any():
        return None
    slope, sizes = bounds.coefficients(z), bounds.sizes_of(z)
    price = bounds.price(z) + 4 * summation(len(bounds)) * bounds.price_sizes(z)
    y = np.zeros(program.size)
    if not control.is_penalty:
        y = control.multipliers(products_by_cell(slope, near), near.own, cells)
    slack = CellGram(slope.own + y, slope.pair)
    size = CellGram(sizes.own + np.abs(y), sizes.pair)
    margin = 3 * rounding_of_eigenvalues(slack_blocks(cells, size).shared)
    missing = max(0.0, margin - slack_blocks(cells, slack).smallest_eigenvalue())
    if not math.isfinite(missing):
        return None
    if control.is_penalty:
        least = -price / (missing * cells.samples) if missing > 0 else math.inf
        natural = float((bounds.sizes(near) / _norms(program)).max())
        proved = price < 0 and least > BEYOND_USE * max(natural, float(near.own.max()))
    else:
        least = math.inf
        raised = control.raised(y, missing, cells)
        assert raised is not None
        paid = control.price(raised, cells)
        error = 4 * summation(len(cells)) * control.price(np.abs(raised), cells)
        proved = price + paid + error < 0
    return Contradiction(_named(program, z, near), least) if proved else None


def _norms(program: Program) -> Vector:
    """Return the largest coefficient of every constraint."""
    assert program.linear is not None
    return np.asarray(abs(program.linear.operator).max(axis=1).toarray()).ravel()


def _named(program: Program, z: Vector, near: CellGram) -> tuple[str, ...]:
    """Return the constraints that the contradiction is made of."""
    assert program.linear is not None
    weight = np.abs(z) * program.linear.sizes(near)
    order = np.argsort(-weight, kind="stable")
    return tuple(program.linear.names[i] for i in order if weight[i] > _SHARE * weight.max())
