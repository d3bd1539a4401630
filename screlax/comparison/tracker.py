"""Geometry over batches and epochs of a training run."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..gram.geometry import gram_distance
from ..io.arrays import as_view_embeddings
from ..io.atomic import write_bytes
from ..io.tables import columns_of, csv_bytes, json_text, write_table
from ..problem.label_files import as_labels
from ..problem.labels import ClassNumbers, label_array
from ..solution.solution import Solution
from .accumulator import needs_double
from .blocks import normalized, working_type
from .gathered import Gathered
from .metrics import collapse_metrics
from .statistics import ClassStatistics
from .tracker_state import among, read_state, state_of


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
        self._gathered = Gathered(self._names)
        self.history: list[dict[str, Any]] = []

    def __repr__(self) -> str:
        beside = "" if self._solution is None else f" beside {self._solution.problem.description}"
        return (
            f"<GeometryTracker of {len(self._names):,} classes{beside}, epochs closed: "
            f"{len(self.history):,}>"
        )

    @property
    def statistics(self) -> ClassStatistics | None:
        """Statistics of the epoch so far; None before its first batch."""
        of = self._gathered.statistics()
        return None if of is None else of.copy()

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
        self._gathered.add(self._usable(rows), numbers)

    def _usable(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return a batch in working precision, normalised if it has to be, or refuse it."""
        rows = np.asarray(rows, dtype=working_type(rows))
        if self._normalize:
            rows = normalized(rows)
        with np.errstate(invalid="ignore", over="ignore"):  # refused, or another precision
            squares = np.einsum("ij,ij->i", rows, rows)
        return rows.astype(np.float64) if needs_double(rows, squares, 0) else rows

    def merge(self, other: GeometryTracker) -> None:
        """Add the samples of another tracker's epoch, of another worker, say.

        Raises
        ------
        InvalidInputError
            If it has a class that this one has not, or another dimension; nothing is added then.

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
        more = other._gathered.statistics()
        if more is not None:
            known = self._gathered.statistics()
            more = among(more, self._names, self._numbers)
            self._gathered.set(more if known is None else known.merge(more))

    def state_dict(self) -> dict[str, Any]:
        """Return all that it knows as plain numbers, text and bytes, for a checkpoint.

        `torch.load` takes it back with its default ``weights_only=True``.

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
        return state_of(self.history, self._gathered.statistics())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned, also in the middle of an epoch.

        The tracker may know more classes than that of the state did, and in another order.

        Raises
        ------
        InvalidInputError
            If it is none, or has a class that this tracker has not; nothing changes then.

        Examples
        --------
        >>> import screlax
        >>> tracker = screlax.GeometryTracker(classes=["cat", "dog"])
        >>> tracker.load_state_dict({"history": [], "epoch": None})
        >>> tracker.statistics is None
        True
        """
        history, epoch = read_state(state)
        gathered = Gathered(self._names)
        if epoch is not None:
            gathered.set(among(epoch, self._names, self._numbers))
        self.history, self._gathered = history, gathered

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
        statistics = self._gathered.statistics()
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
        self._gathered.clear()
        return row

    def scalars(self, prefix: str = "geometry/") -> dict[str, float]:
        """Return the numbers of the last epoch by prefixed name, as loggers take them.

        As they are for ``wandb.log``; for TensorBoard by ``add_scalar``, one by one. Text and
        missing values among `extra`, which are no scalars, are left out, NaN is not.

        Raises
        ------
        InvalidInputError
            If no epoch has ended.

        Examples
        --------
        >>> import screlax
        >>> tracker = screlax.GeometryTracker(classes=["cat", "dog"])
        >>> tracker.update([[1.0, 0.0], [-1.0, 0.0]], ["cat", "dog"])
        >>> row = tracker.end_epoch(loss=0.5, note="warm-up")
        >>> found = tracker.scalars("train/")
        >>> found["train/loss"], found["train/samples"], "train/note" in found
        (0.5, 2.0, False)
        """
        if not self.history:
            raise InvalidInputError("no epoch has ended; call end_epoch first")
        row = self.history[-1]
        return {
            f"{prefix}{name}": float(value)
            for name, value in row.items()
            if isinstance(value, int | float)
        }

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

    def write(self, path: str | Path) -> Path:
        """Write the history as .csv or .parquet, by the suffix; atomically.

        Raises
        ------
        InvalidInputError
            If the path has another suffix.
        MissingExtraError
            If pyarrow, which Parquet needs, is not installed.

        Examples
        --------
        >>> import screlax
        >>> tracker = screlax.GeometryTracker(classes=["cat", "dog"])
        >>> tracker.update([[1.0, 0.0], [-1.0, 0.0]], ["cat", "dog"])
        >>> row = tracker.end_epoch(loss=0.5)
        >>> tracker.write("history.csv").read_text().splitlines()[1][:4]
        '1,2,'
        """
        return write_table(columns_of(self.history), path)

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
