"""Certificates of orthogonal classes for nonnegative features: no eigenvalue, O(m).

The relaxation over nonnegative features is over G ⪰ 0 with G ≥ 0 entry by entry; its dual slack is
S + Y with S ⪰ 0 and Y ≥ 0. For the family of `screlax.equations.orthogonal` take rows

    p_cc' = (1 − p_cc) u_c'/U_c,     Y = the off-diagonal part of sym(diag(a) P) ≥ 0,
    S = diag(y_c − a_c (1 − p_cc)),  D = Σ a_c [p log(o/p) + (1−p) log(U/(1−p))] − price(y),

so that S ⪰ 0 says 1 − p_cc ≤ y_c/a_c, and that is made true by lowering 1 − p_cc from its softmax
at m to y_c/a_c where it is above; without own weight (o = 0, then p_cc = 0) by raising y instead.
As Y vanishes where G does not, the gap is that of k separate problems,

    upper − lower = Σ a_c KL((p, 1−p)_c ‖ softmax_c) + Σ S_c m_c + Σ y_c (limit_c − m_c).

Any m ≥ 0 within the control is feasible: diag(√m) is a nonnegative factor, so that the relaxation
is tight. Source: complete positivity and its dual in Berman and Shaked-Monderer, Completely
Positive Matrices (2003).
"""

from __future__ import annotations

import math

import numpy as np

from ..equations.orthogonal import OrthogonalClasses
from ..gram.cells import Cells, Level
from ..gram.diagonal import DiagonalGram
from ..gram.rounding import TINY, UNIT
from ..problem.constraints.norm_control import NormControl
from ..problem.levels import cells_at
from ..problem.losses.rows_minorant import relative_entropy
from ..problem.ufm import UFM
from ..types import Vector
from .certificate import Certificate
from .structured_rounding import SUM, divergence_error

_MARGIN = 1 - 16 * UNIT
"""Share of y/a that 1 − p is lowered to: what rounding can do to it is less than the rest."""


def prove_orthogonal(
    problem: UFM, classes: OrthogonalClasses, gram: DiagonalGram
) -> tuple[Certificate, DiagonalGram]:
    """Bring orthogonal classes within the control and prove how far from optimal they are.

    Parameters
    ----------
    problem : UFM
        With nonnegative features.
    classes : OrthogonalClasses
        Of that problem.
    gram : DiagonalGram
        At unit temperature; unchanged where it is feasible up to rounding.
    """
    with np.errstate(all="ignore"):
        control = problem.control_at_unit_temperature
        cells = cells_at(problem.points, Level.ORBITS)
        own, smallest = gram.own, float(min(gram.own.min(), 0.0))
        if smallest < 0 or not np.isfinite(own).all():
            nothing = Certificate.around(
                "orbits", math.inf, math.inf, problem.infimum, (0.0, 0.0), (smallest, -math.inf)
            )
            return nothing, gram
        found = control.brought_within(own, cells)
        if found is not None:
            own = found[1]
            gram = DiagonalGram(own, gram.copies)
        bounds = _Bounds(classes, control, cells, own)
        value, error = bounds.value(control.penalty(cells))
        gap, rounding = bounds.gap(control.slackness(bounds.multipliers, own, cells))
    if not math.isfinite(gap + rounding):
        gap, rounding = math.inf, 0.0  # no bound, which is not rounding
    eigenvalues = smallest, bounds.slack_min
    certificate = Certificate.around(
        "orbits", value, gap, problem.infimum, (error, rounding), eigenvalues
    )
    return certificate, gram


class _Bounds:
    """Both points, made feasible from squared norms.

    Attributes
    ----------
    multipliers : ndarray, shape (m,)
        y of every orbit.
    slack_min : float
        Smallest slack per embedding before it was made nonnegative.
    """

    def __init__(
        self, classes: OrthogonalClasses, control: NormControl, cells: Cells, own: Vector
    ) -> None:
        self._classes, self._own = classes, own
        self._stays, self._leaves = classes.shares(own)
        pull = classes.anchors * self._leaves
        multipliers = control.multipliers(-pull * own, own, cells)
        self.slack_min = float(((multipliers - pull) / classes.mass).min())
        anchored, bare = classes.anchors > 0, classes.terms.own == 0
        lacks = np.where(anchored & bare, classes.anchors - multipliers, 0.0) / classes.mass
        self._is_bounded = True
        if lacks.max() > 0:
            raised = control.raised(multipliers, float(lacks.max()) * (1 + 16 * UNIT), cells)
            self._is_bounded = raised is not None
            multipliers = multipliers if raised is None else raised
        self.multipliers = multipliers
        most = np.where(anchored & ~bare, multipliers / classes.anchors, np.inf)
        self._kept = np.minimum(self._leaves, np.maximum(most, 0.0) * _MARGIN)

    def value(self, penalty: Vector) -> tuple[float, float]:
        """Return the objective, and its largest error at a matrix that is feasible exactly."""
        classes, own = self._classes, self._own
        rows = classes.rows(own)
        value = classes.anchors @ rows + penalty @ own
        entry = classes.unit * (1 + own)
        error = classes.anchors @ (SUM * np.abs(rows) + self._leaves * entry)
        error += classes.unit * (classes.anchors @ np.abs(rows) + penalty @ own)
        return float(value), float(error) + TINY * float(classes.mass.sum())

    def gap(self, slackness: tuple[float, float]) -> tuple[float, float]:
        """Return the sum of the three nonnegative parts, and its largest error."""
        if not self._is_bounded:
            return math.inf, 0.0
        classes, own = self._classes, self._own
        stays = self._stays + (self._leaves - self._kept)
        divergence = relative_entropy(self._kept, self._leaves)
        divergence = divergence + relative_entropy(stays, self._stays)
        slack = np.maximum(self.multipliers - classes.anchors * self._kept, 0.0)
        gap = classes.anchors @ divergence + slack @ own + slackness[0]
        entry = classes.unit * (1 + own)
        error = classes.anchors @ divergence_error(self._kept, self._leaves, entry)
        error += SUM * ((self.multipliers + classes.anchors * self._kept) @ own)
        error += classes.unit * (abs(gap) + slackness[1])
        return float(gap), float(error)
