"""Eigenvalues and rank of the class Gram matrix, from its blocks by distinct class size."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..gram.curve import AnyGram, SlackVectorGram
from ..gram.diagonal import DiagonalGram
from ..gram.opposite import OppositeGram
from ..gram.shared_point import SingletonGram
from ..types import Vector

_DENSE_SPECTRUM = 1000


def class_spectrum(gram: AnyGram, copies: NDArray[np.int64]) -> tuple[Vector, NDArray[np.int64]]:
    """Return the eigenvalues of the class Gram matrix, and how often each occurs.

    Parameters
    ----------
    gram : CellGram, SlackVectorGram or DiagonalGram
        By distinct class size.
    copies : ndarray of int, shape (m,)
        Number of classes of each size.
    """
    if isinstance(gram, DiagonalGram):
        return gram.own, copies
    if isinstance(gram, OppositeGram):
        whole = int(copies.sum())
        return np.array([whole * float(gram.own[0]), 0.0]), np.array([1, whole - 1])
    root = np.sqrt(copies.astype(float))
    spread = np.where(copies > 1, gram.spread, 0.0)
    shared = root[:, None] * gram.pair * root + np.diag(spread)
    values = np.concatenate([linalg.eigvalsh(shared), spread])
    return values, np.concatenate([np.ones_like(copies), copies - 1])


def has_known_rank(gram: AnyGram) -> TypeGuard[SlackVectorGram | SingletonGram]:
    """Whether a certified matrix has its `known_rank`, which saves a long computation.

    Beyond a thousand distinct sizes.
    """
    structured = isinstance(gram, SlackVectorGram | SingletonGram)
    many = structured and len(gram.own) > _DENSE_SPECTRUM
    return many and bool(gram.own.max() > 0)
