"""What comes of a loss and its derivatives."""

# annotations are types here, which tools read of a named tuple
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..short_repr import short_repr


@short_repr
class LossGradient(NamedTuple):
    """A loss and its derivatives.

    Attributes
    ----------
    loss : float or ndarray of float64
        As `contrastive_loss` returns it.
    gradient : ndarray
        By the embeddings, in their shape; of the sum where there are several losses.
    keys : ndarray, shape (keys, d), or None
        By the keys; a queue without gradient leaves it unused.
    temperature : float, or ndarray of shape (batch,)
        By the temperature; of the sum where there are several losses of one item.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> loss, gradient, *_ = screlax.contrastive_loss_and_grad(np.eye(4), [0, 0, 1, 1])
    >>> bool(np.isclose(loss, np.log(3))), gradient.shape
    (True, (4, 4))
    """

    loss: float | NDArray[np.float64]
    gradient: NDArray[Any]
    keys: NDArray[Any] | None
    temperature: float | NDArray[np.float64]
