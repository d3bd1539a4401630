"""Scaling embeddings to what a control allows, in their directions and their dimension."""

from __future__ import annotations

import numpy as np

from ...gram.levels import Vector
from .norms import Ball, Budget, Control, Ridge, Sphere


def feasible_scale(control: Control, squares: Vector, weights: Vector | None = None) -> Vector:
    """Return what to multiply each embedding by so that the control holds.

    Parameters
    ----------
    control : Control
    squares : ndarray, shape (p,)
        ‖h_i‖².
    weights : ndarray, shape (p,), optional
        How many samples each embedding stands for; matters for `Budget` only.

    Returns
    -------
    ndarray, shape (p,)
        On a sphere √(ρ/‖h‖²), +inf where h is zero and no scale reaches it; in a ball the same, at
        most one; within a budget one number for all; one for ridge.
    """
    if isinstance(control, Ridge):
        return np.ones_like(squares)
    bound = control.parameter
    if isinstance(control, Budget):
        mean = float(np.average(squares, weights=weights))
        return np.full_like(squares, np.sqrt(bound / mean) if mean > bound else 1.0)
    assert isinstance(control, Ball | Sphere)
    with np.errstate(divide="ignore"):
        scale: Vector = np.sqrt(bound / squares)
    return np.minimum(scale, 1.0) if isinstance(control, Ball) else scale
