"""The losses a problem can have, and what a new one is made of.

>>> import screlax
>>> problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0), loss=screlax.losses.SupCon())
>>> screlax.losses.LOSSES["supcon"]
<class 'screlax.problem.losses.supcon.SupCon'>
"""

from .problem.losses.base import LOSSES, GramLoss, Loss, check_loss, register_loss
from .problem.losses.class_averaged import ClassAveraged
from .problem.losses.class_rows import ClassTerms
from .problem.losses.class_softmax import ClassSoftmax
from .problem.losses.instance_mix import InstanceMix
from .problem.losses.negatives_only import NegativesOnly
from .problem.losses.prototypes import Prototypes
from .problem.losses.row_softmax import RowSoftmax
from .problem.losses.self_supervised import SelfSupervised
from .problem.losses.soft_targets import SoftTargets
from .problem.losses.softmax_rows import RowWeights, SoftmaxRows
from .problem.losses.supcon import SupCon

__all__ = [
    "LOSSES",
    "ClassAveraged",
    "ClassSoftmax",
    "ClassTerms",
    "GramLoss",
    "InstanceMix",
    "Loss",
    "NegativesOnly",
    "Prototypes",
    "RowSoftmax",
    "RowWeights",
    "SelfSupervised",
    "SoftTargets",
    "SoftmaxRows",
    "SupCon",
    "check_loss",
    "register_loss",
]
