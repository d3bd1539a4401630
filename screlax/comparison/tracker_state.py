"""What a tracker knows as plain data, and back, for classes in another order or more of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..problem.labels import ClassNumbers
from .statistics import ClassStatistics

_ARRAYS = ("counts", "means", "within_traces", "within")


def state_of(history: list[dict[str, Any]], statistics: ClassStatistics | None) -> dict[str, Any]:
    """Return history and epoch so far as numbers, text, lists and bytes, which any format takes."""
    epoch: dict[str, Any] | None = None
    if statistics is not None:
        epoch = {name: _packed(getattr(statistics, name)) for name in _ARRAYS}
        epoch["classes"] = list(statistics.names)
    return {"history": [dict(row) for row in history], "epoch": epoch}


def read_state(state: Any) -> tuple[list[dict[str, Any]], ClassStatistics | None]:
    """Return what `state_of` was given, or refuse what does not come from it."""
    try:
        history, epoch = [dict(row) for row in state["history"]], state["epoch"]
        return history, None if epoch is None else _statistics(epoch)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(f"not the state of a tracker: {error}") from error


def _packed(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array as what `torch.load` takes without trusting the file."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return {"shape": list(array.shape), "type": little.dtype.str, "bytes": little.tobytes()}


def _unpacked(packed: Mapping[str, Any]) -> NDArray[Any]:
    array = np.frombuffer(packed["bytes"], dtype=packed["type"]).reshape(packed["shape"])
    return array.astype(array.dtype.newbyteorder("="))


def _statistics(epoch: Mapping[str, Any]) -> ClassStatistics:
    names = tuple(epoch["classes"])
    counts, means, traces, within = (_unpacked(epoch[name]) for name in _ARRAYS)
    k, features = len(names), means.shape[-1]
    shapes = [array.shape for array in (counts, means, traces, within)]
    if shapes != [(k,), (k, features), (k,), (features, features)]:
        raise ValueError(f"arrays of shapes {shapes} for {k} classes")
    if [array.dtype.kind for array in (counts, means, traces, within)] != ["i", "f", "f", "f"]:
        raise ValueError("arrays of other types")
    if not all(np.isfinite(array).all() for array in (means, traces, within)):
        raise ValueError("an entry is not finite")
    return ClassStatistics(names, counts.astype(np.int64), means, traces, within)


def among(
    statistics: ClassStatistics, names: tuple[Any, ...], numbers: ClassNumbers
) -> ClassStatistics:
    """Return statistics as those of all `names`, in their order; those that are new have no sample.

    Raises
    ------
    InvalidInputError
        If a class that it has is none of them.
    """
    if statistics.names == names:
        return statistics
    place, k = numbers(list(statistics.names)), len(names)
    counts, traces = np.zeros(k, np.int64), np.zeros(k)
    means = np.zeros((k, statistics.means.shape[1]))
    counts[place], traces[place] = statistics.counts, statistics.within_traces
    means[place] = statistics.means
    return ClassStatistics(names, counts, means, traces, statistics.within)
