"""The result of a penalty with its gradient."""

# annotations are types here, which tools read of a named tuple
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..short_repr import short_repr


@short_repr
class PenaltyGradient(NamedTuple):
    """A penalty and its derivative.

    Attributes
    ----------
    value : float
    gradient : ndarray
        By the embeddings, in their shape and precision.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> solution = screlax.solve_relaxation([3, 3], screlax.Sphere(1.0))
    >>> value, gradient = screlax.geometry.gram_penalty_and_grad(np.eye(2), [0, 1], solution)
    >>> round(value, 6), gradient.shape
    (0.585786, (2, 2))
    """

    value: float
    gradient: NDArray[Any]
