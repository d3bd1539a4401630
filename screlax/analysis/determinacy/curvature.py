"""The smallest curvature over all types of changes, with its direction."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...gram.cells import CellGram
from ...gram.class_products import inner_product, squared_norm
from ...problem.class_sizes import ClassSizes
from .direction import Direction
from .exchanges import smallest_exchange
from .form import Form
from .one_class import OneClassTypes
from .smallest import smallest_symmetric
from .symmetric_type import SymmetricType

_NOTHING = 1e-280
"""Hessians of a loss below this have no digits: it has underflowed, and decides nothing."""


@dataclass(frozen=True, eq=False)
class Curvature:
    """The smallest curvature per squared distance of normalised Gram matrices.

    Attributes
    ----------
    value : float
        That of `direction`; +inf where no change is tangent.
    lower : float
        No change has less, as counted.
    direction : Direction or None
    """

    value: float
    lower: float
    direction: Direction | None


def has_curvature_below(form: Form, value: float) -> bool:
    """Whether a form has an eigenvalue below a positive number, as counted."""
    size = form.size
    if not size > _NOTHING:
        return True
    form, value = form.divided(size), value / size
    exchange = smallest_exchange(form)
    if exchange is not None and exchange.value < value:
        return True
    one = OneClassTypes(form)
    return one.has_below(value) or SymmetricType(form).at(value).below > 0


def smallest_curvature(form: Form, sizes: ClassSizes | None) -> Curvature:
    """Return the smallest curvature of a form, with its direction where sizes are given."""
    size = form.size
    if not size > _NOTHING:
        return Curvature(0.0, 0.0, None)
    form = form.divided(size)
    value, direction = math.inf, None
    exchange = smallest_exchange(form)
    if exchange is not None:
        value, direction = exchange.value, exchange.direction(sizes)
    one = OneClassTypes(form).smallest(value)
    if one is not None:
        value, direction = one.value, one.direction(form.copies, sizes)
    lower = value
    symmetric = smallest_symmetric(SymmetricType(form), value)
    if symmetric is not None and symmetric.value < value:
        value, lower = symmetric.value, symmetric.lower
        if sizes is not None:
            change = _normalised(form, symmetric.change)
            direction = Direction(sizes, "symmetric", gram=change)
    size *= form.squared_norm
    return Curvature(size * value, size * lower, direction)


def _normalised(form: Form, change: CellGram) -> CellGram:
    """Return the change of X/‖X‖ that a change of X is to first order, of length one."""
    along = inner_product(form.gram, change, form.copies) / form.squared_norm
    own = change.own - along * form.gram.own
    pair = change.pair - along * form.gram.pair
    found = CellGram(own, pair)
    return found.scaled(1 / math.sqrt(squared_norm(found, form.copies)))
