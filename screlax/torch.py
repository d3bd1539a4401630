"""Training in torch on a CPU: the losses with their gradient (``pip install 'screlax[torch]'``).

>>> import torch
>>> import screlax.torch
>>> print(screlax.torch.ContrastiveLoss(temperature=0.2, normalize=True))
ContrastiveLoss(supcon, temperature=0.2, normalize=True)
"""

from .training.contrastive import ContrastiveLoss, contrastive_loss
from .training.gram_penalty import GramPenalty, gram_penalty

__all__ = [
    "ContrastiveLoss",
    "GramPenalty",
    "contrastive_loss",
    "gram_penalty",
]
