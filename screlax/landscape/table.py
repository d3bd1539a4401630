"""A landscape survey as a table with one row for each embedding dimension."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gram.geometry import embedding_distance, procrustes_distance
from ..types import Matrix
from .point import CLASSIFICATIONS, LandscapePoint


def landscape_table(
    points: Sequence[LandscapePoint], reached: float
) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
    """Return the columns that `Landscape.table` describes."""
    dims = sorted({point.dim for point in points})
    rows = [_row([point for point in points if point.dim == dim], reached) for dim in dims]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _row(points: list[LandscapePoint], reached: float) -> dict[str, Any]:
    gaps = np.array([point.relative_gap for point in points])
    optimal = [point.embeddings for point in points if point.relative_gap <= reached]
    gram, procrustes = greatest_pairwise(optimal)
    kinds = [point.classification for point in points]
    return {
        "dim": points[0].dim,
        "starts": len(points),
        "reached": len(optimal) / len(points),
        "best_gap": gaps.min(),
        "median_gap": np.median(gaps),
        "worst_gap": gaps.max(),
        "values": _different(np.array([point.value for point in points]), reached),
        "gram_distance": gram,
        "procrustes_distance": procrustes,
        **{kind.replace(" ", "_"): kinds.count(kind) for kind in CLASSIFICATIONS},
    }


def _different(values: NDArray[np.float64], tolerance: float) -> int:
    """Count the values that exceed the next smaller one by more than a relative tolerance."""
    ordered = np.sort(values)
    return 1 + int((np.diff(ordered) > tolerance * np.abs(ordered[1:])).sum())


def greatest_pairwise(embeddings: Sequence[Matrix]) -> tuple[float, float]:
    """Return the greatest Gram and Procrustes distances over all pairs.

    NaN where there is no pair, or embeddings that are zero, which have no direction.
    """
    if len(embeddings) < 2 or not all(entry.any() for entry in embeddings):
        return np.nan, np.nan
    stack = np.stack(list(embeddings))
    gram, procrustes = 0.0, 0.0
    for number in range(len(stack) - 1):
        rest = stack[number + 1 :]
        gram = max(gram, float(embedding_distance(stack[number], rest).max()))
        procrustes = max(procrustes, float(procrustes_distance(stack[number], rest).max()))
    return gram, procrustes
