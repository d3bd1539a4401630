"""Constraints of one's own in a JSON file.

    [
      {"name": "angle", "terms": [["cat", "dog", 1.0]], "upper": 0.2},
      {"terms": [["cat", "dog", 1.0], ["cat", "fox", -1.0]], "lower": 0.0},
      {"terms": [["cat", "cat", 1.0], ["dog", "dog", -2.0]], "equal": 0.0},
      {"matrix": [[0, 1, 0], [1, 0, 0], [0, 0, 0]], "lower": -0.5}
    ]

A term [a, b, w] is w × G[a, b], the inner product of the classes a and b (the squared norm where
they are one class), in the units of G; classes are named by label where the problem has labels,
else by number from 0, in class order; with "numbered": true by number in any case. A matrix A, in
class order, is ⟨A, G⟩. Every constraint has "upper" or "lower" or both, or "equal".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import FileFormatError, InvalidInputError
from ...io.files import JsonObject, existing_file, json_of
from .linear import Linear, linear_of_record


def read_constraints(path: str | Path) -> list[Linear]:
    """Read linear constraints from a JSON file; see this module for what it holds.

    Raises
    ------
    InvalidInputError
        If the file is not there, is not such a list, or an entry makes no constraint; the message
        says which.

    Examples
    --------
    >>> from pathlib import Path
    >>> import screlax
    >>> text = '[{"name": "angle", "terms": [["cat", "dog", 1.0]], "upper": 0.2}]'
    >>> written = Path("constraints.json").write_text(text)
    >>> screlax.constraints.read_constraints("constraints.json")
    [<Linear angle>]
    """
    file = existing_file(path, suffixes=(".json",))
    content = json_of(file)
    if isinstance(content, JsonObject) or not isinstance(content, list):
        raise FileFormatError(
            f"{file} must hold a list of constraints, such as "
            '[{"terms": [["cat", "dog", 1.0]], "upper": 0.2}]'
        )
    found = []
    for number, record in enumerate(content, start=1):
        try:
            found.append(linear_of_record(_table(record)))
        except InvalidInputError as error:
            raise InvalidInputError(f"{file}, constraint {number}: {error}") from None
    return found


def _table(record: Any) -> Any:
    """Return a JSON object as a dict, in which no entry stands twice."""
    if not isinstance(record, JsonObject):
        return record
    entries = dict(record)
    if len(entries) < len(record):
        raise InvalidInputError(f"an entry stands twice among {[key for key, _ in record]}")
    return entries
