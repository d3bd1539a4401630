"""Files of batches that were drawn once: a sampler's log, or the batch of every sample."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..containers import as_numpy
from ..errors import FileFormatError
from ..io.contents.base import Contents, Entry
from ..io.contents.in_file import InFile, in_file
from ..io.contents.opened import FORMATS, entries_of
from ..io.files import SUFFIXES, array_of, existing_file, json_of, lines_of

BATCH_HEADERS = frozenset({"batch", "batches", "batch_id", "batch_index", "indices"})
"""Names of a column or array of batches, whatever their case."""


def read_batches(path: str | os.PathLike[str]) -> Any:
    r"""Read batches, as `FixedBatches` takes them.

    Parameters
    ----------
    path : str or path-like
        - .csv, .tsv, .txt: a batch a line, the indices of its samples separated by commas,
          semicolons, tabs or spaces; or one number a line, the batch of each sample in turn, −1 for
          none. Blank lines are skipped, and a first line that is one of `BATCH_HEADERS`.
        - .npy: whole numbers of shape (batches, size), indices, or (n,), the batch of each sample.
        - .json: a list of lists of indices, or a list with the batch of each sample.
        - .npz, .pt, .safetensors, .parquet: an array as in .npy, the only one or the one called
          so (`geometry.InFile` names another).

    Returns
    -------
    list of list of int, list of int, or ndarray

    Raises
    ------
    FileFormatError
        If the file cannot be read as this.

    Examples
    --------
    >>> from pathlib import Path
    >>> from screlax.problem.batch_files import read_batches
    >>> _ = Path("batches.csv").write_text("0,3,4\n1,2,5\n")
    >>> read_batches("batches.csv")
    [[0, 3, 4], [1, 2, 5]]
    """
    file = existing_file(path, (*SUFFIXES, *FORMATS))
    suffix = file.suffix.lower()
    if suffix == ".npy":
        return array_of(file)
    if suffix == ".json":
        return json_of(file)
    if suffix in FORMATS:
        return _named_array(in_file(path))
    lines = _lines(file)
    if not lines:
        raise FileFormatError(f"{file} holds no batches; write the indices of a batch a line")
    alone = all(len(line) == 1 for line in lines)
    return [line[0] for line in lines] if alone else lines


def is_batch_file(text: str) -> bool:
    """Whether text is the name of a file of batches rather than options."""
    return "=" not in text and Path(text).suffix.lower() in (*SUFFIXES, *FORMATS)


def _named_array(place: InFile) -> Any:
    """Return the array or column that batches are."""

    def choose(contents: Contents) -> list[Entry]:
        if place.name is not None:
            return [contents.named(place.name)]
        return [contents.meant(BATCH_HEADERS, "batches", "name that of batches batch or batches")]

    values = entries_of(place, choose)[0]
    return values if isinstance(values, list) else as_numpy(values, f"batches of {place}")


def _lines(file: Path) -> list[list[int]]:
    """Return the whole numbers of every line that has any."""
    rows = []
    for number, line in enumerate(lines_of(file), 1):
        words = line.translate(_BLANKS).split()
        if number == 1 and len(words) == 1 and words[0].strip('"').lower() in BATCH_HEADERS:
            continue
        try:
            row = [int(word) for word in words]
        except ValueError:
            raise FileFormatError(
                f"{file}, line {number}: {line.strip()[:60]!r} are not whole numbers; write the "
                "indices of a batch a line, or the batch of one sample a line"
            ) from None
        if row:
            rows.append(row)
    return rows


_BLANKS = str.maketrans(",;\t", "   ")
