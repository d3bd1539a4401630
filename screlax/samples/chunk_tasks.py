"""What a worker computes of one block of rows, or of a pair of blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Matrix, Vector
from .denominator import ClassDenominators, SameClass
from .kernels.contrast import Contrast
from .kernels.near_zero import Floor, excess_over_floor
from .kernels.scratch import Kept
from .kernels.streaming import block_rows, tile_kernel
from .kernels.tiling import Panel, Tile, rounds
from .layout import check_embeddings
from .positives import class_products, class_similarities, class_sums
from .rows import Rows
from .sources import read_block
from .workers import Workers

Codes = NDArray[np.int64]

ClassSums = tuple[Codes, Matrix]
"""Numbers of the classes that occur, and their sums."""

Block = tuple[int, Any, Codes]
"""Number of the first row, what reads the rows, and their classes."""

Known = tuple[Vector, Vector]
"""Weights a_i and log Z_i of the rows of a block."""


@dataclass(frozen=True, eq=False)
class PairKernel:
    """What a task on a pair of blocks needs besides the blocks."""

    temperature: float
    normalize: bool
    dtype: np.dtype[Any]
    denominators: ClassDenominators
    own: Vector | None

    def log_sums(self, first: Block, second: Block) -> tuple[Vector, Vector]:
        """Return log Σ e^{⟨h_i, h_l⟩/τ} over the other block, for the rows of both.

        A block with itself leaves its diagonal out, and the second vector is empty.
        """
        contrast, count = self._contrast(first, second, None)
        tiles = tile_kernel(contrast, block_rows(contrast.size), 1, None, Kept(0, self.dtype))
        self._go_through(contrast, count, tiles.accumulate)
        return tiles.log_sums(slice(0, count)), tiles.log_sums(slice(count, contrast.size))

    def products(self, first: Block, second: Block, of_first: Known, of_second: Known) -> Matrix:
        """Return the share of the other block in (1/τ) Σ_l (a_i p_il + a_l p_li) h_l, by rows."""
        weights, logs = of_first
        if first[0] != second[0]:
            weights, logs = (np.concatenate(both) for both in zip(of_first, of_second, strict=True))
        contrast, count = self._contrast(first, second, weights)
        gradient = np.zeros(contrast.rows.array.shape, self.dtype)
        tiles = tile_kernel(contrast, block_rows(contrast.size), 1, gradient, Kept(0, self.dtype))
        tiles.take_normalizers(logs)
        self._go_through(contrast, count, tiles.differentiate)
        return gradient[:count].astype(np.float64)

    def _contrast(
        self, first: Block, second: Block, weights: Vector | None
    ) -> tuple[Contrast, int]:
        """Return what is contrasted, rows of the second block last, and the length of the first."""
        start, codes, left = first[0], first[2], rows_of(first[1])
        if first[0] == second[0]:
            rows = checked_rows(left, self.normalize, start)
        else:
            codes = np.concatenate([codes, second[2]])
            # both are checked by now: only their numbers would be those of the pair
            rows = checked_rows(np.concatenate([left, rows_of(second[1])]), self.normalize, 0)
        size, denominator = len(rows), self.denominators.of_rows(codes)
        anchors = np.zeros(size) if weights is None else weights
        contrast = Contrast(rows, 1, size, size, self.temperature, self.dtype, anchors, denominator)
        return contrast, len(left)

    @staticmethod
    def _go_through(contrast: Contrast, count: int, visit: Callable[[Tile, int], None]) -> None:
        """Visit the tiles of the first rows with the others, or with themselves."""
        size, panel = contrast.size, Panel(0, contrast.scaled(slice(0, count)))
        other = panel if count == size else Panel(count, contrast.scaled(slice(count, size)))
        with Workers[int](1):
            for group in rounds(panel, other, block_rows(size), size):
                for tile in group:
                    visit(tile, 0)

    def excess(
        self, first: Block, second: Block, near: NDArray[np.intp], similarities: Vector
    ) -> Vector:
        """Return what the other block adds to e^loss − 1 of some rows near zero."""
        array, codes, chosen = rows_of(second[1]), second[2], near
        span = slice(0, len(array))
        if first[0] != second[0]:
            array = np.concatenate([array, rows_of(first[1])[near]])
            codes = np.concatenate([codes, first[2][near]])
            chosen = np.arange(span.stop, len(array))
        own = None if self.own is None else self.own[codes]
        floor = Floor(np.ones(len(codes), dtype=bool), SameClass(codes), own)
        rows = checked_rows(array, self.normalize, 0)
        means, denominator = similarities / self.temperature, self.denominators.of_rows(codes)
        return excess_over_floor(rows, denominator, floor, chosen, span, means, self.temperature, 1)


def draws(sums: ClassSums, mixing: Any) -> ClassSums:
    """Return B S for the classes that occur."""
    present, totals = sums
    return present, np.asarray(mixing[present][:, present] @ totals)


def target_similarities(
    block: Block, drawn: ClassSums, diagonal: Vector, normalize: bool
) -> Vector:
    """Return ⟨h_i, (B S)_c⟩ − B_cc ‖h_i‖² of a block."""
    rows = checked_rows(rows_of(block[1]), normalize, block[0])
    products = class_products(rows, np.searchsorted(drawn[0], block[2]), drawn[1])
    return np.asarray(products - diagonal[block[2]] * rows.squares)


def survey_block(block: Block, normalize: bool) -> tuple[float, ClassSums]:
    """Check a block; return its largest squared norm and its class sums."""
    rows = checked_rows(rows_of(block[1]), normalize, block[0])
    present, local = np.unique(block[2], return_inverse=True)
    return rows.largest_product, (present, class_sums(rows, local, len(present)))


def add_class_sums(several: list[ClassSums]) -> ClassSums:
    """Return the sums of all classes that occur in any of several."""
    present = np.unique(np.concatenate([classes for classes, _ in several]))
    total = np.zeros((len(present), several[0][1].shape[1]))
    for classes, sums in several:
        total[np.searchsorted(present, classes)] += sums
    return present, total


def similarities(block: Block, sums: ClassSums, counts: Vector, normalize: bool) -> Vector:
    """Return (⟨h_i, S_c⟩ − ‖h_i‖²)/(n_c − 1) of a block, counts being n_c − 1."""
    rows = checked_rows(rows_of(block[1]), normalize, block[0])
    return class_similarities(rows, np.searchsorted(sums[0], block[2]), sums[1], counts)


def merge_shares(shares: list[Vector], rows: int) -> Vector:
    """Return log Σ e^share of each row."""
    merged = np.full(rows, -np.inf)
    for share in shares:
        np.logaddexp(merged, share, out=merged)
    return merged


def rows_of(block: Any) -> NDArray[Any]:
    """Read a block and check its shape and type."""
    return check_embeddings(read_block(block))


def checked_rows(array: NDArray[Any], normalize: bool, start: int) -> Rows:
    """Return rows whose bad entries are named by their number in the whole."""
    return Rows(array, normalize, lambda row: (start + row,))
