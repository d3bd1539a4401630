"""Of how many dimensions class means are: rank, effective rank, stable rank."""

from dataclasses import dataclass

import numpy as np

from ..types import Matrix, Vector

_VISIBLE = 1e-3
"""Singular values above this share of the largest count for the rank."""

_FAR_FROM_ROUNDING = 1e-8
"""Eigenvalues of the Gram matrix above this share of the largest have roots of ten digits."""


@dataclass(frozen=True)
class Ranks:
    """Measures of dimension of one matrix of class means."""

    rank: int
    effective_rank: float
    effective_rank_of_gram: float
    stable_rank: float


def ranks_of(means: Matrix, gram: Matrix) -> Ranks:
    """Return the ranks of class means (k, d) with their Gram matrix; zero where they are zero."""
    singular = _singular_values(means, gram)
    if not singular.any():
        return Ranks(0, 0.0, 0.0, 0.0)
    singular = singular / singular[0]
    return Ranks(
        rank=int((singular > _VISIBLE).sum()),
        effective_rank=_exponential_of_entropy(singular),
        effective_rank_of_gram=_exponential_of_entropy(singular**2),
        stable_rank=float((singular**2).sum()),
    )


def _singular_values(means: Matrix, gram: Matrix) -> Vector:
    """Return singular values, largest first: by eigenvalues, a quarter of the time, if they do."""
    if len(means) <= means.shape[1]:
        squares = np.linalg.eigvalsh(gram)[::-1]
        if squares[-1] > _FAR_FROM_ROUNDING * squares[0]:
            return np.asarray(np.sqrt(squares))
    return np.asarray(np.linalg.svd(means, compute_uv=False))


def _exponential_of_entropy(weights: Vector) -> float:
    shares = weights[weights > 0] / weights.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
