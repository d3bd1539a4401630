"""What a comparison found: numbers, per-class arrays, and both as text or JSON-ready data."""

import math
from collections.abc import Hashable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..io.shown import json_label, shortened
from ..io.tables import finite, text_lines
from ..types import Matrix, Vector
from .classifier import ClassifierMetrics
from .loss_gap import LossGap
from .metrics import CollapseMetrics
from .size_groups import SizeGroups

_LISTED = 20
_NUMBERS = (
    *("optimum_of", "samples", "classes", "dim", "same_counts"),
    *("gram_distance", "sample_gram_distance"),
    *("residual", "scale", "nearest_mean_agreement"),
)


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
    optimum_of : str
        Loss, control and features of the problem whose optimum it is.
    samples, classes, dim : int
        Of the embeddings; every view counts.
    same_counts : bool
        Whether every class has as many samples as in the problem, or as many embeddings where there
        are several views or prototypes.
    loss : LossGap or None
        The objective at the embeddings against its certified lower bound.
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

    optimum_of: str
    samples: int
    classes: int
    dim: int
    same_counts: bool
    loss: LossGap | None
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
        record["loss"] = None if self.loss is None else asdict(self.loss)
        record["metrics"] = asdict(self.metrics)
        record["groups"] = None if self.groups is None else self.groups.to_dict()
        record["classifier"] = None if self.classifier is None else self.classifier.to_dict()
        record["per_class"] = {
            name: [json_label(v) for v in column] if name == "names" else column.tolist()
            for name, column in vars(self.per_class).items()
        }
        found: dict[str, Any] = finite(record)
        return found

    def table(self) -> str:
        """Return the comparison as text: summary, metrics, and a row for each class.

        Of more than twenty classes those at quantiles of class size are shown.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation({"cat": 20, "dog": 5}, screlax.Sphere(1.0))
        >>> labels = ["cat"] * 20 + ["dog"] * 5
        >>> best = solution.embeddings().vectors[solution.problem.class_index(labels)]
        >>> print(screlax.compare(best, labels, solution).table().splitlines()[0])
        embeddings   25 samples, 2 classes, dimension 1
        """
        lines = [
            f"embeddings   {self.samples:,} samples, {self.classes:,} classes, dimension {self.dim}"
            + ("" if self.same_counts else "; class counts differ from the problem's"),
            f"optimum      {self.optimum_of}",
            *_loss_lines(self.loss),
            f"Gram         ‖G/‖G‖ − G*/‖G*‖‖ = {self.gram_distance:.6g} of class means, "
            f"{self.sample_gram_distance:.6g} of samples",
            f"Procrustes   residual {self.residual:.6g} at scale {self.scale:.6g}",
            *self._metric_lines(),
            *([] if self.groups is None else ["", *self.groups.lines()]),
            "",
            *self._class_lines(),
        ]
        return "\n".join(lines)

    def _metric_lines(self) -> list[str]:
        lines = ["", *self.metrics.table().splitlines()]
        if self.nearest_mean_agreement is not None:
            lines.append(f"{'nearest class mean agreement':<34} {self.nearest_mean_agreement:.6f}")
        if self.classifier is not None:
            lines += ["", *self.classifier.table().splitlines()]
        return lines

    def _class_lines(self) -> list[str]:
        of = self.per_class
        header = ["class", "size", "samples", "‖mean‖", "optimal", "cosine", "optimal", "angle°"]
        rows = ([shortened(of.names[c], 14), *_cells(of, c)] for c in self._shown())
        return text_lines(header, rows)

    def _shown(self) -> np.ndarray:
        order = np.argsort(-self.per_class.sizes, kind="stable")
        if self.classes <= _LISTED:
            return order
        places = np.linspace(0, self.classes - 1, _LISTED).round().astype(int)
        return np.asarray(order[places])

    def __repr__(self) -> str:
        loss = self.loss
        gap = "" if loss is None else f", loss at most {_excess(loss)} above the optimum"
        return (
            f"<Comparison n={self.samples:,}, k={self.classes:,}, {self.optimum_of}: Gram distance "
            f"{self.gram_distance:.4g}, Procrustes residual {self.residual:.4g}{gap}>"
        )


def _loss_lines(loss: LossGap | None) -> list[str]:
    if loss is None:
        return []
    changed = ""
    if loss.violation > 1e-6:
        changed = f"; rescaled to the control, ‖h‖² was off by up to {loss.violation:.2g} of ρ"
    of = "" if loss.level == "samples" else " of their class means, NOT of all samples"
    lines = [
        f"loss         {loss.value:.10g} ≥ {loss.lower:.10g} by {loss.of}{of}: proved to exceed "
        f"the optimum by at most {_excess(loss)} ({loss.reason}{changed})"
    ]
    if math.isfinite(loss.floor):
        lines.append(
            f"height       {loss.height:.6g} ≥ {loss.optimal_height:.6g} above "
            f"{loss.floor:.10g}, which no value is below: at most "
            f"{_times(loss.relative_to_height, 'that of the optimum')} more"
        )
    return lines


def _excess(loss: LossGap) -> str:
    """Say a gap by the optimum, or where values may be negative by value and spread."""
    if loss.floor >= 0:
        return _times(loss.relative_to_optimum, "the optimum")
    return f"{loss.gap:.3g}, {loss.relative_to_spread:.3g} of value and spread"


def _times(ratio: float, of: str) -> str:
    """Say a ratio, where anything is proved of what it is relative to."""
    return f"{ratio:.3g} times {of}" if math.isfinite(ratio) else f"any multiple of {of}"


def _cells(of: PerClass, c: int) -> list[str]:
    counted = (f"{column[c]:,}" for column in (of.sizes, of.counts))
    norms = (f"{column[c]:.4g}" for column in (of.norms, of.optimal_norms))
    cosines = (f"{column[c]:.4f}" for column in (of.cosines, of.optimal_cosines))
    return [*counted, *norms, *cosines, f"{of.angles[c]:.2f}"]
