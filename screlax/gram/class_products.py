"""Inner products, norms and distances over all classes, from matrices by orbit."""

from __future__ import annotations

import math

import numpy as np

from ..types import Vector
from .cells import CellGram


def squared_norm(gram: CellGram, copies: Vector) -> float:
    """Return ‖G‖_F² of the class Gram matrix of an orbit Gram matrix."""
    return inner_product(gram, gram, copies)


def inner_product(one: CellGram, other: CellGram, copies: Vector) -> float:
    """Return ⟨A, B⟩ of the class matrices of two orbit matrices."""
    products = one.pair * other.pair
    across = float(copies @ products @ copies) - float(copies**2 @ np.diagonal(products))
    within = float((copies * (copies - 1)) @ np.diagonal(products))
    return float(copies @ (one.own * other.own)) + across + within


def class_distance(one: CellGram, other: CellGram, copies: Vector) -> float:
    """Return ‖A/‖A‖ − B/‖B‖‖ of the class matrices of two orbit matrices; NaN where one is zero."""
    first, second = (math.sqrt(squared_norm(gram, copies)) for gram in (one, other))
    if not (first and second):
        return math.nan
    apart = CellGram(one.own / first - other.own / second, one.pair / first - other.pair / second)
    return math.sqrt(squared_norm(apart, copies))
