"""Geometry over batches and epochs of a training run."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..gram.geometry import gram_distance
from ..io.arrays import as_view_embeddings, refuse_nonfinite
from ..io.atomic import write_bytes
from ..io.tables import columns_of, csv_bytes, json_text
from ..problem.label_files import as_labels
from ..problem.labels import ClassNumbers, label_array
from ..solution.solution import Solution
from .blocks import normalized, working_type
from .metrics import collapse_metrics
from .statistics import ClassStatistics, class_statistics

_ENOUGH = 4
"""Rows per class that are taken in together: what a block costs beside its rows is then little."""

_MOST = 1 << 23
"""Numbers of rows that wait at most: 64 MB."""

_KEPT = ("counts", "means", "within_traces", "within")


class GeometryTracker:
    """Accumulates embeddings batch by batch and keeps a row of metrics for every epoch.

    Memory is that of the class statistics and of up to 64 MB of rows that wait to be taken in
    together, whatever the number of samples.

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
        self._pending: list[tuple[NDArray[Any], NDArray[np.int64]]] = []
        self.history: list[dict[str, Any]] = []

    @property
    def statistics(self) -> ClassStatistics | None:
        """Statistics of the epoch so far; None before its first batch."""
        self._take_in()
        return self._statistics

    def _take_in(self) -> None:
        """Add the rows that wait to the statistics."""
        if self._pending:
            rows, numbers = map(np.concatenate, zip(*self._pending, strict=True))
            self._pending = []
            self._add(class_statistics(rows, numbers, classes=np.arange(len(self._names))))

    def _add(self, more: ClassStatistics) -> None:
        known = self._statistics
        self._statistics = more if known is None else known.merge(more)

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
        rows = self._own_rows(rows)
        self._pending.append((rows, numbers))
        kept = sum(len(batch) for batch, _ in self._pending)
        if kept >= _ENOUGH * len(self._names) or kept * rows.shape[1] >= _MOST:
            self._take_in()

    def _own_rows(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return a copy of a batch in working precision, normalised if it has to be, or refuse."""
        rows = np.array(rows, dtype=working_type(rows))
        known = [batch.shape[1] for batch, _ in self._pending[:1]]
        known += [] if self._statistics is None else [self._statistics.means.shape[1]]
        if known and known[0] != rows.shape[1]:
            raise InvalidInputError(
                f"the batch has dimension {rows.shape[1]}, and those before it {known[0]}"
            )
        with np.errstate(invalid="ignore", over="ignore"):
            squares = np.einsum("ij,ij->i", rows, rows)
        if not np.isfinite(squares).all() and not (self._normalize and np.isfinite(rows).all()):
            refuse_nonfinite(rows, 0, lambda row: (row,))
        return normalized(rows) if self._normalize else rows

    def merge(self, other: GeometryTracker) -> None:
        """Add the samples of another tracker's epoch, of another worker, say.

        Raises
        ------
        InvalidInputError
            If its classes or its dimension are others; nothing is added then.

        Examples
        --------
        >>> import screlax
        >>> trackers = [screlax.GeometryTracker(classes=["cat", "dog"]) for _ in range(2)]
        >>> for tracker in trackers:
        ...     tracker.update([[1.0, 0.0], [-1.0, 0.0]], ["cat", "dog"])
        >>> trackers[0].merge(trackers[1])
        >>> trackers[0].statistics.counts
        array([2, 2])
        """
        if other._names != self._names:
            raise InvalidInputError("trackers of different classes cannot be merged")
        self._take_in()
        more = other.statistics
        if more is not None:
            self._add(more)

    def state_dict(self) -> dict[str, Any]:
        """Return all that it knows as plain numbers and arrays, for a checkpoint.

        Examples
        --------
        >>> import screlax
        >>> tracker = screlax.GeometryTracker(classes=["cat", "dog"])
        >>> tracker.update([[1.0, 0.0], [-1.0, 0.0]], ["cat", "dog"])
        >>> again = screlax.GeometryTracker(classes=["cat", "dog"])
        >>> again.load_state_dict(tracker.state_dict())
        >>> again.statistics.counts
        array([1, 1])
        """
        statistics = self.statistics
        epoch = None if statistics is None else {k: getattr(statistics, k) for k in _KEPT}
        return {"history": [dict(row) for row in self.history], "epoch": epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        Raises
        ------
        InvalidInputError
            If it is none, or of other classes; nothing changes then.

        Examples
        --------
        >>> import screlax
        >>> tracker = screlax.GeometryTracker(classes=["cat", "dog"])
        >>> tracker.load_state_dict({"history": [], "epoch": None})
        >>> tracker.statistics is None
        True
        """
        try:
            history, epoch = [dict(row) for row in state["history"]], state["epoch"]
            arrays = None if epoch is None else [np.array(epoch[name]) for name in _KEPT]
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError(f"not the state of a tracker: {error}") from error
        found = None
        if arrays is not None:
            found = ClassStatistics(tuple(range(len(self._names))), *arrays)
            if found.counts.shape != (len(self._names),):
                raise InvalidInputError(
                    f"the state has {found.counts.size} classes, the tracker {len(self._names)}"
                )
        self.history, self._statistics, self._pending = history, found, []

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
        statistics = self.statistics
        if statistics is None:
            raise InvalidInputError("the epoch has no batch; call update first")
        row: dict[str, Any] = {"epoch": len(self.history) + 1, "samples": statistics.samples}
        row |= collapse_metrics(statistics).columns()
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
