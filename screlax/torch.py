"""Training in torch on a CPU: the losses with their gradient (``pip install 'screlax[torch]'``).

>>> import torch
>>> import screlax.torch
>>> print(screlax.torch.ContrastiveLoss(temperature=0.2, normalize=True))
ContrastiveLoss(supcon, temperature=0.2, normalize=True)

From a run to its verdict: the loss says of which problem the training is, and a network is set
against the optimum of that.

>>> criterion = screlax.torch.ContrastiveLoss("supcon:views=2", temperature=0.2, normalize=True)
>>> labels = torch.tensor([0] * 40 + [1] * 20 + [2] * 4)
>>> problem = criterion.problem(labels.bincount(), batches="shuffle:size=16")
>>> solution = screlax.solve_relaxation(problem)
>>> network = torch.nn.Linear(3, 8)  # in place of one that has been trained
>>> features = network(torch.nn.functional.one_hot(labels).float())
>>> screlax.compare(features, labels, solution, normalize=True).verdict.case
'unfinished'
"""

from typing import TYPE_CHECKING, Any

from .comparison.callback import GeometryCallback
from .training.contrastive import ContrastiveLoss, contrastive_loss
from .training.gram_penalty import GramPenalty, gram_penalty

if TYPE_CHECKING:
    from .training.lightning import LightningGeometry as LightningGeometry

__all__ = [
    "ContrastiveLoss",
    "GeometryCallback",
    "GramPenalty",
    "LightningGeometry",
    "contrastive_loss",
    "gram_penalty",
]


def __getattr__(name: str) -> Any:
    """Load the callback of Lightning when it is asked for: its base class is Lightning's own."""
    if name == "LightningGeometry":
        from .training.lightning import LightningGeometry

        return LightningGeometry
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
