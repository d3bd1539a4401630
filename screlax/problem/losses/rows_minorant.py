"""The minorant of a row softmax: any row-stochastic P gives one.

    Σ_g ω_g Σ_h p_gh log(w_gh/p_gh) + ⟨sym(diag(ω)(P − T)), X⟩  ≤  loss(X),

with equality where P are the softmax rows at X; the difference is Σ_g ω_g KL(p_g ‖ softmax_g).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...gram.cells import CellGram
from ...gram.rounding import entry_sizes, summation
from ...types import Matrix, Vector
from .minorant import Minorant

if TYPE_CHECKING:
    from .softmax_rows import RowWeights, SoftmaxRows


@dataclass(frozen=True, eq=False)
class RowsMinorant(Minorant):
    """The minorant of stochastic rows, made for a Gram matrix; see `Minorant`.

    Attributes
    ----------
    loss : SoftmaxRows
    rows : RowWeights
        P, taken as the numbers they are.
    gram : CellGram
    softmax : RowWeights
        Softmax rows at `gram`.
    """

    loss: SoftmaxRows
    rows: RowWeights
    gram: CellGram
    softmax: RowWeights

    @cached_property
    def coefficients(self) -> CellGram:
        """See `Minorant`."""
        return self.loss.gradient(self.rows)

    @property
    def sizes(self) -> CellGram:
        """See `Minorant`."""
        weighted = self.loss.anchors[:, None] * (self.rows.pair + self.loss.target.pair)
        own = np.where(self.loss.has_own, weighted.sum(axis=1), 0.0)
        return CellGram(own, (weighted + weighted.T) / 2)

    @property
    def spread(self) -> Vector | None:
        """See `Minorant`."""
        return self.loss.spread(self.rows)

    def mixed(self, kept: float) -> RowsMinorant:
        """See `Minorant`: the infimum is the minorant of the targets, whose slope is zero."""
        return replace(self, rows=self.rows.mixed(self.loss.target, kept))

    def excess(self) -> tuple[float, float]:
        """See `Minorant`: the Kullback–Leibler divergence of the rows from the softmax."""
        rows, softmax = self.rows, self.softmax
        divergence = relative_entropy(rows.own, softmax.own)
        divergence = divergence + relative_entropy(rows.pair, softmax.pair).sum(axis=1)
        sizes = _divergence_sizes(rows.own, softmax.own)
        sizes = sizes + _divergence_sizes(rows.pair, softmax.pair).sum(axis=1)
        moved = 2 * np.abs(rows.pair - softmax.pair).sum(axis=1)
        error = self.loss.anchors @ (sizes + (1 + entry_sizes(self.gram)) * moved)
        unit = summation(len(self.loss.anchors))
        return float(self.loss.anchors @ divergence), unit * float(error)

    def constant(self) -> tuple[float, float]:
        """See `Minorant`: the weighted entropy of the rows."""
        weight = self.loss.weight
        entropy = _weighted_entropy(self.rows.own, weight.own)
        entropy = entropy + _weighted_entropy(self.rows.pair, weight.pair).sum(axis=1)
        sizes = _entropy_sizes(self.rows.own, weight.own)
        sizes = sizes + _entropy_sizes(self.rows.pair, weight.pair).sum(axis=1)
        error = 2 * summation(len(entropy)) * float(self.loss.anchors @ sizes)
        return float(self.loss.anchors @ entropy), error if math.isfinite(error) else math.inf


_ENTROPY_SERIES = [(-1) ** j / (j * (j - 1)) for j in range(9, 1, -1)]
"""(1 + d) log(1 + d) − d = d² Σ_j (−1)^j d^{j−2} / (j(j−1)), highest power first."""


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def relative_entropy(p: Vector | Matrix, q: Vector | Matrix) -> Vector | Matrix:
    """Return p log(p/q) − p + q entry by entry, accurate to the last digits also where p ≈ q.

    The entries are nonnegative and, for stochastic rows, sum to the Kullback–Leibler divergence.
    """
    change = (p - q) / q
    near = np.abs(change) < 1e-2
    if near.all():
        return np.asarray(q * change**2 * np.polyval(_ENTROPY_SERIES, change))
    small = np.where(near, change, 0.0)
    series = small**2 * np.polyval(_ENTROPY_SERIES, small)
    far = np.where(p > 0, p * (np.log(p) - np.log(q)), 0.0) - p + q
    return np.where((p == 0) & (q == 0), 0.0, np.where(near, q * series, far))


@np.errstate(divide="ignore", invalid="ignore")
def _weighted_entropy(p: Vector | Matrix, weight: Vector | Matrix) -> Vector | Matrix:
    return np.where(p > 0, p * (np.log(weight) - np.log(p)), 0.0)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _entropy_sizes(p: Vector | Matrix, weight: Vector | Matrix) -> Vector | Matrix:
    return np.where(p > 0, p * (1 + np.abs(np.log(weight)) + np.abs(np.log(p))), 0.0)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _divergence_sizes(p: Vector | Matrix, q: Vector | Matrix) -> Vector | Matrix:
    """Return (p + q) |log(p/q)| entry by entry, with p + q more where the ratio is far from one."""
    ratio = np.where((p > 0) & (q > 0), np.abs(np.log(p) - np.log(q)), 1.0)
    close = np.minimum(ratio, np.abs(p - q) / np.maximum(q, np.finfo(float).tiny))
    return np.where(ratio < 5e-3, (p + q) * close, (p + q) * (1 + ratio))
