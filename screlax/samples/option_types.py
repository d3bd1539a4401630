"""Options of losses as type checkers know them, so that `reduction` decides what is returned.

Of a batch of items a mean or a sum is an array: no type of array-likes tells that from one item.
"""

from collections.abc import Hashable
from typing import Any, Literal, TypedDict

from numpy.typing import ArrayLike

from ..problem.losses.base import Loss

Number = Literal["mean", "sum"]
"""Reductions to a number."""


class ChunkedOptions(TypedDict, total=False):
    """Of every loss."""

    temperature: float
    base_temperature: float | None
    mean_over: str | None
    normalize: bool


class SupconChunkedOptions(ChunkedOptions, total=False):
    """Of `supcon_loss_chunked`."""

    negatives_only: bool
    class_weights: Any
    block_rows: int | None


class ContrastiveChunkedOptions(ChunkedOptions, total=False):
    """Of `contrastive_loss_chunked`."""

    loss: Loss | str
    block_rows: int | None


class SupconOptions(ChunkedOptions, total=False):
    """Of `supcon_loss`."""

    mask: ArrayLike | None
    contrast_mode: str | None
    negatives_only: bool
    class_weights: Any
    n_jobs: int | None


class ContrastiveOptions(ChunkedOptions, total=False):
    """Of `contrastive_loss`."""

    loss: Loss | str
    contrast_mode: str | None
    soft_labels: Any
    keys: ArrayLike | None
    key_labels: Any
    contrast_with: str
    ignore: Hashable | None
    ignored: str
    n_jobs: int | None
