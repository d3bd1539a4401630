"""Newton's method for expected losses of batches, whatever the rank of their dual slack.

Unknown are the class means' Gram matrix M and the face that it lies on (`face`), S = V Vᵀ. With
W_gh = a_g ∂E[log Y_g]/∂M_gh for one class of each orbit, at unit temperature,

    ½ (W_gh + W_hg) = (V Vᵀ)_gh,        M V = 0,
    ridge, budget  (V Vᵀ)_gg + Σ_h W_gh = λ r_g/2,        ball, sphere  M_gg = ρ,

sums over all other classes, budget with λ one more unknown and Σ κ r M_gg = ρ Σ κ r one more
equation. Usually V is one positive vector. Beside it there is one more direction for every orbit
that has none of its own in M: classes without positives, which share a point; with a ridge all
whose chance of a positive is at most λ/2, since their norm gains less than it costs; with bounded
norms those that repel each other less than all others push them to one side. Where classes of an
orbit coincide, (V Vᵀ)_gg is the mean over them.

A step solves the linearised equations, S → S + X Vᵀ + V Xᵀ with M V + dM V + M X = 0, where M is
taken without what it has in the directions V; the face is then read off again, so that directions
come and go (`face`). A row of W changes by a diagonal less nearly rank one (`rows`), so that every
dM_gh is eliminated by itself (`linear`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...gram.blocks import gram_blocks
from ...gram.cells import CellGram
from ...problem.program import Program
from ...types import Matrix, Vector
from .face import Face
from .linear import Linearised
from .rows import Rows
from .state import BatchState, Setting

MAX_STEPS = 40
_LONGEST = 1.5
"""Largest change of an exponent in a step."""

_CONVERGED = 1e-10
"""What may be left of an exponent."""


def solve_in_batches(relaxation: Program, gram: CellGram) -> BatchState | None:
    """Iterate from a Gram matrix, until steps are small or break down; None where there are none.

    Parameters
    ----------
    relaxation : Program
        At orbit level, of an expected loss.
    gram : CellGram
        Near the optimum, of nearly its rank.
    """
    setting, last = Setting(relaxation), 1.0
    state: BatchState | None = None
    for taken in range(1, MAX_STEPS + 1):
        with np.errstate(all="ignore"):
            try:
                state = state or _start(setting, gram)
                moved, size = _stepped(setting, state)
            except np.linalg.LinAlgError:
                return state
        same = moved.face.basis.shape == state.face.basis.shape
        same = same and bool((moved.face.together == state.face.together).all())
        # the Hessian of a row is taken to be diagonal less rank one: steps shrink by some factor
        converged = same and size * max(size, size / last) < _CONVERGED
        last = size
        state = BatchState(moved.gram, moved.face, moved.strength, converged, taken)
        if converged:
            return state
    return state


def _start(setting: Setting, gram: CellGram) -> BatchState:
    """Return the slack that a Gram matrix suggests, and λ of a budget."""
    rows = Rows.at(setting.loss, setting.copies, gram)
    others = setting.copies - np.eye(len(setting.copies))
    both, strength = np.where(others > 0, rows.both, 0.0), setting.given
    along = (others * both * np.where(others > 0, gram.pair, 0.0)).sum(axis=1)
    leaving = (others * rows.slope).sum(axis=1)
    if setting.fixed:
        diagonal = -along / gram.own
    else:
        if setting.is_budget:
            gained = setting.copies @ (leaving * gram.own - along)
            strength = 2 * float(gained) / float(setting.mass @ gram.own)
        diagonal = strength / 2 * setting.each - leaving
    face = Face.near(setting.cells, gram, _shared_slack(setting, both, diagonal))
    together = face.together | ((setting.copies > 1) & ~setting.anchored)
    face = Face(face.basis, face.weight, together)
    first = setting.gram(gram.own, gram.pair, together)
    same = (first.own == gram.own).all() and (first.pair == gram.pair).all()
    return BatchState(gram if same else first, face, strength)  # one that is evaluated already


def _shared_slack(setting: Setting, both: Matrix, diagonal: Vector) -> Matrix:
    """Return the shared block of the slack, in scaled coordinates."""
    root = np.sqrt(setting.copies / setting.each)
    slack = root[:, None] * both * root
    within = (setting.copies - 1) * np.diagonal(both)
    np.fill_diagonal(slack, (diagonal + within) / setting.each)
    return np.asarray(slack)


def _stepped(setting: Setting, state: BatchState) -> tuple[BatchState, float]:
    """Return the state after a step, and the size of the full step."""
    rows = Rows.at(setting.loss, setting.copies, state.gram)
    linear = Linearised(setting, state, rows)
    slack, own, strength, pair = linear.solve()
    away = np.where(linear.exist, pair - own[:, None], 0.0)
    size = float(max(np.abs(away).max(), np.abs(own).max()))
    if not np.isfinite(size + strength + np.abs(slack).max()):
        raise np.linalg.LinAlgError("a step is not finite")
    scale = min(1.0, _LONGEST / size) if size > 0 else 1.0
    own, pair = state.gram.own + scale * own, state.gram.pair + scale * pair
    strength = max(state.strength + scale * strength, state.strength / np.exp(_LONGEST))
    slack = state.face.slack + scale * slack
    together, own = _together(setting, state, rows, slack, own, pair)
    gram = setting.gram(own, pair, together)
    face = state.face.moved(gram_blocks(setting.cells, gram).shared, slack, together)
    return BatchState(gram, face, strength), size


def _together(
    setting: Setting, state: BatchState, rows: Rows, slack: Matrix, own: Vector, pair: Matrix
) -> tuple[NDArray[np.bool_], Vector]:
    """Return which orbits coincide, and the norms: those that crossed do, at their mean."""
    copies, was = setting.copies, state.face.together
    crossed = (copies > 1) & ~was & (own < np.diagonal(pair))
    mean = np.diagonal(slack) * setting.each / copies
    parting = was & setting.anchored & (mean < np.diagonal(rows.slope))
    if not setting.fixed:
        centre = (own + (copies - 1) * np.diagonal(pair)) / copies
        own = np.where(crossed, centre, own)
    return (was | crossed) & ~parting, own
