"""The best bias of a classifier for given logits, which makes a softmax right on average.

The loss is convex in b, and stationary where every class has as much probability as samples:

    r_j = Σ_c a_c (P − I)_cj = 0  for all j,

which is also what the dual asks of P. Newton's steps are cut to one: the Hessian changes by less
than a factor over a step of that size.
Source: Boyd and Vandenberghe, Convex Optimization, section 9.5.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ..gram.logits import CellMatrix, LogitGram
from ..gram.rounding import UNIT
from ..types import Vector
from .logits import LogitProgram

_ROUNDS = 200


def column_flows(program: LogitProgram, rows: CellMatrix) -> tuple[Vector, Vector]:
    """Return a_j (1 − p_jj) and Σ_{c ≠ j} a_c p_cj of P − I, by orbit, shapes (m,)."""
    weighted = program.anchors[:, None] * rows.pair
    return -program.anchors * rows.own, program.sum_of_others(weighted.T)


def balanced_bias(program: LogitProgram, gram: LogitGram) -> Vector:
    """Return the b that is best for logits, with mean zero over classes, shape (m,).

    It is as good as rounding lets it be, or what the last round left.
    """
    bias, last = gram.bias, np.inf
    for _ in range(_ROUNDS):
        rows = program.rows(program.gram(gram.unit_logits, bias))
        leaving, entering = column_flows(program, rows)
        with np.errstate(divide="ignore", invalid="ignore"):  # a class that no row leaves
            worst = float(np.abs(entering / leaving - 1).max())
        if not np.isfinite(worst) or worst <= 8 * UNIT or (worst < 1e-12 and worst >= last / 2):
            break
        last, step = worst, _newton_step(program, rows, entering - leaving)
        if not step.any():
            break
        bias = bias + step / max(1.0, float(np.abs(step).max()))
    return np.asarray(bias - program.copies @ bias / program.classes)


def _newton_step(program: LogitProgram, rows: CellMatrix, excess: Vector) -> Vector:
    """Return Newton's step in b; a number added to all of b changes nothing.

    The Hessian is that of a graph: its diagonal is less the sum of the others, which has digits
    where softmax rows are nearly the identity.
    """
    others = program.without_own(rows.pair, 0.0)
    shares = program.copies * rows.pair
    np.fill_diagonal(shares, 1 + rows.own + (program.copies - 1) * np.diagonal(others))
    mass = program.copies * program.anchors
    hessian = -shares.T @ (mass[:, None] * shares)
    np.fill_diagonal(hessian, 0.0)
    np.fill_diagonal(hessian, -hessian.sum(axis=1))
    with np.errstate(invalid="ignore"):
        root = np.sqrt(np.diagonal(hessian))
    if not (root > 0).all() or not np.isfinite(root).all():
        return np.zeros_like(root)  # softmax rows are the identity up to rounding, or no numbers
    scaled = hessian / np.outer(root, root) + np.outer(root, root) / (root @ root)
    right = program.copies * excess / root
    try:
        step = linalg.cho_solve(linalg.cho_factor(scaled), right)
    except linalg.LinAlgError:  # classes that hardly touch
        step = linalg.pinvh(scaled, rtol=UNIT) @ right
    return np.asarray(-step / root)
