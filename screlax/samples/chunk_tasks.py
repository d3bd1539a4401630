"""What a worker computes of one block of rows, or of a pair of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .exponent import fastest_exponential
from .near_zero import sum_negatives
from .positives import Numbers, Vector, indicator
from .problem import Contrast
from .row_blocks import read_block
from .rows import Rows
from .scratch import Kept
from .streaming import block_rows as tile_rows
from .streaming import tile_kernel
from .tiling import Panel, rounds
from .validate import check_embeddings
from .workers import Workers

ClassSums = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Numbers of the classes that occur, and their sums."""


@dataclass(frozen=True, eq=False)
class Counts:
    """What `row_weights` reads of the positives."""

    counts: Vector
    negatives: Vector


@dataclass(frozen=True, eq=False)
class PairKernel:
    """What a task on a pair of blocks needs besides the blocks."""

    temperature: float
    normalize: bool
    dtype: np.dtype[Any]
    negatives_only: bool

    def log_sums(
        self, first: tuple[int, Any, Any], second: tuple[int, Any, Any]
    ) -> tuple[Vector, Vector]:
        """Return log Σ e^{⟨h_i, h_l⟩/τ} over the other block, for the rows of both.

        A block with itself leaves its diagonal out, and the second vector is empty.
        """
        start, left, codes = first[0], rows_of(first[1]), first[2]
        if first[0] == second[0]:
            rows = checked_rows(left, self.normalize, start)
        else:
            right = rows_of(second[1])
            codes = None if codes is None else np.concatenate([codes, second[2]])
            # both are checked by now: only their numbers would be those of the pair
            rows = checked_rows(np.concatenate([left, right]), self.normalize, 0)
            del right
        count, size = len(left), len(rows)
        del left
        contrast = self._contrast(rows, codes)
        block = tile_rows(size)
        tiles = tile_kernel(contrast, block, 1, Kept(0, self.dtype), None)
        panel = Panel(0, contrast.scaled(slice(0, count)))
        other = panel if count == size else Panel(count, contrast.scaled(slice(count, size)))
        with Workers[int](1):
            for group in rounds(panel, other, block, size):
                for tile in group:
                    tiles.accumulate(tile, 0)
        return tiles.log_sums(slice(0, count)), tiles.log_sums(slice(count, size))

    def excess(
        self,
        first: tuple[int, Any, NDArray[np.int64]],
        second: tuple[int, Any, NDArray[np.int64]],
        near: NDArray[np.intp],
        means: Vector,
    ) -> Vector:
        """Return Σ e^{(⟨h_i, h_l⟩ − m_i)/τ} over the negatives in the other block, of some rows."""
        left, codes = rows_of(first[1])[near], first[2][near]
        array = np.concatenate([left, rows_of(second[1])])
        exclude = SameClass(np.concatenate([codes, second[2]]))
        span, chosen = slice(len(left), len(array)), np.arange(len(left))
        rows = checked_rows(array, self.normalize, 0)
        return sum_negatives(rows, exclude, chosen, span, means, self.temperature, 1)

    def _contrast(self, rows: Rows, codes: NDArray[np.int64] | None) -> Contrast:
        return Contrast(
            rows=rows,
            items=1,
            size=len(rows),
            anchors=len(rows),
            temperature=self.temperature,
            dtype=self.dtype,
            exponential=fastest_exponential(self.dtype),
            weights=np.zeros(len(rows)),
            exclude=None if codes is None else SameClass(codes),
        )


class SameClass:
    """Zeroes the entries of a tile that are positives or on the diagonal."""

    def __init__(self, codes: NDArray[np.int64]) -> None:
        self._codes = codes

    def __call__(self, entries: NDArray[Any], rows: slice | Numbers, columns: slice) -> None:
        """Zero the entries of a tile that are of the same class."""
        same = self._codes[rows, None] == self._codes[columns]
        np.copyto(entries, 0, where=same)


def survey_block(
    block: Any, codes: NDArray[np.int64], start: int, normalize: bool
) -> tuple[float, ClassSums]:
    """Check a block; return its largest squared norm and its class sums."""
    rows = checked_rows(rows_of(block), normalize, start)
    present, local = np.unique(codes, return_inverse=True)
    sums = np.zeros((len(present), rows.array.shape[1]))
    for part in rows.blocks():
        few = local[part]
        sums += indicator(few, np.ones(len(few)), len(present)) @ rows.doubles(part)
    return rows.largest_product, (present, sums)


def add_class_sums(several: list[ClassSums]) -> ClassSums:
    """Return the sums of all classes that occur in any of several."""
    present = np.unique(np.concatenate([classes for classes, _ in several]))
    total = np.zeros((len(present), several[0][1].shape[1]))
    for classes, sums in several:
        total[np.searchsorted(present, classes)] += sums
    return present, total


def similarities(
    block: Any,
    codes: NDArray[np.int64],
    class_sums: ClassSums,
    sizes: NDArray[np.int64],
    start: int,
    normalize: bool,
) -> Vector:
    """Return (⟨h_i, S_c⟩ − ‖h_i‖²)/(n_c − 1) of a block."""
    rows = checked_rows(rows_of(block), normalize, start)
    present, sums = class_sums
    place = np.searchsorted(present, codes)
    products = np.empty(len(rows))
    for part in rows.blocks():
        np.einsum("ij,ij->i", rows.doubles(part), sums[place[part]], out=products[part])
    return np.asarray((products - rows.squares) / np.maximum(sizes - 1.0, 1.0))


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
