"""The supervised contrastive loss and its gradient, in numpy, at the speed of the hardware."""

from .gram import gram_loss
from .supcon import supcon_loss, supcon_loss_and_grad

__all__ = ["gram_loss", "supcon_loss", "supcon_loss_and_grad"]
