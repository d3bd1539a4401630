"""Input to one canonical form: items of n rows each, the anchors first, and class numbers.

    embeddings       contrast_mode   items   rows of an item        anchors
    (n, d)           None            1       n                      n
    (batch, n, d)    None            batch   n                      n
    (n, views, d)    "all"           1       n·views, sample-major  n·views
    (n, views, d)    "one"           1       views·n, view-major    n, those of the first view

Rows of one item are contrasted with each other and never with those of another item.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_choice
from ..errors import InvalidInputError
from ..io.arrays import as_floats, real_array, require_entries, shown_index
from ..problem.labels import distinct_labels, label_array
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
    keys : int
        How many rows, the last of the one item, are keys: no samples of the input.
    """

    rows: NDArray[Any]
    shape: tuple[int, ...]
    items: int
    size: int
    anchors: int
    views: int = 1
    kind: str = "single"
    offset: tuple[int, ...] = ()
    keys: int = 0

    @property
    def samples(self) -> int:
        """Number of samples of an item; each has `views` rows, and every key is one."""
        return (self.size - self.keys) // self.views + self.keys

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
        if self.keys:
            alone = replace(self, size=self.size - self.keys, keys=0)
            return np.concatenate([alone.per_row(values[: -self.keys]), values[-self.keys :]])
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
        if self.kind == "one":
            return losses[: self.shape[0]]
        return losses[: len(losses) - self.keys].reshape(self.shape[:-1])

    def item(self, number: int) -> Layout:
        """Return one item of a batch as a layout of its own."""
        part = slice(number * self.size, (number + 1) * self.size)
        rows = self.rows[part]
        return Layout(rows, rows.shape, 1, self.size, self.size, offset=(number,))

    def locate(self, row: int) -> tuple[int, ...]:
        """Return the index in the input, features left out, of a row number of `rows`."""
        if self.kind == "one":
            view, sample = divmod(row, self.shape[0])
            return sample, view
        index = np.unravel_index(row, self.shape[:-1])
        return self.offset + tuple(int(number) for number in index)


def arrange(embeddings: ArrayLike, contrast_mode: str | None) -> Layout:
    """Check embeddings and bring them to canonical order.

    Without a contrast mode rank 3 is a batch; "all" and "one" read it as (n, views, d), every view
    an anchor or only the first (Khosla et al. 2020, the public SupContrast code).
    """
    array = check_embeddings(embeddings)
    check_choice(contrast_mode, "contrast_mode", (None, "all", "one"))
    shape = array.shape
    if contrast_mode is None:
        items, kind = (shape[0], "batch") if len(shape) == 3 else (1, "single")
        rows = array.reshape(-1, shape[-1])
        return Layout(rows, shape, items, shape[-2], shape[-2], kind=kind)
    if len(shape) != 3:
        raise InvalidInputError(
            f"contrast_mode={contrast_mode!r} needs embeddings of shape (n, views, d), got "
            f"{shape}; leave contrast_mode out for one view"
        )
    samples, views, features = shape
    size = samples * views
    if contrast_mode == "all":
        rows = array.reshape(size, features)
        return Layout(rows, shape, 1, size, size, views, kind="all")
    rows = array.transpose(1, 0, 2).reshape(size, features)
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


@dataclass(frozen=True, eq=False)
class Codes:
    """A class number for every sample.

    Attributes
    ----------
    codes : ndarray of int64
        Shape of the labels.
    classes : int
        All codes are below it; some numbers may have no sample.
    names : tuple or None
        The label of each class, sorted; None where the codes are shifted integers.
    """

    codes: NDArray[np.int64]
    classes: int
    names: tuple[Hashable, ...] | None = None


def encode(
    labels: Any, shapes: tuple[tuple[int, ...], ...], *, names: bool = False, hint: str = ""
) -> Codes:
    """Give every label a class number; a hint is added to the message on a shape not in `shapes`.

    Without names, integers in a narrow range are only shifted.
    """
    array = label_array(labels, shapes=shapes)
    if array.shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise InvalidInputError(
            f"labels must have shape {expected}, one per sample; got {array.shape}{hint}"
        )
    if array.dtype.kind in "iub" and not names:
        shifted = _shifted(array)
        if shifted is not None:
            return shifted
    found, codes = distinct_labels(array)
    return Codes(codes, len(found), found)


def _shifted(array: NDArray[Any]) -> Codes | None:
    """Subtract the smallest label, unless that leaves more numbers than there are samples."""
    if array.dtype.kind == "b":
        return Codes(array.astype(np.int64), 2)
    low, high = int(array.min()), int(array.max())
    if high - low >= max(array.size, 2):
        return None
    if low == 0:
        return Codes(array.astype(np.int64, copy=False), high + 1)
    wide = array if array.dtype.kind == "u" else array.astype(np.int64)  # int8 would wrap around
    return Codes((wide - wide.dtype.type(low)).astype(np.int64), high - low + 1)


def nonnegative(values: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return finite nonnegative numbers of a given shape, a mask or weights, as float64."""
    array = real_array(values, name)
    if array.shape != shape:
        raise InvalidInputError(f"{name} must have shape {shape}, got {array.shape}")
    array = array.astype(np.float64)
    bad = np.argwhere(~(np.isfinite(array) & (array >= 0)))
    if len(bad):
        index = shown_index(bad[0])
        raise InvalidInputError(
            f"{name} must be finite and not negative, got {array[tuple(bad[0])]} at index {index}"
        )
    return array
