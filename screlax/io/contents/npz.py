"""Archives of NumPy arrays."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from ...errors import FileFormatError
from .base import Contents, Entry
from .in_file import TRUSTED


def npz_contents(file: Path, allow_pickle: bool) -> Contents:
    """Return the arrays of an .npz file; shapes and types are read, entries are not yet."""
    with zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        entries = {
            name: _entry(file, name, archive.open(member), allow_pickle)
            for name, member in zip(names, archive.namelist(), strict=True)
        }
    return Contents(file, entries)


def _entry(file: Path, name: str, member: IO[bytes], allow_pickle: bool) -> Entry:
    with member:
        version = np.lib.format.read_magic(member)
        header: Callable[..., Any] = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            header = np.lib.format.read_array_header_2_0
        shape, _, dtype = header(member)

    def read() -> Any:
        if dtype.hasobject and not allow_pickle:
            raise FileFormatError(
                f"{file} holds Python objects, which are not read; save an array of numbers or "
                f"text; {TRUSTED}"
            )
        with np.load(file, allow_pickle=allow_pickle) as archive:
            return np.asarray(archive[name])

    return Entry(shape, str(dtype), read)
