"""Labels from arrays, tensors and files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..problem.labels import label_array
from .arrays import array_from_file
from .text import read_labels


def as_labels(source: Any, count: int) -> NDArray[Any]:
    """Return labels, one per sample, as an array, shape (n,).

    Parameters
    ----------
    source : array-like, torch tensor, or path
        A path is read by `read_labels`, anything else by `screlax.problem.labels.label_array`.
    count : int
        How many there must be.

    Raises
    ------
    InvalidInputError
        If there is another number of them, or one is missing.
    """
    from_file = isinstance(source, str | os.PathLike)
    labels = label_array(_labels_from_file(Path(source)) if from_file else source)
    if len(labels) != count:
        raise InvalidInputError(
            f"there are {count:,} embeddings but {len(labels):,} labels; give one label per row"
        )
    return labels


def _labels_from_file(path: Path) -> Any:
    """Keep an array of integers as it is: a million Python objects take most of a second."""
    if path.suffix == ".npy" and path.exists():
        array = array_from_file(path)
        if array.ndim == 1 and array.dtype.kind in "iu" and len(array):
            return np.array(array)
    return read_labels(path)
