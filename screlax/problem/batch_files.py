"""Files of batches that were drawn once: a sampler's log, or the batch of every sample."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import FileFormatError
from ..io.files import SUFFIXES, array_of, existing_file, json_of, lines_of


def read_batches(path: str | os.PathLike[str]) -> Any:
    r"""Read batches, as `FixedBatches` takes them.

    Parameters
    ----------
    path : str or path-like
        - .csv, .tsv, .txt: a batch a line, the indices of its samples separated by commas,
          semicolons, tabs or spaces; or one number a line, the batch of each sample in turn, −1 for
          none. Blank lines are skipped.
        - .npy: whole numbers of shape (batches, size), indices, or (n,), the batch of each sample.
        - .json: a list of lists of indices, or a list with the batch of each sample.

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
    file = existing_file(path)
    suffix = file.suffix.lower()
    if suffix == ".npy":
        return array_of(file)
    if suffix == ".json":
        return json_of(file)
    lines = _lines(file)
    if not lines:
        raise FileFormatError(f"{file} holds no batches; write the indices of a batch a line")
    alone = all(len(line) == 1 for line in lines)
    return [line[0] for line in lines] if alone else lines


def is_batch_file(text: str) -> bool:
    """Whether text is the name of a file of batches rather than options."""
    return "=" not in text and Path(text).suffix.lower() in SUFFIXES


def _lines(file: Path) -> list[list[int]]:
    """Return the whole numbers of every line that has any."""
    rows = []
    for number, line in enumerate(lines_of(file), 1):
        words = line.translate(_BLANKS).split()
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
