"""Multipliers of what a change does to the kernel of X: 2 tr((X + r)⁻¹ D S D) as a border.

With S = Σ σ v vᵀ that is Σ 2σ (Dv)ᵀ (X + r)⁻¹ (Dv), the largest value over y_v of
Σ 2 y_vᵀ D v − y_vᵀ (X + r) y_v/(2σ). At r = 0 the kernel of X makes constraints of it: no inverse
is formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ...types import Matrix
from .form import Form


@dataclass(frozen=True, eq=False)
class SlackMultipliers:
    """Multipliers y of D v, changes that are the same for equal classes, in normalised sums.

    Attributes
    ----------
    vectors : ndarray, shape (m, V)
        The v.
    corner : ndarray, shape (p, p)
        What they are to each other.
    turn : sparse array, shape (V m, p), or None
        From the multipliers to y, v by v; None where they are the same.
    """

    vectors: Matrix
    corner: Matrix
    turn: Any


def slack_multipliers(form: Form) -> SlackMultipliers:
    """Return the multipliers of a form; where D has to be tangent, those of its constraints too."""
    m, slack = len(form), form.slack
    shared = form.shared + form.reach * np.eye(m)
    count = len(slack)
    if form.reach > 0 or form.kernel.shape[1] == count == 1:
        corner = np.zeros((count * m, count * m))
        for place, size in enumerate(slack):
            block = slice(place * m, (place + 1) * m)
            corner[block, block] = -shared / (2 * size)
        return SlackMultipliers(form.kernel[:, :count], corner, None)
    face = _complement(form.kernel)
    turn = _without_repetition(form.kernel, face, count)
    corner, width = np.zeros((turn.shape[1],) * 2), face.shape[1]
    for place, size in enumerate(slack):
        block = slice(place * width, (place + 1) * width)
        corner[block, block] = -(face.T @ shared @ face) / (2 * size)
    return SlackMultipliers(form.kernel, corner, turn)


def _complement(kernel: Matrix) -> Matrix:
    """Return an orthonormal basis of what is orthogonal to orthonormal columns."""
    whole, _ = np.linalg.qr(np.concatenate([kernel, np.eye(len(kernel))], axis=1))
    return np.asarray(whole[:, kernel.shape[1] :])


def _without_repetition(kernel: Matrix, face: Matrix, slack: int) -> Any:
    """Return a basis of the multipliers, one for each thing that D v, v in the kernel, says.

    On the face of X for each v with slack, and in the kernel once for each pair: D is symmetric.
    """
    m, count = kernel.shape
    if not count:
        return sparse.csc_array((0, 0))
    pairs = [(one, other) for one in range(count) for other in range(one + 1)]
    joined = np.zeros((count, m, len(pairs)))
    for number, (one, other) in enumerate(pairs):
        share = np.sqrt(0.5) if one != other else 0.5
        joined[one, :, number] += share * kernel[:, other]
        joined[other, :, number] += share * kernel[:, one]
    alone: Any = sparse.kron(np.eye(count, slack), face)
    rest: Any = sparse.csc_array(joined.reshape(count * m, len(pairs)))
    return sparse.csc_array(sparse.hstack([alone, rest]))
