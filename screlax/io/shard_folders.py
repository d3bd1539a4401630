"""Folders of .npy files that are the shards of one array."""

import re
from pathlib import Path

from ..errors import FileFormatError


def shard_files(folder: Path) -> list[Path]:
    """Return the .npy files of a folder, one below the other; none where there are none.

    Raises
    ------
    FileFormatError
        If the order of their names is another by the numbers in them.
    """
    files = sorted(folder.glob("*.npy"), key=lambda file: file.name)
    counted = sorted(files, key=lambda file: _parts(file.name))
    if counted != files:
        first = next(one for one, other in zip(counted, files, strict=True) if one != other)
        raise FileFormatError(
            f"{folder}: the order of its files is not plain: as text {first.name} comes later than "
            "by its number; list the files in the order of the labels"
        )
    return files


def _parts(name: str) -> list[tuple[int, int, str]]:
    """Return a name as text and numbers, which compare by their values."""
    pieces = re.split(r"(\d+)", name)
    return [(1, int(one), "") if one.isdigit() else (0, 0, one) for one in pieces]
