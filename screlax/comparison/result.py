"""What a comparison found: numbers, per-class arrays, and both as text or JSON-ready data."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..io.shown import json_label
from ..io.tables import finite
from ..short_repr import short_repr
from ..types import Matrix, Vector
from .classifier import ClassifierMetrics
from .decision import Decision
from .drawn import DrawnLoss
from .flags import Flag
from .gap_split import GapSplit
from .logits_metrics import LogitMetrics
from .logits_split import LogitSplit
from .loss_gap import LossGap
from .metrics import CollapseMetrics
from .recipe import Recipe
from .size_groups import SizeGroups
from .text import card_of, excess_in_words, table_of
from .verdict import Verdict

_NUMBERS = (
    *("optimum_of", "samples", "classes", "dim", "same_counts"),
    *("gram_distance", "sample_gram_distance"),
    *("residual", "scale", "nearest_mean_agreement"),
)


_RECORDS = ("verdict", "recipe", "loss", "decision", "split", "drawn", "metrics")


@short_repr
@dataclass(frozen=True, eq=False)
class PerClass:
    """One entry per class, in class order.

    Attributes
    ----------
    names : tuple
        Labels.
    sizes : ndarray of int, shape (k,)
        Class sizes of the problem.
    counts : ndarray of int, shape (k,)
        Samples among the embeddings.
    norms, optimal_norms : ndarray, shape (k,)
        ‖μ_c‖ of the class means, and that of the optimal embedding.
    cosines, optimal_cosines : ndarray, shape (k,)
        Mean cosine to all other classes. NaN where a norm is zero.
    angles : ndarray, shape (k,)
        Degrees between the class mean, after alignment, and the optimal embedding.
    """

    names: tuple[Hashable, ...]
    sizes: np.ndarray
    counts: np.ndarray
    norms: Vector
    optimal_norms: Vector
    cosines: Vector
    optimal_cosines: Vector
    angles: Vector


@dataclass(frozen=True, eq=False)
class Comparison:
    """Embeddings against a certified optimum.

    Attributes
    ----------
    verdict : Verdict
        What it comes to, in a sentence.
    flags : tuple of Flag
        What embeddings and problem do not agree in.
    recipe : Recipe
        What the optimum is of: loss, whole set or batches, control, temperature, features.
    optimum_of : str
        Loss, control and features of that problem, as `UFM.description`.
    samples, classes, dim : int
        Of the embeddings; every view counts.
    same_counts : bool
        Whether every class has as many samples as in the problem, or as many embeddings where there
        are several views or prototypes.
    loss : LossGap or None
        The objective at the embeddings against its certified lower bound.
    decision : Decision or None
        The excess relative to the optimum, what distance it allows, and what references lose.
    split : GapSplit, LogitSplit or None
        The excess by differences within classes, angles, and norms; of cross-entropy also by how
        features and classifier are aligned.
    drawn : DrawnLoss or None
        Of mini-batches: an estimate for embeddings that have not collapsed, by drawing batches;
        `loss` is that of their class means, exactly.
    gram_distance : float
        ‖G/‖G‖_F − G*/‖G*‖_F‖_F of the k×k Gram matrices of class means, every class counting the
        same: between 0 and √2 (`screlax.geometry.gram_distance`).
    sample_gram_distance : float
        The same of the n×n Gram matrices of all samples; it also counts within-class variability.
        NaN where the optimum leaves the samples of a class apart.
    residual : float
        ‖a M Q − H*‖_F/‖H*‖_F after the best rotation Q, and scale a unless that was fixed.
    scale : float
        a.
    rotation : ndarray, shape (d, r)
        Q: class means times it are coordinates of the optimum.
    per_class : PerClass
        Norms and angles of every class.
    groups : SizeGroups or None
        Averages over the classes of each size, where there are few sizes: majority and minority.
    metrics : CollapseMetrics
        Neural-collapse metrics of the embeddings alone.
    classifier : ClassifierMetrics or None
        Of the classifier that was given.
    logits : LogitMetrics or None
        Of classifier and logits beside an optimum of cross-entropy.
    nearest_mean_agreement : float or None
        Share of the samples that are nearest to the mean of their own class.
    class_gram, optimal_gram : ndarray, shape (k, k)
        G and G*.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> solution = screlax.solve_relaxation([20, 5, 5], screlax.Sphere(1.0), temperature=0.5)
    >>> labels = np.repeat([0, 1, 2], [20, 5, 5])
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal((30, 8))
    >>> comparison = screlax.compare(solution.prototypes(8)[labels] + noise, labels, solution)
    >>> 0 < comparison.gram_distance < 0.2, comparison.nearest_mean_agreement
    (True, 1.0)
    >>> bool(comparison.loss.value > comparison.loss.lower)
    True
    """

    verdict: Verdict
    flags: tuple[Flag, ...]
    recipe: Recipe
    optimum_of: str
    samples: int
    classes: int
    dim: int
    same_counts: bool
    loss: LossGap | None
    decision: Decision | None
    split: GapSplit | LogitSplit | None
    drawn: DrawnLoss | None
    gram_distance: float
    sample_gram_distance: float
    residual: float
    scale: float
    rotation: Matrix
    per_class: PerClass
    groups: SizeGroups | None
    metrics: CollapseMetrics
    classifier: ClassifierMetrics | None
    nearest_mean_agreement: float | None
    class_gram: Matrix
    optimal_gram: Matrix
    logits: LogitMetrics | None = None

    @property
    def relative_gap(self) -> float:
        """`LossGap.relative_gap`, the share that better embeddings might save; NaN without a loss.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation([20, 5], screlax.Sphere(1.0))
        >>> best = solution.embeddings().vectors[[0] * 20 + [1] * 5]
        >>> screlax.compare(best, [0] * 20 + [1] * 5, solution).relative_gap < 1e-9
        True
        """
        return math.nan if self.loss is None else self.loss.relative_gap

    @property
    def relative_to_optimum(self) -> float:
        """`LossGap.relative_to_optimum`: at most so many times the optimum too much; or NaN."""
        return math.nan if self.loss is None else self.loss.relative_to_optimum

    def to_dict(self) -> dict[str, Any]:
        """Return everything except the k×k matrices and the rotation as JSON-ready data.

        Labels that JSON has no type for become text, numbers that are NaN None.

        Examples
        --------
        >>> import json
        >>> import screlax
        >>> solution = screlax.solve_relaxation({"cat": 20, "dog": 5}, screlax.Sphere(1.0))
        >>> labels = ["cat"] * 20 + ["dog"] * 5
        >>> best = solution.embeddings().vectors[solution.problem.class_index(labels)]
        >>> record = screlax.compare(best, labels, solution).to_dict()
        >>> json.loads(json.dumps(record))["per_class"]["names"]
        ['cat', 'dog']
        """
        record = {name: getattr(self, name) for name in _NUMBERS}
        for name in _RECORDS:
            part = getattr(self, name)
            record[name] = None if part is None else asdict(part)
        record["flags"] = [asdict(flag) for flag in self.flags]
        for name in ("groups", "classifier", "logits"):
            part = getattr(self, name)
            record[name] = None if part is None else part.to_dict()
        record["per_class"] = {
            name: [json_label(v) for v in column] if name == "names" else column.tolist()
            for name, column in vars(self.per_class).items()
        }
        found: dict[str, Any] = finite(record)
        return found

    def table(self) -> str:
        """Return the comparison as text: verdict, summary, metrics, and a row for each class.

        Of more than twenty classes those at quantiles of class size are shown.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation({"cat": 20, "dog": 5}, screlax.Sphere(1.0))
        >>> labels = ["cat"] * 20 + ["dog"] * 5
        >>> best = solution.embeddings().vectors[solution.problem.class_index(labels)]
        >>> lines = screlax.compare(best, labels, solution).table().splitlines()
        >>> lines[0].startswith("verdict      These features are 0 from the certified optimum")
        True
        """
        return table_of(self)

    def _repr_html_(self) -> str:
        return card_of(self)

    def __repr__(self) -> str:
        loss = self.loss
        gap = "" if loss is None else f", loss at most {excess_in_words(loss)} above the optimum"
        return (
            f"<Comparison n={self.samples:,}, k={self.classes:,}, {self.recipe}: Gram distance "
            f"{self.gram_distance:.4g}, Procrustes residual {self.residual:.4g}{gap}>"
        )
