"""Which tiles of the Gram matrix are computed, and in what order.

Every unordered pair of blocks of rows is one tile. The tiles are dealt out in rounds in which every
block occurs at most once (a round-robin tournament), so the threads of a round never write to the
same rows: no locks, no accumulator for each thread, and the order of every sum is fixed, so the
result is the same to the last bit for any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

Pair = tuple[slice, slice]

_SMALLEST_HALF = 256
"""Blocks of more rows are halved on the diagonal; smaller products are slow."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Consecutive rows of the scaled embeddings, in memory; `start` is the number of the first."""

    start: int
    rows: NDArray[Any]

    def blocks(self, size: int) -> list[slice]:
        """Cut the row numbers into nearly equal blocks of at most `size`, a multiple of 16."""
        count = len(self.rows)
        pieces = -(-count // size)
        step = -(-count // pieces)
        step = -(-step // 16) * 16
        stop = self.start + count
        return [slice(a, min(a + step, stop)) for a in range(self.start, stop, step)]

    def take(self, part: slice) -> NDArray[Any]:
        """Return the rows of a block."""
        return self.rows[part.start - self.start : part.stop - self.start]


class Tile(NamedTuple):
    """A pair of blocks: row numbers of the Gram matrix, and the embeddings of both."""

    rows: slice
    columns: slice
    left: NDArray[Any]
    right: NDArray[Any]

    @property
    def diagonal(self) -> bool:
        """Whether both blocks are the same."""
        return self.rows == self.columns

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the tile."""
        return len(self.left), len(self.right)


def rounds(first: Panel, second: Panel, size: int, anchors: int) -> Iterator[list[Tile]]:
    """Deal out all tiles of a panel with another, or with itself, of at most `size` rows.

    Rows from number `anchors` on are no anchors; tiles of two such blocks are left out.
    """
    lefts, rights = first.blocks(size), second.blocks(size)
    pairings = _within(lefts) if first is second else _between(lefts, rights)
    for pairs in pairings:
        tiles = [
            Tile(rows, columns, first.take(rows), second.take(columns))
            for rows, columns in pairs
            if rows.start < anchors or columns.start < anchors
        ]
        if tiles:
            yield tiles


def _within(blocks: list[slice]) -> Iterator[list[Pair]]:
    """Pair blocks so that each pair comes once, and each block with itself, in halves.

    A block with itself is symmetric: of its four quarters three are computed.
    """
    halves = [_halves(block) for block in blocks]
    yield [(half, half) for pair in halves for half in pair]
    yield [(pair[0], pair[1]) for pair in halves if len(pair) == 2]
    for indices in tournament(len(blocks)):
        yield [(blocks[i], blocks[j]) for i, j in indices]


def _halves(block: slice) -> list[slice]:
    count = block.stop - block.start
    if count <= _SMALLEST_HALF:
        return [block]
    middle = block.start + -(-count // 32) * 16
    return [slice(block.start, middle), slice(middle, block.stop)]


def tournament(count: int) -> Iterator[list[tuple[int, int]]]:
    """Pair 0 … count−1, each pair once, by the circle method: the last stays, the others turn."""
    even = count + count % 2
    turning = even - 1
    for turn in range(turning):
        pairs = [(turn, turning)]
        pairs += [((turn + k) % turning, (turn - k) % turning) for k in range(1, even // 2)]
        yield [(min(pair), max(pair)) for pair in pairs if max(pair) < count]


def _between(lefts: list[slice], rights: list[slice]) -> Iterator[list[Pair]]:
    """Pair every left with every right, in rounds where each occurs once."""
    most = max(len(lefts), len(rights))
    for turn in range(most):
        pairs = ((i, (i + turn) % most) for i in range(most))
        yield [(lefts[i], rights[j]) for i, j in pairs if i < len(lefts) and j < len(rights)]
