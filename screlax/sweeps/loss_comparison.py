"""The result of `compare_losses`: a row for each loss, as table, CSV, Parquet and JSON."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..io.notebook import text_card
from ..io.shown import one_line
from ..io.tables import text_lines, write_table
from ..solution.solution import Solution

REFUSED = "refused"
"""The status of a loss that is no problem with these class sizes and this control."""

Row = dict[str, Any]

COLUMNS: dict[str, type] = {
    "imbalance": float,
    "loss": str,
    "batches": str,
    "features": str,
    "control": str,
    "numbers": str,
    "parameter": float,
    "temperature": float,
    "classes": int,
    "samples": int,
    "embeddings": int,
    "anchors": float,
    "status": str,
    "value": float,
    "mean_value": float,
    "lower": float,
    "upper": float,
    "gap": float,
    "relative_gap": float,
    "rank": int,
    "norm_largest": float,
    "norm_smallest": float,
    "cosine_largest": float,
    "cosine_extremes": float,
    "cosine_smallest": float,
    "etf_distance": float,
    "same_direction": int,
    "classifier_norm_largest": float,
    "classifier_norm_smallest": float,
    "classifier_cosine_largest": float,
    "classifier_cosine_extremes": float,
    "classifier_cosine_smallest": float,
    "classifier_etf_distance": float,
    "within_class_variability": float,
    "solver": str,
    "reason": str,
}
"""Name and kind of every column; None stands for what does not exist."""

_ZERO = 1e-12
"""Cosines and distances below which text shows zero."""

_SHOWN = {
    "loss": "loss",
    "control": "control",
    "status": "status",
    "relative_gap": "gap",
    "norm_largest": "‖h‖ large",
    "norm_smallest": "‖h‖ small",
    "cosine_largest": "cos large two",
    "cosine_extremes": "large, small",
    "cosine_smallest": "small two",
    "etf_distance": "from ETF",
    "same_direction": "one direction",
    "within_class_variability": "within",
    "classifier_norm_largest": "‖w‖ large",
    "classifier_norm_smallest": "‖w‖ small",
    "classifier_cosine_smallest": "w small two",
    "rank": "rank",
}
"""Columns of the text, and their headings."""


@dataclass(frozen=True, eq=False)
class LossComparison:
    """The optimal geometry of several losses, of one or several profiles of class sizes.

    Attributes
    ----------
    rows : tuple of dict
        One for each imbalance factor, loss and control, in this order, with the entries of
        `COLUMNS`: imbalance, loss, batches (the sampler), features, control, numbers (all of the
        control, as text), parameter (λ or ρ, of several numbers the geometric mean), temperature,
        classes, samples, embeddings (samples times views, and prototypes), anchors (Σ a_c); status
        ("optimal", "inaccurate"; "refused" where the loss is no problem here, "failed"), value
        (summed over anchors), mean_value, lower, upper, gap, relative_gap; rank; the norms of a
        class of the largest and of the smallest size; the cosines between the two largest classes,
        the largest and the smallest, and the two smallest, which is 1 where minorities collapse;
        etf_distance, ‖G/‖G‖ − G*/‖G*‖‖ of the class means from the simplex equiangular tight frame
        of a balanced problem; same_direction, how many classes have the direction of another one;
        norms, cosines and distance of the rows of a classifier, where there is one;
        within_class_variability, the mean squared distance of an embedding from its class mean,
        zero where classes collapse; solver; reason. None where there is no such number.
    solutions : tuple of Solution or None
        The certified optimum behind each row.

    Examples
    --------
    >>> import screlax
    >>> found = screlax.compare_losses(
    ...     "step:4,500", screlax.Sphere(1.0), 0.5, ["supcon", "class-averaged"], imbalance=[1, 250]
    ... )
    >>> found
    <LossComparison: 2 losses, 4 rows: 4 optimal>
    >>> [(row["loss"], row["same_direction"]) for row in found.rows[2:]]
    [('supcon', 2), ('class-averaged', 2)]
    """

    rows: tuple[Row, ...]
    solutions: tuple[Solution | None, ...]

    def __post_init__(self) -> None:
        complete = tuple({name: row.get(name) for name in COLUMNS} for row in self.rows)
        object.__setattr__(self, "rows", complete)

    @property
    def losses(self) -> tuple[str, ...]:
        """The losses, in the order given."""
        return tuple(dict.fromkeys(row["loss"] for row in self.rows))

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each status."""
        return dict(Counter(row["status"] for row in self.rows))

    @property
    def all_optimal(self) -> bool:
        """Whether every loss that is a problem here is certified, and there is one."""
        return set(self.counts) - {REFUSED} == {"optimal"}

    @property
    def in_common(self) -> str:
        """What all rows have in common: ``sphere 1, temperature 0.1, real features``.

        Of several controls all, each loss being under those of its kind.
        """
        row = self.rows[0]
        if len({row["temperature"] for row in self.rows}) > 1:
            at = (f"{control_in_words(r)} at temperature {r['temperature']:g}" for r in self.rows)
            return f"{' or '.join(dict.fromkeys(at))}, {row['features']} features"
        controls = dict.fromkeys(map(control_in_words, self.rows))
        return (
            f"{' or '.join(controls)}, temperature {row['temperature']:g}, "
            f"{row['features']} features"
        )

    @property
    def series(self) -> dict[str, tuple[Row, ...]]:
        """The rows of each loss, under each of its controls where there are several in all."""
        several = len(set(map(control_in_words, self.rows))) > 1
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            name = f"{row['loss']} ({control_in_words(row)})" if several else row["loss"]
            found.setdefault(name, []).append(row)
        return {name: tuple(rows) for name, rows in found.items()}

    def of(self, loss: str) -> tuple[Row, ...]:
        """Return the rows of one loss, in the order of the imbalance factors.

        Examples
        --------
        >>> import screlax
        >>> found = screlax.compare_losses([50, 20, 5], screlax.Sphere(1.0), losses=["supcon"])
        >>> len(found.of("supcon"))
        1
        """
        return tuple(row for row in self.rows if row["loss"] == loss)

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns, ready for `pandas.DataFrame` and JSON.

        Examples
        --------
        >>> import screlax
        >>> found = screlax.compare_losses([50, 20, 5], screlax.Sphere(1.0), losses=["supcon"])
        >>> found.to_dict()["status"]
        ['optimal']
        """
        return {name: [row[name] for row in self.rows] for name in COLUMNS}

    def write(self, path: str | Path) -> Path:
        """Write the columns as .csv or .parquet, by the suffix; atomically.

        Raises
        ------
        InvalidInputError
            If the suffix is another, the folder cannot be written to, or pyarrow is missing.

        Examples
        --------
        >>> import screlax
        >>> found = screlax.compare_losses([50, 20, 5], screlax.Sphere(1.0), losses=["supcon"])
        >>> found.write("losses.csv").read_text().splitlines()[0].split(",")[:2]
        ['imbalance', 'loss']
        """
        return write_table(self.to_dict(), path, COLUMNS)

    def table(self) -> str:
        """Return the rows as text under a line that says what they have in common.

        Why a loss was refused, in one clause, or is not certified is at the end; what to do about a
        refusal is in the column reason.

        Examples
        --------
        >>> import screlax
        >>> found = screlax.compare_losses(
        ...     [1, 1, 1], screlax.Sphere(1.0), losses=["supcon", "supcon:views=2"]
        ... )
        >>> print(found.table().splitlines()[-1].split(":")[0])
        supcon refused
        """
        several = any(row["imbalance"] is not None for row in self.rows)
        names = [*(["imbalance"] if several else []), *_SHOWN]
        if len(set(map(control_in_words, self.rows))) == 1:
            names.remove("control")
        if all(row["classifier_norm_largest"] is None for row in self.rows):
            names = [name for name in names if not name.startswith("classifier")]
        header = [_SHOWN.get(name, name) for name in names]
        shown = ({**row, "control": control_in_words(row)} for row in self.rows)
        cells = ([_cell(name, row[name]) for name in names] for row in shown)
        lines = [self.in_common, *text_lines(header, cells)]
        for row in self.rows:
            if row["reason"]:
                at = "" if row["imbalance"] is None else f" at imbalance {row['imbalance']:g}"
                reason = _clause(row["reason"]) if row["status"] == REFUSED else row["reason"]
                lines.append(one_line(f"{row['loss']} {row['status']}{at}: {reason}"))
        return "\n".join(dict.fromkeys(lines))

    def _repr_html_(self) -> str:
        return text_card("LossComparison", self.table())

    def __repr__(self) -> str:
        said = ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))
        return f"<LossComparison: {len(self.losses)} losses, {len(self.rows)} rows: {said}>"


def _clause(reason: str) -> str:
    """Return the first clause of a refusal: the rest explains it, and says what to do."""
    return re.split(r"[;:] ", reason, maxsplit=1)[0]


def control_in_words(row: Row) -> str:
    """Return the control of a row with its numbers: ``weight-decay 0.5 0.2``."""
    numbers = [f"{float(number):g}" for number in (row["numbers"] or "").split()]
    return " ".join([str(row["control"]), *numbers])


def _cell(name: str, entry: Any) -> str:
    """Return a number with four digits, and none for what is zero by rounding."""
    if entry is None or entry != entry:
        return "-"
    if name.endswith("gap"):
        return f"{entry:.0e}"
    if isinstance(entry, float):
        return "0" if abs(entry) < _ZERO else f"{entry:.4g}"
    return str(entry)
