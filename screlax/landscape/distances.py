"""How far apart embeddings are once rotation and scale are taken out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..gram.levels import Matrix

Stack = NDArray[np.float64]


def gram_distance(first: Matrix, second: Matrix | Stack) -> NDArray[np.float64]:
    """Return ‖G/‖G‖ − G'/‖G'‖‖_F of the Gram matrices of embeddings, in [0, √2].

    G − G' lives in the span of both embeddings, where it is R Rᵀ − R' R'ᵀ with [R R'] the
    triangular factor of [H H']: no p×p matrix is formed, and nothing cancels that does not cancel
    entry by entry.

    Parameters
    ----------
    first : ndarray, shape (p, d)
        Embeddings H, not zero.
    second : ndarray, shape (p, d) or (s, p, d)
        Embeddings H', or a stack of them, not zero.
    """
    left = np.broadcast_to(_at_unit_gram(first), second.shape[:-1] + first.shape[-1:])
    both = np.concatenate([left, _at_unit_gram(second)], axis=-1)
    factor = np.asarray(np.linalg.qr(both, mode="r"))
    left, right = factor[..., : first.shape[-1]], factor[..., first.shape[-1] :]
    difference = left @ _transposed(left) - right @ _transposed(right)
    return np.asarray(np.linalg.norm(difference, axis=(-2, -1)))


def procrustes_distance(first: Matrix, second: Matrix | Stack) -> NDArray[np.float64]:
    """Return the least ‖H/‖H‖ − (H'/‖H'‖) R‖_F over orthogonal R, in [0, √2].

    The best R is U Vᵀ of the singular value decomposition H'ᵀH = U diag(s) Vᵀ (Schönemann 1966,
    A generalized solution of the orthogonal Procrustes problem).

    Parameters
    ----------
    first, second
        As for `gram_distance`, of the same dimension d.
    """
    left, right = _at_unit_norm(first), _at_unit_norm(second)
    u, _, vt = np.linalg.svd(_transposed(right) @ left)
    return np.asarray(np.linalg.norm(left - right @ (u @ vt), axis=(-2, -1)))


def greatest_pairwise(embeddings: Sequence[Matrix]) -> tuple[float, float]:
    """Return the greatest Gram and Procrustes distances over all pairs.

    NaN where there is no pair, or embeddings that are zero, which have no direction.
    """
    if len(embeddings) < 2 or not all(entry.any() for entry in embeddings):
        return np.nan, np.nan
    stack = np.stack(list(embeddings))
    gram, procrustes = 0.0, 0.0
    for number in range(len(stack) - 1):
        rest = stack[number + 1 :]
        gram = max(gram, float(gram_distance(stack[number], rest).max()))
        procrustes = max(procrustes, float(procrustes_distance(stack[number], rest).max()))
    return gram, procrustes


def _at_unit_gram(embeddings: Matrix | Stack) -> Stack:
    """Scale embeddings so that their Gram matrix has unit Frobenius norm."""
    small = _transposed(embeddings) @ embeddings  # of the same norm as the Gram matrix
    norm = np.linalg.norm(small, axis=(-2, -1), keepdims=True)
    return np.asarray(embeddings / np.sqrt(norm))


def _at_unit_norm(embeddings: Matrix | Stack) -> Stack:
    return np.asarray(embeddings / np.linalg.norm(embeddings, axis=(-2, -1), keepdims=True))


def _transposed(matrix: Matrix | Stack) -> Stack:
    return np.swapaxes(matrix, -1, -2)
