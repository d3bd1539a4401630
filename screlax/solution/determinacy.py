"""What a certified value leaves open of the geometry."""

from __future__ import annotations

import numpy as np

from ..equations.orthogonal import OrthogonalClasses, orthogonal_classes
from ..gram.cells import Level
from ..gram.curve import AnyGram
from ..problem.levels import cells_at
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..types import Vector

_SAME = 1e-12
"""Rates, and norms beside their bounds, that are equal up to rounding."""


def left_open(problem: UFM, gram: AnyGram, certificate: Certificate) -> str:
    """Say what the certified value does not determine, in words; empty where it is nothing known.

    That an orthogonal frame of the same norms is as good, where double precision does not see its
    height above the infimum: so are all frames between that one and the optimum. With nonnegative
    features such a frame is the optimum, and what is free are entries in no row of the loss.
    Soft targets may be met exactly: all softmax rows that are the targets have the same value, the
    infimum, whatever is added to the entries of a row.

    Parameters
    ----------
    problem : UFM
    gram : CellGram, SlackVectorGram or DiagonalGram
        The certified Gram matrix by distinct class size, in the units of G.
    certificate : Certificate
    """
    if problem.constraints:
        return ""  # what is known here is of optima without
    if not np.isfinite(certificate.gap):
        return "there is no bound"
    if not gram.own.any():
        return ""  # zero has no angles, and a trace of its own
    if not problem.loss.collapses:
        height = certificate.upper - certificate.infimum
        if height <= 2 * max(certificate.gap, certificate.rounding):
            return "the targets are met exactly, as by other Gram matrices"
    own = gram.own / problem.temperature
    if not problem.loss.frame_height(problem.class_sizes, own) > certificate.rounding:
        return "an orthogonal frame of these norms is as good in double precision"
    classes = orthogonal_classes(problem)
    return "" if classes is None else _free_entries(problem, classes, own)


def _free_entries(problem: UFM, classes: OrthogonalClasses, own: Vector) -> str:
    """Say which norms and inner products of orthogonal classes may be others."""
    copies, control = classes.copies, problem.control_at_unit_temperature
    bare = (classes.terms.anchors == 0) & (own > 0)
    count = int(copies[bare].sum())
    shorter = np.where(bare, own / 2, own)
    if count and control.violation(shorter, cells_at(problem.points, Level.ORBITS)) <= _SAME:
        return f"norms and inner products of classes without anchors ({count:,}) are free"
    if count > 1:
        return f"inner products among classes without anchors ({count:,}) are free"
    tied = classes.without_own >= classes.without_own.max() * (1 - _SAME)
    sharing = int(copies[tied & (own > 0)].sum())
    if sharing > 1 and classes.without_own.any() and not control.fixes_norms:
        return f"squared norms of classes without own weight ({sharing:,}) count by their sum only"
    return ""
