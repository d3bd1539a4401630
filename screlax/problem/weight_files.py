"""Files of class weights: one number per class, by label or in the order of the classes."""

from __future__ import annotations

import math
import os
from itertools import chain
from pathlib import Path
from typing import Any

from ..containers import shown
from ..errors import FileFormatError
from ..io.contents.in_file import InFile, in_file
from ..io.contents.opened import FORMATS
from ..io.files import SUFFIXES, JsonObject, array_of, existing_file, json_of
from ..io.text_tables import filled_rows, named_column
from .label_files import refuse_name
from .named_counts import labels_beside, numbers_in_contents
from .text_labels import repeated, typed_labels

WEIGHT_HEADERS = frozenset({"weight", "weights", "class_weight", "class_weights", "alpha"})
"""Headers of a column of weights, whatever their case."""


def read_class_weights(path: str | os.PathLike[str]) -> list[float] | dict[int | str, float]:
    r"""Read the weight of each class, as ``class_weights=`` of a loss takes it.

    Parameters
    ----------
    path : str or path-like
        `geometry.InFile` names one column or array of several.

        - .csv, .tsv, .txt: one weight a line, or two columns of different labels and weights,
          separated by commas, semicolons or tabs; decimals have a point. Blank lines are skipped. A
          first line whose last column is one of `WEIGHT_HEADERS` is a header.
        - .npy: a one-dimensional array of numbers.
        - .json: a list of weights, or an object that maps labels to weights.
        - .npz, .pt, .safetensors, .parquet: the only array or column, or the one called so; with
          labels beside them by label.

    Returns
    -------
    list of float, or dict from label to float
        By label where the file has labels, which are int if all are whole numbers.

    Raises
    ------
    FileFormatError
        If the file cannot be read as this, or a weight is not a finite number of at least zero.

    Examples
    --------
    >>> from pathlib import Path
    >>> from screlax.problem.weight_files import read_class_weights
    >>> _ = Path("weights.csv").write_text("label,weight\ncat,0.5\ndog,2\n")
    >>> read_class_weights("weights.csv")
    {'cat': 0.5, 'dog': 2.0}
    """
    file, place = existing_file(path, (*SUFFIXES, *FORMATS)), in_file(path)
    suffix = file.suffix.lower()
    if suffix in (".npy", ".json"):
        refuse_name(place)
    if suffix == ".npy" or suffix in FORMATS:
        entries = _array_entries(place)
        places = [f"entry {number} (from 0)" for number in range(len(entries))]
    else:
        entries, places = _json_entries(file) if suffix == ".json" else _text_entries(place)
    if not entries:
        raise FileFormatError(f"{file} holds no weights; give one number per class")
    weights = [_weight(value, file, at) for (_, value), at in zip(entries, places, strict=True)]
    labels = [label for label, _ in entries if label is not None]
    if not labels:
        return weights
    if suffix in FORMATS:  # typed, and each there once
        return dict(zip(labels, weights, strict=True))
    typed = typed_labels(labels, lambda position: f"{file}, {places[position]}")
    twice = repeated(typed)
    if twice is not None:
        again = twice[1]
        raise FileFormatError(f"{file}, {places[again]}: label {labels[again]!r} is there twice")
    return dict(zip(typed, weights, strict=True))


_Entries = list[tuple[Any, Any]]


def _array_entries(place: InFile) -> _Entries:
    """Return label, or None, and weight of every entry of an array or column."""
    labels: list[int] | list[str] | None = None
    if Path(place).suffix.lower() == ".npy":
        array = array_of(Path(place))
    else:
        labels, array = numbers_in_contents(place, WEIGHT_HEADERS, "weight", "--weights-column")
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise FileFormatError(
            f"{place} holds {array.dtype} values of shape {array.shape}; weights must be a "
            "one-dimensional array of numbers"
        )
    return list(zip(labels or [None] * len(array), array.tolist(), strict=True))


def _text_entries(place: InFile) -> tuple[_Entries, list[str]]:
    """Return label, or None, and weight of every line, and where each is."""
    file = Path(place)
    if place.name is not None:
        return _named_entries(file, place.name)
    rows = iter(filled_rows(file))
    first = next(rows, None)
    if first is not None and first[1][-1].lower() not in WEIGHT_HEADERS:
        rows = chain([first], rows)
    entries: _Entries = []
    places = []
    for line, fields in rows:
        if len(fields) > 2 or (entries and (len(fields) == 2) != (entries[0][0] is not None)):
            raise FileFormatError(
                f"{file}, line {line}: {len(fields)} columns in {','.join(fields)!r}; every line "
                "needs one weight, or every line a label and a weight (decimals with a point)"
            )
        entries.append((fields[0] if len(fields) == 2 else None, fields[-1]))
        places.append(f"line {line}")
    return entries, places


def _named_entries(file: Path, name: str) -> tuple[_Entries, list[str]]:
    """Return the same of a column among several, with the labels beside it."""
    header, column, rows = named_column(file, name)
    found = list(rows)
    beside = labels_beside(header or [""] * len(found[0][1]), column) if found else None
    entries = [(None if beside is None else f[beside], f[column]) for _, f in found]
    return entries, [f"line {line}" for line, _ in found]


def _json_entries(file: Path) -> tuple[_Entries, list[str]]:
    content = json_of(file)
    if isinstance(content, JsonObject):
        return list(content), [f"label {label!r}" for label, _ in content]
    if not isinstance(content, list):
        raise FileFormatError(
            f"{file} holds a single {type(content).__name__}; write a list of weights or an object "
            "that maps labels to weights"
        )
    places = [f"entry {number} (from 0)" for number in range(len(content))]
    return [(None, value) for value in content], places


def _weight(value: Any, file: Path, where: str) -> float:
    number = math.nan
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise FileFormatError(
            f"{file}, {where}: {shown(value)} is no class weight; it must be a finite number of at "
            "least zero (a header is called 'weight')"
        )
    return number
