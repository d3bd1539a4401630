"""Embeddings beside those of the samples: keys of a queue, prototypes, class means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import InvalidInputError
from ..io.arrays import as_floats, real_array, require_entries, shown_index
from ..problem.labels import distinct_labels, label_array
from ..problem.losses.base import Loss
from .layout import Layout

_NO_BATCH = (
    "keys and prototypes are for one set of embeddings, of shape (n, d) or (n, views, d) with a "
    "contrast_mode; evaluate the items of a batch one by one"
)


@dataclass(frozen=True, eq=False)
class Keys:
    """Further rows, and the label of each.

    Attributes
    ----------
    rows : ndarray, shape (keys, d)
    labels : ndarray, shape (keys,), or (keys, labels) where labels are soft
    tied : sparse array, shape (keys, rows), or None
        What rows of the samples are multiplied by to make these; None where they are given.
    """

    rows: NDArray[Any]
    labels: NDArray[Any]
    tied: Any = None

    def appended(self, layout: Layout, anchors: bool) -> Layout:
        """Return the layout with these rows last; as anchors too, if wanted."""
        if anchors and layout.anchors < layout.size:
            raise InvalidInputError(
                "prototypes with loss terms need contrast_mode='all', or one view; or take "
                "loss_terms=False"
            )
        rows, size = np.concatenate([layout.rows, self.rows]), layout.size + len(self.rows)
        count = size if anchors else layout.anchors
        return replace(layout, rows=rows, size=size, anchors=count, keys=len(self.rows))


def given_keys(keys: Any, labels: NDArray[Any], layout: Layout) -> Keys:
    """Check keys, with one label each, and bring them to the precision of the embeddings."""
    if layout.kind == "batch":
        raise InvalidInputError(_NO_BATCH)
    array = real_array(keys, "keys")
    features = layout.rows.shape[1]
    if array.ndim != 2 or array.shape[1] != features:
        raise InvalidInputError(
            f"keys must have shape (keys, {features}), as many features as the embeddings; got "
            f"{array.shape}"
        )
    require_entries(array, "keys")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise InvalidInputError(
            f"keys[{shown_index(bad[0])}] is {array[tuple(bad[0])]}; every entry must be finite"
        )
    if len(labels) != len(array):
        raise InvalidInputError(
            f"{len(array)} keys but {len(labels)} key_labels; give one for each"
        )
    return Keys(as_floats(array).astype(layout.rows.dtype), labels)


def tied_prototypes(
    loss: Loss, labels: NDArray[Any], layout: Layout, silent: NDArray[np.bool_] | None
) -> Keys | None:
    """Return as many copies of each class mean as the loss has prototypes, None for none."""
    loud = np.ones(labels.shape, dtype=bool) if silent is None else ~silent
    names, codes = distinct_labels(labels[loud])
    count = loss.prototypes(len(names), names)
    if count is None or not count.any():
        return None
    if layout.kind == "batch":
        raise InvalidInputError(_NO_BATCH)
    of_sample = np.full(len(labels), -1)
    of_sample[loud] = codes
    numbers = layout.per_row(of_sample)
    sizes = np.bincount(numbers[numbers >= 0], minlength=len(names))
    of_key = np.repeat(np.arange(len(names)), count.astype(np.int64))
    members = sparse.csr_array(
        ((numbers >= 0) / sizes[numbers], (numbers % len(names), np.arange(len(numbers)))),
        shape=(len(names), len(numbers)),
    )
    tied = members[of_key]
    first = np.flatnonzero(loud)[np.unique(codes, return_index=True)[1]]
    rows = np.asarray(tied @ layout.rows.astype(np.float64)).astype(layout.rows.dtype)
    return Keys(rows, labels[first[of_key]], tied)


def joined_labels(labels: NDArray[Any], keys: Keys) -> NDArray[Any]:
    """Return the labels of samples and keys as one array, each as what it is."""
    if labels.dtype.kind == keys.labels.dtype.kind:
        return np.concatenate([labels, keys.labels])
    return label_array(labels.tolist() + keys.labels.tolist())
