"""Larger problems, panel by panel: everything in memory is one panel, a mapped file has many.

Only two panels are in memory at a time, whatever the number of rows. A file is read once for every
panel, not once for every tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .exponent import needs_shift
from .positives import Vector
from .problem import Contrast, Resources
from .scratch import Kept
from .shifted import ShiftedTiles
from .tiles import BoundedTiles
from .tiling import Panel, Tile, rounds
from .workers import Workers

_LARGE = 4096
"""Rows from which on a larger block pays: it halves the Python calls and costs no diagonal."""


class Tiles(Protocol):
    """What a blocked kernel does; both passes go over the same tiles."""

    def accumulate(self, tile: Tile, worker: int) -> None:
        """Add the sums of one tile."""

    def log_sums(self, part: slice) -> Vector:
        """Return the logarithms of the sums of some rows so far, −∞ where they are empty."""

    def log_normalizers(self, part: slice) -> Vector:
        """Return log Z of the rows of an item, after all its tiles."""

    def differentiate(self, tile: Tile, worker: int) -> None:
        """Add the gradient products of one tile."""


def contrast_tiled(
    contrast: Contrast, resources: Resources, gradient: NDArray[Any] | None
) -> Vector:
    """Return log Z of every row and add up the gradient products.

    Parameters
    ----------
    contrast : Contrast
        The problem.
    resources : Resources
        Threads and memory.
    gradient : ndarray, shape (rows, d), or None
        Where the products go.
    """
    if gradient is not None:
        gradient[...] = 0
    block = block_rows(contrast.size)
    keep = 0 if gradient is None else _entries_kept(contrast, resources, block)
    kept = Kept(keep, contrast.dtype)
    jobs = min(resources.jobs, -(-contrast.size // block))
    tiles = tile_kernel(contrast, block, jobs, kept, gradient)
    logs = np.zeros(len(contrast.rows))
    with Workers[Tile](jobs) as workers:
        for item in range(contrast.items):
            span = slice(item * contrast.size, (item + 1) * contrast.size)
            kept.clear()
            _each_tile(contrast, span, resources, block, workers, tiles.accumulate)
            logs[span] = tiles.log_normalizers(span)
            if gradient is not None:
                _each_tile(contrast, span, resources, block, workers, tiles.differentiate)
    return logs


def block_rows(size: int) -> int:
    """Return the largest number of rows of a block: tiles of 256² or 512² fit in the L2 cache."""
    return 512 if size >= _LARGE else 256


def tile_kernel(
    contrast: Contrast, block: int, jobs: int, kept: Kept, gradient: NDArray[Any] | None
) -> Tiles:
    """Choose by the largest logit; only the shifted kernel takes any."""
    if needs_shift(contrast.largest_logit, contrast.dtype):
        return ShiftedTiles(contrast, block, jobs, gradient)
    return BoundedTiles(contrast, block, jobs, kept, gradient)


def _entries_kept(contrast: Contrast, resources: Resources, block: int) -> int:
    """Return how many exponentials one item has, or zero if they do not all fit in the budget."""
    blocks = len(Panel(0, np.empty((contrast.size, 0))).blocks(block))
    entries = block * block * blocks * (blocks + 1) // 2
    fits = entries * contrast.dtype.itemsize <= resources.keep_bytes
    return entries if fits and contrast.size <= resources.panel_rows else 0


def _each_tile(
    contrast: Contrast,
    span: slice,
    resources: Resources,
    block: int,
    workers: Workers[Tile],
    task: Callable[[Tile, int], None],
) -> None:
    for first, second in _panel_pairs(contrast, span, resources.panel_rows):
        for tiles in rounds(first, second, block, span.start + contrast.anchors):
            workers.run(task, tiles)


def _panel_pairs(contrast: Contrast, span: slice, panel_rows: int) -> Iterator[tuple[Panel, Panel]]:
    """Load every unordered pair of panels, each also with itself."""
    starts = range(span.start, span.stop, panel_rows)
    for number, start in enumerate(starts):
        first = _load(contrast, start, span.stop, panel_rows)
        yield first, first
        for other in starts[number + 1 :]:
            yield first, _load(contrast, other, span.stop, panel_rows)


def _load(contrast: Contrast, start: int, stop: int, panel_rows: int) -> Panel:
    return Panel(start, contrast.scaled(slice(start, min(start + panel_rows, stop))))
