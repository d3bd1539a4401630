"""Training in torch on a CPU: the losses with their gradient (``pip install 'screlax[torch]'``).

>>> import torch
>>> import screlax.torch
>>> print(screlax.torch.ContrastiveLoss(temperature=0.2, normalize=True))
ContrastiveLoss(supcon, temperature=0.2, normalize=True)
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
