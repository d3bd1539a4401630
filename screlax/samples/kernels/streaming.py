"""Larger problems, panel by panel: everything in memory is one panel, a mapped file has many.

Only two panels are in memory at a time, whatever the number of rows. A file is read once for every
panel, not once for every tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Vector
from ..workers import Workers
from .contrast import Contrast, Resources
from .scratch import Kept
from .shifted import ShiftedTiles
from .tiles import BoundedTiles
from .tiling import Panel, Tile, rounds

_LARGE = 4096
"""Rows from which on a larger block pays: it halves the Python calls and costs no diagonal."""


def contrast_tiled(
    contrast: Contrast, resources: Resources, gradient: NDArray[Any] | None
) -> Vector:
    """Return log Z of every row and add up the gradient products."""
    if gradient is not None:
        gradient[...] = 0
    block = block_rows(contrast.size)
    kept = Kept(0 if gradient is None else _kept(contrast, resources, block), contrast.dtype)
    jobs = min(resources.jobs, -(-contrast.size // block))
    tiles = tile_kernel(contrast, block, jobs, gradient, kept)
    logs = np.zeros(len(contrast.weights))
    with Workers[Tile](jobs) as workers:
        for start in range(0, len(logs), contrast.size):
            span = slice(start, start + contrast.size)
            kept.clear()
            for group in _groups(contrast, span, resources.panel_rows, block):
                workers.run(tiles.accumulate, group)
            logs[span] = tiles.log_normalizers(span)
            if gradient is None:
                continue
            for group in _groups(contrast, span, resources.panel_rows, block):
                workers.run(tiles.differentiate, group)
    return logs


def block_rows(size: int) -> int:
    """Return the largest number of rows of a block: tiles of 256² or 512² fit in the L2 cache."""
    return 512 if size >= _LARGE else 256


def tile_kernel(
    contrast: Contrast, block: int, jobs: int, gradient: NDArray[Any] | None, kept: Kept
) -> BoundedTiles | ShiftedTiles:
    """Choose by the largest logit; only the shifted kernel takes any."""
    if contrast.shifted:
        return ShiftedTiles(contrast, block, jobs, gradient)
    return BoundedTiles(contrast, block, jobs, gradient, kept)


def _kept(contrast: Contrast, resources: Resources, block: int) -> int:
    """Return how many exponentials one item has, or zero if they do not all fit in the budget."""
    blocks = len(Panel(0, np.empty((contrast.size, 0))).blocks(block))
    entries = block * block * blocks * (blocks + 1) // 2
    fits = entries * contrast.dtype.itemsize <= resources.keep_bytes
    return entries if fits and contrast.size <= resources.panel_rows else 0


def _groups(contrast: Contrast, span: slice, panel_rows: int, block: int) -> Iterator[list[Tile]]:
    """Deal out the tiles of every unordered pair of panels, each also with itself."""
    anchors, keys = span.start + contrast.anchors, contrast.denominator.keys_from
    if keys is not None:
        rows, others = slice(span.start, span.start + keys), slice(span.start + keys, span.stop)
        for part in _cut(rows, panel_rows):
            first = Panel(part.start, contrast.scaled(part))
            for other in _cut(others, panel_rows):
                yield from rounds(first, Panel(other.start, contrast.scaled(other)), block, anchors)
        return
    parts = _cut(span, panel_rows)
    for number, part in enumerate(parts):
        first = Panel(part.start, contrast.scaled(part))
        yield from rounds(first, first, block, anchors)
        for other in parts[number + 1 :]:
            yield from rounds(first, Panel(other.start, contrast.scaled(other)), block, anchors)


def _cut(span: slice, panel_rows: int) -> list[slice]:
    """Cut rows into panels."""
    return [
        slice(start, min(start + panel_rows, span.stop))
        for start in range(span.start, span.stop, panel_rows)
    ]
