"""The supervised contrastive loss and its gradient, in numpy, at the speed of the hardware."""

from .chunked import contrastive_loss_chunked, supcon_loss_chunked
from .contrastive import contrastive_loss, contrastive_loss_and_grad
from .gram import gram_loss
from .supcon import supcon_loss, supcon_loss_and_grad

__all__ = [
    "contrastive_loss",
    "contrastive_loss_and_grad",
    "contrastive_loss_chunked",
    "gram_loss",
    "supcon_loss",
    "supcon_loss_and_grad",
    "supcon_loss_chunked",
]
