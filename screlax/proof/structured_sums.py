"""What the sums over the classes of a structured proof can be off by, interpolated or not.

How many nodes there are is not trusted: what interpolation leaves out is bounded from the nodes
that were used (`screlax.gram.kernels`), and is part of the gap.
"""

from __future__ import annotations

import numpy as np

from ..equations.slack_vector import Moments, SlackVectorEquations, State
from ..gram.kernels import Array, Interpolation
from ..gram.rounding import UNIT
from .structured_rounding import SUM

RESOLVED = 0.25
"""Share of a number that interpolation may leave out: errors are taken to first order."""


def sum_error(nodes: Interpolation) -> float:
    """Return the largest error by rounding of a sum, relative to the sum of the sizes."""
    return SUM if nodes.half is None else 2 * SUM


def share_error(moments: Moments, share: Array, total: Array) -> Array:
    """Return the largest error of Σ v_c' Z_c'/(Z_c+Z_c') over the other classes, relative to it.

    The interpolated sum is over all classes, less its own term.
    """
    nodes = moments.interpolation
    if nodes.matrix is None:
        return np.full_like(share, SUM)
    return np.asarray((sum_error(nodes) + nodes.left_out.logistic) * total / share)


def product_left_out(moments: Moments) -> Array:
    """Return what interpolation leaves out of Σ v_c' pair_cc' at most, relative to v_c, (B, m)."""
    return np.asarray(moments.interpolation.left_out.bend * moments.total / moments.slack)


def is_resolved(*relative: Array) -> Array:
    """Whether errors relative to what they are of, (B, m) each, are small, shape (B,)."""
    return np.asarray(np.all([(error <= RESOLVED).all(axis=1) for error in relative], axis=0))


def own_errors(
    equations: SlackVectorEquations, state: State, moments: Moments
) -> tuple[Array, Array]:
    """Return the errors of the entries of rows of G, and of −Σ v_c' pair_cc'/v_c, both (B, m).

    Centres are rounded sums of log v, β/2 and −log u; the sum of the products is rounded, and may
    be interpolated.
    """
    sizes = np.abs(state.log_slack) + np.abs(state.log_normalizer) / 2
    sizes = sizes + np.abs(np.log(equations.pair))
    weight = equations.copies * moments.slack
    bend = moments.centre * moments.total - moments.product - 2 * moments.centre * moments.slack
    bend = np.abs(bend + (weight * moments.centre).sum(axis=1, keepdims=True))
    around = sizes * moments.total + (weight * sizes).sum(axis=1, keepdims=True) + bend
    entry = 2 * UNIT * (sizes + sizes.max(axis=1, keepdims=True))
    rounded = sum_error(moments.interpolation) * around / moments.slack
    return entry, rounded + product_left_out(moments)
