"""Class statistics of rows that come in small batches, taken in many rows at a time."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from .accumulator import Accumulator
from .blocks import blocks
from .statistics import ClassStatistics

_ENOUGH = 4
"""Rows per class that are taken in together: a block costs as if it had a row more per class."""

_MOST = 1 << 23
"""Numbers of rows that wait at most: 64 MB."""


class Gathered:
    """Rows so far: those taken in, and those that wait in a buffer.

    Parameters
    ----------
    names : tuple of hashable
        Label of each class.
    """

    def __init__(self, names: tuple[Hashable, ...]) -> None:
        self._names = names
        self._taken: Accumulator | None = None
        self._buffer = np.zeros((0, 0))
        self._numbers = np.zeros(0, np.int64)
        self._waiting = 0

    def add(self, rows: NDArray[Any], numbers: NDArray[np.int64]) -> None:
        """Take rows of one dimension, float32 or float64 and finite, or copy them to wait."""
        if self._taken is None:
            self._taken = Accumulator(len(self._names), rows.shape[1], within=True)
        features = self._taken.means.shape[1]
        if rows.shape[1] != features:
            raise InvalidInputError(
                f"the batch has dimension {rows.shape[1]}, and those before it {features}"
            )
        room = max(1, min(_ENOUGH * len(self._names), _MOST // features))
        if self._waiting + len(rows) > room or rows.dtype != self._buffer.dtype:
            self._take_in()
        if len(rows) >= room:
            for first, block in blocks(rows, slice(0, len(rows)), normalize=False):
                self._taken.add(block, numbers[first : first + len(block)], first)
            return
        shape = (room + len(self._names), features)  # with the room that `Accumulator.add` needs
        if self._buffer.shape != shape or rows.dtype != self._buffer.dtype:
            self._buffer = np.empty(shape, rows.dtype)
            self._numbers = np.empty(room, np.int64)
        part = slice(self._waiting, self._waiting + len(rows))
        self._buffer[part], self._numbers[part] = rows, numbers
        self._waiting += len(rows)

    def _take_in(self) -> None:
        """Take in the rows that wait."""
        waiting, self._waiting = self._waiting, 0
        if waiting and self._taken is not None:
            rows, numbers = self._buffer[:waiting], self._numbers[:waiting]
            self._taken.add(rows, numbers, 0, work=self._buffer)

    def statistics(self) -> ClassStatistics | None:
        """Return statistics of all rows, None where there are none; later rows change them."""
        self._take_in()
        of = self._taken
        if of is None:
            return None
        return ClassStatistics(self._names, of.counts, of.means, of.traces, of.within)

    def clear(self) -> None:
        """Forget all rows; the buffer stays."""
        self._taken, self._waiting = None, 0

    def set(self, statistics: ClassStatistics) -> None:
        """Go on from these statistics, with a scatter matrix, in the place of all rows so far."""
        taken = Accumulator(len(self._names), statistics.means.shape[1], within=True)
        assert statistics.within is not None
        taken.counts[:], taken.means[:] = statistics.counts, statistics.means
        taken.traces[:], taken.within = statistics.within_traces, statistics.within.copy()
        self._taken, self._waiting = taken, 0
