"""Labels that are no single class: probabilities of labels, or sets of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ..errors import InvalidInputError
from ..io.arrays import real_array
from ..problem.labels import distinct_labels, label_array
from .layout import nonnegative


def soft_label_matrix(labels: Any, samples: int, key_labels: Any, keys: int) -> Any:
    """Return y of samples and keys, shape (samples + keys, labels), sparse for sets of labels.

    Raises
    ------
    InvalidInputError
        If they are neither numbers that are not negative nor sets, or do not fit.
    """
    if _are_sets(labels):
        sets = [*_sets(labels, samples, "soft_labels")]
        if keys:
            sets += _sets(key_labels, keys, "key_labels")
        return _indicators(sets)
    features = real_array(labels, "soft_labels").shape[1:]
    matrix = nonnegative(labels, "soft_labels", (samples, *(features or (1,))))
    if keys:
        beside = nonnegative(key_labels, "key_labels", (keys, matrix.shape[1]))
        matrix = np.concatenate([matrix, beside])
    return matrix


def _are_sets(labels: Any) -> bool:
    return isinstance(labels, list | tuple) and any(isinstance(y, set | frozenset) for y in labels)


def _sets(labels: Any, count: int, what: str) -> list[frozenset[Any]]:
    """Check that these are sets of labels, one for each row."""
    given = list(labels) if isinstance(labels, list | tuple) else []
    if len(given) != count or not all(isinstance(entry, set | frozenset) for entry in given):
        raise InvalidInputError(
            f"{what} must be a list of {count} sets of labels, one for each; a set may be empty"
        )
    return [frozenset(entry) for entry in given]


def _indicators(sets: list[frozenset[Any]]) -> Any:
    """Return the matrix with a one for each label that a row has."""
    rows = np.repeat(np.arange(len(sets)), [len(entry) for entry in sets])
    every = [label for entry in sets for label in entry]
    if not every:
        return sparse.csr_array((len(sets), 1))
    names, columns = distinct_labels(label_array(every, one_per="entry of a set"))
    shape = (len(sets), len(names))
    return sparse.csr_array((np.ones(len(every)), (rows, columns)), shape=shape)
