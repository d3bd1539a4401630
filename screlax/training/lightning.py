"""The geometry of a training run as a callback of Lightning."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from ..comparison.callback import GeometryCallback
from ..comparison.tracker import GeometryTracker
from ..errors import InvalidInputError, MissingExtraError

Pairs = Callable[[Any, Any], tuple[Any, Any]]
"""Takes what `training_step` returned and the batch; returns embeddings and labels."""

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _callback_class() -> Any:
    """Return the base class of the package that the user has loaded, or of one that is there."""
    for name in sorted(_PACKAGES, key=lambda name: name not in sys.modules):
        try:
            return importlib.import_module(name).Callback
        except ImportError:
            continue
    raise MissingExtraError(
        "LightningGeometry needs Lightning, which is not installed: pip install lightning; "
        "GeometryCallback is for loops without it"
    )


class LightningGeometry(_callback_class()):  # type: ignore[misc]
    """Follows the geometry of the training batches of a `lightning.Trainer`, and logs it.

    `training_step` returns the embeddings beside the loss ::

        return {"loss": loss, "embeddings": embeddings, "labels": labels}

    and the trainer takes the callback, ``Trainer(callbacks=[LightningGeometry(tracker)])``. The
    scalars of each epoch go to the trainer's logger. Its checkpoints have the tracker's state, so
    that a run goes on in the middle of an epoch. With several processes each has a tracker, of
    its own samples; `GeometryTracker.merge` adds them up.

    Parameters
    ----------
    tracker : GeometryTracker
    batch : callable, optional
        Takes what `training_step` returned and the batch, and returns embeddings and labels; by
        default those entries, and labels also of a batch (x, labels).
    prefix, every
        As for `screlax.geometry.GeometryCallback`.
    """

    def __init__(
        self,
        tracker: GeometryTracker,
        *,
        batch: Pairs | None = None,
        prefix: str = "geometry/",
        every: int = 1,
    ) -> None:
        super().__init__()
        self.geometry = GeometryCallback(tracker, prefix=prefix, every=every)
        self._pairs = _embeddings_and_labels if batch is None else batch

    @property
    def state_key(self) -> str:
        """Name of its state in a checkpoint: several callbacks have several prefixes."""
        return f"LightningGeometry:{self.geometry.prefix}"

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take in a batch."""
        if self.geometry.measures:
            self.geometry.batch_end(*self._pairs(outputs, batch))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log the scalars of the epoch."""
        row = self.geometry.epoch_end()
        if row:
            pl_module.log_dict(row)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"epochs": self.geometry.epochs, "tracker": self.geometry.tracker.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.geometry.tracker.load_state_dict(state_dict["tracker"])
        self.geometry.epochs = state_dict["epochs"]


def _embeddings_and_labels(outputs: Any, batch: Any) -> tuple[Any, Any]:
    """Return those of a step that returned them by name; labels also from a batch (x, y)."""
    found = outputs if isinstance(outputs, dict) else {}
    labels = found.get("labels", batch[1] if isinstance(batch, list | tuple) else None)
    if "embeddings" not in found or labels is None:
        raise InvalidInputError(
            "training_step must return a dict with embeddings and labels beside the loss, "
            '{"loss": loss, "embeddings": embeddings, "labels": labels}; or say where they are: '
            "LightningGeometry(tracker, batch=lambda outputs, batch: (…, …))"
        )
    return found["embeddings"], labels
