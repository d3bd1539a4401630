"""The losses a problem can have, and what a new one is made of.

>>> import screlax
>>> problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0), loss=screlax.losses.SupCon())
>>> screlax.losses.LOSSES["supcon"]
<class 'screlax.problem.losses.supcon.SupCon'>
"""

from .problem.losses.base import LOSSES, GramLoss, Loss, register_loss
from .problem.losses.row_softmax import RowSoftmax, RowWeights
from .problem.losses.supcon import SupCon

__all__ = [
    "LOSSES",
    "GramLoss",
    "Loss",
    "RowSoftmax",
    "RowWeights",
    "SupCon",
    "register_loss",
]
