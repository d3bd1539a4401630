"""Geometry over batches and epochs of a training run."""

from collections.abc import Hashable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidInputError
from ..gram.geometry import gram_distance
from ..io.arrays import as_view_embeddings
from ..io.atomic import write_bytes
from ..io.tables import columns_of, csv_bytes, json_text
from ..problem.label_files import as_labels
from ..problem.labels import ClassNumbers, label_array
from ..solution.solution import Solution
from .metrics import collapse_metrics
from .statistics import ClassStatistics, class_statistics


class GeometryTracker:
    """Accumulates embeddings batch by batch and keeps a row of metrics for every epoch.

    Memory is that of the class statistics, whatever the number of samples.

    Parameters
    ----------
    classes : sequence of hashable, optional
        All labels there can be, in any order. Not needed with a solution.
    solution : Solution, optional
        A certified optimum; every row then has the Gram distance of the class means from it
        (`gram_distance`), NaN in an epoch in which a class has no sample.
    normalize : bool, default False
        Divide each embedding by its norm first.

    Attributes
    ----------
    history : list of dict
        One row per epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax import GeometryTracker
    >>> tracker = GeometryTracker(classes=["cat", "dog"])
    >>> for batch in range(3):
    ...     tracker.update(np.array([[1.0, 0.0], [-1.0, 0.1 * batch]]), ["cat", "dog"])
    >>> row = tracker.end_epoch(loss=0.5)
    >>> row["epoch"], row["samples"], row["loss"]
    (1, 6, 0.5)
    """

    def __init__(
        self,
        classes: Sequence[Hashable] | None = None,
        solution: Solution | None = None,
        *,
        normalize: bool = False,
    ) -> None:
        if isinstance(classes, Solution):
            raise InvalidInputError("give the solution by name: GeometryTracker(solution=…)")
        if (classes is None) == (solution is None):
            raise InvalidInputError("give either classes, all labels there can be, or a solution")
        if solution is None:
            self._names = _all_labels(classes)
        else:
            problem = solution.problem
            self._names = problem.class_labels or tuple(range(problem.classes))
            if not solution.orbit_gram.own.any():
                raise InvalidInputError("the optimum is zero: there is no geometry to be near to")
        self._solution = solution
        self._views = 1 if solution is None else solution.problem.loss.view_count
        self._normalize = normalize
        self._numbers = ClassNumbers(self._names, len(self._names))
        self._statistics: ClassStatistics | None = None
        self.history: list[dict[str, Any]] = []

    @property
    def statistics(self) -> ClassStatistics | None:
        """Statistics of the epoch so far; None before its first batch."""
        return self._statistics

    def update(self, embeddings: Any, labels: Any) -> None:
        """Add a batch, shape (n, d), with one label per row.

        With a solution whose loss has V views also shape (n, V, d), with one label per sample.

        Raises
        ------
        InvalidInputError
            If the batch does not fit, or a label is none of the classes; nothing is added then.

        Examples
        --------
        >>> import screlax
        >>> tracker = screlax.GeometryTracker(classes=["cat", "dog"])
        >>> tracker.update([[1.0, 0.0], [0.9, 0.1], [-1.0, 0.0]], ["cat", "cat", "dog"])
        >>> tracker.statistics.counts
        array([2, 1])
        """
        rows, together = as_view_embeddings(embeddings, self._views)
        numbers = self._numbers(as_labels(labels, len(rows) // together))
        numbers = numbers if together == 1 else np.repeat(numbers, together)
        batch = class_statistics(
            rows, numbers, classes=np.arange(len(self._names)), normalize=self._normalize
        )
        known = self._statistics
        self._statistics = batch if known is None else known.merge(batch)

    def end_epoch(self, **extra: Any) -> dict[str, Any]:
        """Close the epoch and return its row: metrics, and `extra` (a loss, a learning rate).

        Raises
        ------
        InvalidInputError
            If the epoch has no batch.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation({"cat": 2, "dog": 2}, screlax.Sphere(1.0))
        >>> tracker = screlax.GeometryTracker(solution=solution)
        >>> tracker.update([[1.0, 0.0], [-1.0, 0.0]], ["cat", "dog"])
        >>> row = tracker.end_epoch(learning_rate=0.1)
        >>> row["learning_rate"], round(row["gram_distance"], 6), tracker.statistics
        (0.1, 0.0, None)
        """
        statistics = self._statistics
        if statistics is None:
            raise InvalidInputError("the epoch has no batch; call update first")
        row: dict[str, Any] = {"epoch": len(self.history) + 1, "samples": statistics.samples}
        row |= asdict(collapse_metrics(statistics))
        if self._solution is not None:
            row["gram_distance"] = self._distance(statistics, self._solution)
        taken = sorted(row.keys() & extra.keys())
        if taken:
            raise InvalidInputError(f"{taken[0]} is a column of the tracker; use another name")
        row |= {name: _plain(value) for name, value in extra.items()}
        self.history.append(row)
        self._statistics = None
        return row

    def to_csv(self, path: str | Path) -> Path:
        """Write the history as CSV, atomically.

        Examples
        --------
        >>> import screlax
        >>> tracker = screlax.GeometryTracker(classes=["cat", "dog"])
        >>> for epoch in range(2):
        ...     tracker.update([[1.0, 0.0], [-1.0, 0.0]], ["cat", "dog"])
        ...     row = tracker.end_epoch()
        >>> tracker.to_csv("history.csv").read_text().count("epoch")
        1
        """
        return write_bytes(csv_bytes(columns_of(self.history)), path)

    def to_json(self, path: str | Path) -> Path:
        """Write the history as a JSON list, atomically; NaN becomes null.

        Examples
        --------
        >>> import json
        >>> import screlax
        >>> tracker = screlax.GeometryTracker(classes=["cat", "dog"])
        >>> tracker.update([[1.0, 0.0], [-1.0, 0.0]], ["cat", "dog"])
        >>> row = tracker.end_epoch(loss=0.5)
        >>> json.loads(tracker.to_json("history.json").read_text())[0]["loss"]
        0.5
        """
        return write_bytes(f"{json_text(self.history)}\n".encode(), path)

    @staticmethod
    def _distance(statistics: ClassStatistics, solution: Solution) -> float:
        if not statistics.counts.all() or not statistics.means.any():
            return float("nan")
        return gram_distance(statistics.means @ statistics.means.T, solution.class_gram)


def _all_labels(classes: Any) -> tuple[Hashable, ...]:
    """Return different labels, in any order, so that a set will do."""
    given = sorted(classes, key=repr) if isinstance(classes, set | frozenset) else classes
    names = tuple(dict.fromkeys(label_array(given, what="classes", one_per="class").tolist()))
    if not names:
        raise InvalidInputError("classes is empty; give every label there can be")
    return names


def _plain(value: Any) -> Any:
    """Return a scalar of numpy or torch as the number it is, and refuse what no table can hold."""
    if hasattr(value, "item"):
        try:
            value = value.item()
        except (ValueError, RuntimeError):
            raise InvalidInputError("a column of the history needs single numbers") from None
    if not isinstance(value, str | int | float | bool | None):
        raise InvalidInputError(f"a column of the history cannot hold {value!r}")
    return value
