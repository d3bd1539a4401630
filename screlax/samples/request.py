"""From what a user asks to what one evaluation needs, and back to the shape of the input."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_choice
from ..errors import InvalidInputError
from ..problem.labels import label_array
from ..problem.losses.base import Loss
from ..types import Vector
from .keys import Keys, given_keys, joined_labels, tied_prototypes
from .layout import Layout, arrange, check_embeddings
from .loss_terms import LossTerms, check_unresolved
from .options import Options
from .setup import Setup, from_labels, from_soft_labels
from .soft_labels import soft_label_matrix
from .supcon import Loss as Value
from .supcon import own_classes


@dataclass(frozen=True, eq=False)
class Prepared:
    """Checked input, and the way back to its shape.

    Attributes
    ----------
    layout : Layout
        Of the samples that are evaluated, and the keys.
    setup : Setup
    keys : Keys or None
    kept : ndarray of bool, shape (n,), or None
        Which samples are evaluated; None for all.
    """

    layout: Layout
    setup: Setup
    keys: Keys | None
    kept: NDArray[np.bool_] | None

    def present(self, losses: Vector, reduction: str) -> Value:
        """Give losses their shape."""
        shown = self.layout.present(losses, reduction)
        return shown if self.kept is None or reduction != "none" else self._scattered(shown)

    def split(self, gradient: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return the gradients by the embeddings, in their shape, and by keys that were given."""
        count = len(gradient) - self.layout.keys
        mine, theirs = gradient[:count], gradient[count:]
        if self.keys is not None and self.keys.tied is not None:
            mine = (mine + self.keys.tied.T @ theirs.astype(np.float64)).astype(gradient.dtype)
        given = self.keys is not None and self.keys.tied is None
        shaped = self.layout.restore_rows(mine)
        if self.kept is not None:
            shaped = self._scattered(shaped)
        return shaped, np.ascontiguousarray(theirs) if given else None

    def _scattered(self, values: Any) -> NDArray[Any]:
        assert self.kept is not None
        everything = np.zeros((len(self.kept), *values.shape[1:]), values.dtype)
        everything[self.kept] = values
        return everything


@dataclass(frozen=True, eq=False)
class Request:
    """What is asked for, besides embeddings, labels and `Options`."""

    loss: Loss | str
    contrast_mode: str | None
    soft_labels: Any
    keys: Any
    key_labels: Any
    contrast_with: str
    ignore: Hashable | None
    ignored: str

    def prepare(self, embeddings: Any, labels: Any, options: Options) -> Prepared:
        """Check everything, and bring it to canonical form."""
        check_choice(self.contrast_with, "contrast_with", ("all", "keys"))
        check_choice(self.ignored, "ignored", ("left out", "negatives"))
        if self.ignored == "negatives" and self.ignore is None:
            raise InvalidInputError(
                "ignored='negatives' has no effect without ignore=, the label of these samples"
            )
        loss = check_unresolved(self.loss)
        if (self.keys is None) != (self.key_labels is None):
            raise InvalidInputError("keys and key_labels belong together; give both, or neither")
        if self.keys is None and self.contrast_with == "keys":
            raise InvalidInputError("contrast_with='keys' needs keys, with key_labels")
        if self.contrast_with == "keys" and loss.keys_are_anchors:
            raise InvalidInputError(
                f"the loss {loss} has terms of keys, which contrast_with='keys' has not; take "
                "loss_terms=False"
            )
        array, kept, labels, silent = self._without_ignored(embeddings, labels)
        layout = arrange(array, self._mode(loss, array))
        if self.soft_labels is not None:
            return self._prepare_soft(layout, loss, labels, options)
        given = own_classes(layout) if labels is None else labels
        joint, keys = self._with_keys(layout, loss, given, silent)
        if keys is not None:
            layout = keys.appended(layout, loss.keys_are_anchors)
            if silent is not None:
                silent = np.concatenate([silent, np.zeros(len(keys.rows), dtype=bool)])
        only = self.contrast_with == "keys"
        setup = from_labels(layout, joint, LossTerms(loss), options, silent, only)
        return Prepared(layout, setup, keys, kept)

    def _mode(self, loss: Loss, array: NDArray[Any]) -> str | None:
        """Return how to read the shape: as views where the loss has several."""
        views = loss.view_count
        if views == 1:
            return self.contrast_mode
        if array.ndim != 3 or array.shape[1] != views:
            raise InvalidInputError(
                f"the loss {loss} has {views} views: give embeddings of shape (n, {views}, d), got "
                f"{array.shape}"
            )
        return self.contrast_mode or "all"

    def _without_ignored(
        self, embeddings: Any, labels: Any
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None, Any, NDArray[np.bool_] | None]:
        """Return embeddings and labels, which of them are left, and which of these are silent."""
        array = check_embeddings(embeddings)
        if self.ignore is None:
            return array, None, labels, None
        if labels is None:
            raise InvalidInputError(f"ignore={self.ignore!r} is a label, and there are no labels")
        given = label_array(labels, shapes=((len(array),), array.shape[:2]))
        out = np.array([label == self.ignore for label in given.reshape(-1).tolist()], dtype=bool)
        out = out.reshape(given.shape)
        if self.ignored == "negatives":
            return array, None, given, out
        if given.ndim != 1 or len(given) != len(array):
            raise InvalidInputError(
                "samples cannot be left out of the items of a batch, which would differ in size; "
                "take ignored='negatives', or evaluate the items one by one"
            )
        if out.all():
            raise InvalidInputError(f"every label is {self.ignore!r}: no sample is left")
        return array[~out], ~out, given[~out], None

    def _with_keys(
        self, layout: Layout, loss: Loss, labels: Any, silent: NDArray[np.bool_] | None
    ) -> tuple[Any, Keys | None]:
        """Return labels of samples and keys, and the keys: given ones, or prototypes."""
        shape = ((layout.samples,), (layout.items, layout.samples))
        array = label_array(labels, shapes=shape if layout.kind == "batch" else shape[:1])
        if array.shape not in shape:  # refused where the labels are numbered
            return array, None
        if self.keys is None:
            keys = tied_prototypes(loss, array, layout, silent)
        else:
            of_keys = label_array(self.key_labels, what="key_labels", one_per="key")
            keys = given_keys(self.keys, of_keys, layout)
        return (array, None) if keys is None else (joined_labels(array, keys), keys)

    def _prepare_soft(self, layout: Layout, loss: Loss, labels: Any, options: Options) -> Prepared:
        if labels is not None:
            raise InvalidInputError("labels and soft_labels were both given; leave one of them out")
        if layout.kind == "batch":
            raise InvalidInputError("soft_labels are for one set of embeddings, not for a batch")
        samples, keys = layout.samples, None
        count = 0 if self.keys is None else len(np.asarray(self.keys))
        matrix = soft_label_matrix(self.soft_labels, samples, self.key_labels, count)
        if self.keys is None and loss.prototypes(1, None) is not None:
            raise InvalidInputError(
                f"the loss {loss} has prototypes, which are of classes; give them as keys, with "
                "soft labels as key_labels"
            )
        if self.keys is not None:
            keys = given_keys(self.keys, np.arange(count), layout)
            layout = keys.appended(layout, False)
        only = self.contrast_with == "keys"
        setup = from_soft_labels(layout, matrix, LossTerms(loss), options, only)
        return Prepared(layout, setup, keys, None)
