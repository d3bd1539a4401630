"""Views and batches to one canonical form: items of n rows each, the anchors first.

    embeddings       contrast_mode   items   rows of an item        anchors
    (n, d)           None            1       n                      n
    (batch, n, d)    None            batch   n                      n
    (n, views, d)    "all"           1       n·views, sample-major  n·views
    (n, views, d)    "one"           1       views·n, view-major    n, those of the first view

Rows of one item are contrasted with each other and never with those of another item.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_choice
from ..errors import InvalidInputError
from ..io.arrays import as_floats, real_array, require_entries
from ..types import Vector


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows in canonical order, and the way back.

    Attributes
    ----------
    rows : ndarray, shape (items·size, d)
        The embeddings, item after item; a view of the input wherever possible.
    shape : tuple of int
        Shape of the input.
    items, size : int
        How many independent problems, and how many rows each has.
    anchors : int
        The leading rows of an item that are anchors.
    views : int
        Rows per sample, one except in the multi-view layout.
    kind : {"single", "batch", "all", "one"}
        Which row of the table above; "one" puts all samples of the first view first.
    offset : tuple of int
        The index of an item that was cut out of a batch.
    """

    rows: NDArray[Any]
    shape: tuple[int, ...]
    items: int
    size: int
    anchors: int
    views: int = 1
    kind: str = "single"
    offset: tuple[int, ...] = ()

    @property
    def samples(self) -> int:
        """Number of samples of an item; each has `views` rows."""
        return self.size // self.views

    @property
    def hint(self) -> str:
        """What to say of labels that do not fit: that a batch may have been meant as views."""
        if self.kind != "batch":
            return ""
        return (
            f"; embeddings of shape {self.shape} are a batch of {self.items} times {self.size} "
            f"rows: if they are {self.items} samples of {self.size} views, give "
            "contrast_mode='all', or 'one'"
        )

    def per_row(self, values: NDArray[Any]) -> NDArray[Any]:
        """Repeat values of samples, shape (samples,) or (items, samples), to all rows."""
        if self.kind == "one":
            return np.tile(values, self.views)
        spread = values if self.views == 1 else np.repeat(values, self.views, axis=-1)
        return np.broadcast_to(spread, (self.items, self.size)).reshape(-1)

    def restore_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Give a gradient, shape (items·size, d), the shape of the input."""
        if self.kind == "one":
            samples, views, features = self.shape
            return values.reshape(views, samples, features).transpose(1, 0, 2)
        return values.reshape(self.shape)

    def present(self, losses: Vector, reduction: str) -> float | NDArray[np.float64]:
        """Give losses, of rows where there is no reduction, else of items, their shape."""
        if reduction != "none":
            return losses if self.kind == "batch" else float(losses[0])
        return losses[: self.anchors] if self.kind == "one" else losses.reshape(self.shape[:-1])

    def item(self, number: int) -> Layout:
        """Return one item of a batch as a layout of its own."""
        part = slice(number * self.size, (number + 1) * self.size)
        rows = self.rows[part]
        return Layout(rows, rows.shape, 1, self.size, self.size, offset=(number,))

    def locate(self, row: int) -> tuple[int, ...]:
        """Return the index in the input, features left out, of a row number of `rows`."""
        if self.kind == "one":
            view, sample = divmod(row, self.samples)
            return sample, view
        index = np.unravel_index(row, self.shape[:-1])
        return self.offset + tuple(int(number) for number in index)


def arrange(embeddings: NDArray[Any], contrast_mode: str | None) -> Layout:
    """Bring embeddings of rank 2 or 3 to canonical order.

    Without a contrast mode rank 3 is a batch; "all" and "one" read it as (n, views, d), every view
    an anchor or only the first (Khosla et al. 2020, the public SupContrast code).
    """
    check_choice(contrast_mode, "contrast_mode", (None, "all", "one"))
    shape = embeddings.shape
    if contrast_mode is None:
        items, kind = (shape[0], "batch") if len(shape) == 3 else (1, "single")
        rows = embeddings.reshape(-1, shape[-1])
        return Layout(rows, shape, items, shape[-2], shape[-2], kind=kind)
    if len(shape) != 3:
        raise InvalidInputError(
            f"contrast_mode={contrast_mode!r} needs embeddings of shape (n, views, d), got "
            f"{shape}; leave contrast_mode out for one view"
        )
    samples, views, features = shape
    size = samples * views
    if contrast_mode == "all":
        rows = embeddings.reshape(size, features)
        return Layout(rows, shape, 1, size, size, views, kind="all")
    rows = embeddings.transpose(1, 0, 2).reshape(size, features)
    return Layout(rows, shape, 1, size, samples, views, kind="one")


def check_embeddings(embeddings: ArrayLike) -> NDArray[Any]:
    """Return embeddings as a float32 or float64 array, without a copy where they are one already.

    Integers become float64 and half precision float32. Values are checked later, while they are
    read for the norms; see `screlax.samples.rows.Rows`.
    """
    array = real_array(embeddings, "embeddings")
    if array.ndim not in (2, 3):
        raise InvalidInputError(
            f"embeddings must have shape (n, d), (batch, n, d) or (n, views, d), got "
            f"{array.shape}; reshape them, one row per sample"
        )
    require_entries(array, "embeddings")
    return as_floats(array)
