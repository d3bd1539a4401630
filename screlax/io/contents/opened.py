"""Files of several arrays, opened by their suffix, with what is wrong in words."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import FileFormatError, ScrelaxError
from ..files import existing_file
from .base import Contents, Entry
from .in_file import InFile
from .npz import npz_contents
from .parquet import parquet_contents
from .pickles import pickle_contents, torch_contents
from .safetensors import safetensors_contents

FORMATS: dict[str, Callable[[Path, bool], Contents]] = {
    ".npz": npz_contents,
    ".parquet": parquet_contents,
    ".pt": torch_contents,
    ".pth": torch_contents,
    ".safetensors": safetensors_contents,
    ".pkl": pickle_contents,
    ".pickle": pickle_contents,
}
"""How the entries of a file are found, by its suffix."""

_DAMAGED = (
    *(ValueError, OSError, EOFError, KeyError, TypeError, RuntimeError, AttributeError),
    *(OverflowError, ImportError, IndexError, pickle.UnpicklingError, zipfile.BadZipFile),
)
"""What readers raise of files that are not what their suffix says."""


def entries_of(place: InFile, choose: Callable[[Contents], list[Entry]]) -> list[Any]:
    """Return those entries of a file that are chosen, read.

    Raises
    ------
    FileFormatError
        If the file is none of its kind, or does not hold what is chosen.
    MissingExtraError
        If what reads it is not installed.
    """
    file = existing_file(place, None)
    suffix = file.suffix.lower()
    try:
        return [entry.read() for entry in choose(FORMATS[suffix](file, place.allow_pickle))]
    except ScrelaxError:
        raise
    except _DAMAGED as error:
        raise FileFormatError(f"{file}: not a readable {suffix} file: {error}") from error
