"""Embeddings and labels as a comparison is given them, in the terms of a problem."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..io.arrays import as_view_embeddings
from ..optional import require_memory
from ..problem.label_files import as_labels, labels_in_same_file
from ..problem.losses.base import Loss
from ..problem.ufm import UFM
from ..samples.chunked_problem import loaded
from ..samples.sources import open_source
from ..types import Matrix, Vector
from .rows import ChunkedRows, HeldRows, Rows
from .shards import one_below_the_other, shards_of
from .statistics import ClassStatistics

Linear = tuple[Matrix, Vector | None]
"""Weights, shape (k, d), and biases, shape (k,), of a classifier."""

LARGEST_ENTRY = 1e60
"""Entries of class means up to which fourth powers, as Gram distances have them, are finite."""


def rows_and_labels(
    embeddings: Any, labels: Any, loss: Loss, *, any_views: bool = False
) -> tuple[Rows, NDArray[Any], int]:
    """Return embeddings as rows, their labels, and how many rows are views of one sample.

    Labels that are None are in the file of the embeddings.
    """
    rows: Rows
    labels = labels_in_same_file(embeddings) if labels is None else labels
    shards = shards_of(embeddings, labels)
    if shards is None:
        array, together = as_view_embeddings(embeddings, loss.view_count, any_number=any_views)
        rows = HeldRows(array)
    else:
        shards, together = one_below_the_other(shards, loss.view_count, any_number=any_views)
        rows, labels = ChunkedRows(open_source(shards)), loaded(labels)
    given = as_labels(labels, len(rows) // together)
    return rows, given if together == 1 else np.repeat(given, together), together


def usable_statistics(
    problem: UFM, rows: Rows, labels: Any, *, normalize: bool, within: bool = True
) -> tuple[NDArray[np.int64], ClassStatistics]:
    """Return class numbers and statistics; refuse classes without samples, and means all zero."""
    number, k = problem.class_index(labels), problem.classes
    missing = np.flatnonzero(np.bincount(number, minlength=k) == 0)
    if len(missing):
        first = int(missing[0])
        name = first if problem.class_labels is None else problem.class_labels[first]
        raise InvalidInputError(
            f"no sample has label {name!r}: {len(missing):,} of {k:,} classes of the problem have "
            "none; compare with a solution for the classes that are there"
        )
    require_memory(8 * 6 * k * k, f"comparing Gram matrices of {k:,} classes")
    found = rows.statistics(number, k, within=within, normalize=normalize)
    largest = float(np.abs(found.means).max())
    if largest == 0:
        raise InvalidInputError("all class means are zero: there is no geometry to compare")
    if not 1 / LARGEST_ENTRY < largest < LARGEST_ENTRY:
        raise InvalidInputError(
            f"the largest entry of the class means is {largest:.3g}, whose products are beyond "
            "double precision; rescale the embeddings"
        )
    return number, found
