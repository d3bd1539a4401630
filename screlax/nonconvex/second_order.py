"""Second-order check of embeddings: global, strict saddle, spurious, or not stationary."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from ..partition import Matrix
from ..problem import UFM


@dataclass(frozen=True, eq=False)
class SecondOrder:
    """What gradient, Hessian and certificate say about embeddings.

    Attributes
    ----------
    gradient_norm : float
        ‖projected gradient‖ ‖H‖ / value, the first-order change of the objective, as a share of
        it, for a change of the embeddings by as much as they are.
    smallest_eigenvalue : float
        Of the Hessian of the Lagrangian on the tangent space, less rotations, per sample.
    rotation_dimensions : int
        Dimension of the space {HΩ, Ω skew} that was projected out.
    direction : ndarray, shape (p, dim), or None
        Escape direction along which the objective was seen to decrease.
    classification : str
        "global", "strict saddle", "spurious" or "not stationary".
    gap : float
        Certified relative gap.
    """

    gradient_norm: float
    smallest_eigenvalue: float
    rotation_dimensions: int
    direction: Matrix | None
    classification: str
    gap: float


def check_second_order(
    problem: UFM, embeddings: ArrayLike, *, level: str = "classes", lower: float | None = None
) -> SecondOrder:
    """Classify embeddings by gradient, Hessian and certified gap."""
    raise NotImplementedError
