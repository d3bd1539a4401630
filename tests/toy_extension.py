"""A loss and a constraint from outside the package: all that somebody has to write for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import special

import screlax
from screlax import UFM, Sphere
from screlax.bench import BenchProblem, register_bench_problem
from screlax.gram.cells import CellGram, Level
from screlax.losses import GramLoss, Loss, register_loss
from screlax.problem.constraints.base import register_constraint
from screlax.problem.constraints.norms import RowNorms
from screlax.problem.levels import cells_at, samples_to_classes
from screlax.solve.cascade import BurerMonteiro


@register_loss
@dataclass(frozen=True)
class SoftMargin(Loss):
    """Σ over anchors i and negatives l of log(1 + exp(G_il − mean positive + margin))/n."""

    name: ClassVar[str] = "soft-margin"
    margin: float = 0.0

    def at_level(self, sizes, level):
        cells, n = cells_at(sizes, level), float(sizes.samples)
        size = cells.class_size
        if level is Level.SAMPLES:
            label = samples_to_classes(sizes).cell_of_point
            same = label[:, None] == label[None, :]
            positives = (same & ~np.eye(len(label), dtype=bool)) / np.maximum(size - 1, 1)[:, None]
            return SoftMarginRows(cells, self.margin, ~same / n, np.zeros(len(label)), positives)
        negatives = np.tile(cells.mass, (len(cells), 1))
        np.fill_diagonal(negatives, cells.mass - size)
        weight = cells.mass[:, None] * negatives / n
        return SoftMarginRows(cells, self.margin, weight, np.ones(len(cells)), 0 * weight)


class SoftMarginRows(GramLoss):
    """Σ_gh weight_gh log(1 + exp(pair_gh − mean_g + margin)), mean_g = own_g or over positives."""

    def __init__(self, cells, margin, weight, own_target, pair_target):
        anchored = cells.class_size > 1
        self.cells, self.margin = cells, margin
        self.weight = weight * anchored[:, None]
        self.own_target, self.pair_target = own_target * anchored, pair_target * anchored[:, None]

    anchor_count = property(lambda self: float(self.cells.mass[self.cells.class_size > 1].sum()))
    infimum = property(lambda self: 0.0)

    def _margins(self, gram: CellGram) -> np.ndarray:
        mean = self.own_target * gram.own + (self.pair_target * gram.pair).sum(axis=1)
        return gram.pair - mean[:, None]

    def _pull_back(self, slopes: np.ndarray) -> CellGram:
        rows = slopes.sum(axis=1)
        pair = slopes - rows[:, None] * self.pair_target
        return CellGram(-rows * self.own_target, (pair + pair.T) / 2)

    def value(self, gram):
        return float((self.weight * np.logaddexp(0.0, self._margins(gram) + self.margin)).sum())

    def expand(self, gram):
        return special.expit(self._margins(gram) + self.margin)

    def gradient(self, at):
        return self._pull_back(self.weight * at)

    def curvature(self, at, direction):
        return self._pull_back(self.weight * at * (1 - at) * self._margins(direction))

    def change(self, at, step):
        return float((self.weight * np.log1p(at * np.expm1(self._margins(step)))).sum())

    def conic(self, own: Any, pair: Any):
        import cvxpy

        m = len(self.cells)
        mean = cvxpy.multiply(self.own_target, own)
        mean = mean + cvxpy.sum(cvxpy.multiply(self.pair_target, pair), axis=1)
        margins = pair - cvxpy.reshape(mean, (m, 1), order="C") @ np.ones((1, m)) + self.margin
        return _Conic(
            cvxpy.sum(cvxpy.multiply(self.weight, cvxpy.logistic(margins))) / self.anchor_count
        )


@dataclass
class _Conic:
    objective: Any
    constraints: tuple = ()

    def rows(self):
        return None


@screlax.register_method
class Careful(BurerMonteiro):
    """The factored method under another name."""

    name = "careful"


register_bench_problem(
    BenchProblem("toy", "soft margin", UFM([6, 3, 2], Sphere(1.0), loss=SoftMargin()))
)


@register_constraint
@dataclass(frozen=True)
class TaperedBall(RowNorms):
    """‖h_i‖² ≤ ρ/√n_c: rarer classes may be longer."""

    name: ClassVar[str] = "tapered-ball"
    meaning: ClassVar[str] = "every ‖h‖² ≤ ρ/√n_c"
    radius_squared: float

    @property
    def rule(self):
        return f"squared norm of at most {self.radius_squared:g}/√n_c"

    def limits(self, cells):
        return self.radius_squared / np.sqrt(cells.class_size)
