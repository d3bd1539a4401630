"""Constraints as a problem holds them: read, by class number, and what they tell apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInputError
from ..class_sizes import ClassSizes
from ..losses.base import Loss
from .base import OwnConstraint
from .convex import Convex
from .linear import linear_of_record


def check_constraints(given: Any) -> tuple[OwnConstraint, ...]:
    """Return constraints as a tuple: objects, functions of the cvxpy variable, or records.

    Raises
    ------
    InvalidInputError
        If one of them is none of these, or they are no sequence.
    """
    if isinstance(given, OwnConstraint) or callable(given):
        given = [given]
    if isinstance(given, str | bytes | Mapping) or not hasattr(given, "__iter__"):
        raise InvalidInputError(f"constraints must be a list of them, got {given!r}")
    return tuple(map(_constraint, given))


def _constraint(given: Any) -> OwnConstraint:
    if isinstance(given, OwnConstraint):
        return given
    return linear_of_record(given) if isinstance(given, Mapping) else Convex(given)


def resolved(
    constraints: tuple[OwnConstraint, ...],
    labels: Sequence[Hashable] | None,
    sizes: ClassSizes,
) -> tuple[tuple[OwnConstraint, ...], NDArray[np.int64]]:
    """Return constraints by class number, and a number for each kind of class, shape (k,)."""
    known = tuple(one.resolved(labels, sizes.classes) for one in constraints)
    told = sizes.orbit_index()
    for one in known:
        pairs = np.stack([told, one.kinds(sizes, told)])
        told = np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return known, told


def refuse_with_constraints(loss: Loss, sizes: ClassSizes) -> None:
    """Refuse a loss whose embeddings are not those of classes that collapse.

    Raises
    ------
    InvalidInputError
        With the reason.
    """
    if loss.has_classifier:
        reason = "is one of logits, whose norms bound features and classifier together"
    elif loss.is_apart:
        reason = "of batches that are drawn once leaves the class means undecided"
    elif loss.points(sizes).classes != sizes.classes:
        reason = "has prototypes that are points of their own"
    elif not loss.collapses:
        reason = "need not collapse within classes"
    else:
        return
    raise InvalidInputError(
        "constraints are on the Gram matrix of classes whose embeddings coincide, and loss "
        f"{loss} {reason}; leave out the constraints, or choose another loss"
    )
