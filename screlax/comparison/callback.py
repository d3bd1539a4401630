"""The geometry of a training run, followed from any loop: batches in, scalars out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..checks import whole_number
from .tracker import GeometryTracker

Log = Callable[[dict[str, float], int], object]
"""Takes the scalars of an epoch and the epoch's number, from one."""


class GeometryCallback:
    """Gives batches to a `GeometryTracker`, and the scalars of each epoch to a logger.

    Parameters
    ----------
    tracker : GeometryTracker
        Its history is that of the run.
    log : callable, optional
        Takes a dict of scalars and the epoch: ``lambda row, epoch: run.log(row, step=epoch)`` of
        Weights & Biases; for TensorBoard one that calls ``writer.add_scalar(name, value, epoch)``
        for each.
    prefix : str, default "geometry/"
        Of the names of scalars, which group under it there.
    every : int, default 1
        Only every so many epochs are measured, the first and then these.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> from screlax.geometry import GeometryCallback
    >>> tracker = screlax.GeometryTracker(classes=["cat", "dog"])
    >>> logged = {}
    >>> callback = GeometryCallback(tracker, log=lambda row, epoch: logged.update({epoch: row}))
    >>> for epoch in range(2):
    ...     for batch in range(3):
    ...         callback.batch_end(np.array([[1.0, 0.1 * batch], [-1.0, 0.0]]), ["cat", "dog"])
    ...     row = callback.epoch_end(loss=0.5)
    >>> sorted(logged), logged[2]["geometry/samples"], logged[2]["geometry/loss"]
    ([1, 2], 6.0, 0.5)
    """

    def __init__(
        self,
        tracker: GeometryTracker,
        *,
        log: Log | None = None,
        prefix: str = "geometry/",
        every: int = 1,
    ) -> None:
        self.tracker = tracker
        self.log = log
        self.prefix = prefix
        self.every = whole_number(every, "every")
        self.epochs = 0

    def __repr__(self) -> str:
        return f"<GeometryCallback after {self.epochs:,} epochs: {self.tracker!r}>"

    @property
    def measures(self) -> bool:
        """Whether the epoch under way is one of those measured."""
        return self.epochs % self.every == 0

    def batch_end(self, embeddings: Any, labels: Any) -> None:
        """Take in a batch, as `GeometryTracker.update` does, in an epoch that is measured."""
        if self.measures:
            self.tracker.update(embeddings, labels)

    def epoch_end(self, **extra: Any) -> dict[str, float]:
        """Close the epoch, log its scalars and return them; none of one that is not measured.

        Raises
        ------
        InvalidInputError
            If a measured epoch had no batch; see `GeometryTracker.end_epoch` for `extra`.
        """
        row: dict[str, float] = {}
        if self.measures:
            self.tracker.end_epoch(**extra)
            row = self.tracker.scalars(self.prefix)
        self.epochs += 1
        if row and self.log is not None:
            self.log(row, self.epochs)
        return row
