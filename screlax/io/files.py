"""The contents of text, NumPy and JSON files, with an error that says what is wrong with a file."""

from __future__ import annotations

import csv
import io
import json
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FileFormatError

SUFFIXES = (".csv", ".txt", ".npy", ".json")
"""File name endings that `read_counts` and `read_labels` understand."""

_NPY_MAGIC = b"\x93NUMPY"

Row = tuple[int, list[str]]
"""Line number and fields."""


class JsonObject(list[tuple[str, Any]]):
    """A JSON object with its keys in order, repeated ones included."""


def load_bytes(path: Any) -> tuple[Path, bytes]:
    """Read the whole file, unless its suffix says that it is something else."""
    try:
        file = Path(path)
        if file.suffix.lower() not in SUFFIXES and file.exists() and not file.is_dir():
            data = None
        else:
            data = file.read_bytes()
    except FileNotFoundError:
        raise FileFormatError(f"{path}: no such file, seen from {Path.cwd()}") from None
    except IsADirectoryError:
        raise FileFormatError(f"{path} is a directory; name a file inside it") from None
    except PermissionError:
        raise FileFormatError(
            f"{path}: no permission to read it; check its access rights"
        ) from None
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}") from error
    except (TypeError, ValueError):  # not a path, or with a null character in it
        raise FileFormatError(f"a path must be text or a Path, got {path!r}") from None
    if data is None:
        raise FileFormatError(
            f"{file}: suffix {file.suffix!r} is not supported; use {', '.join(SUFFIXES)}"
        )
    if not data:
        raise FileFormatError(f"{file} is empty; was it written completely?")
    return file, data


def as_text(file: Path, data: bytes) -> str:
    """Decode UTF-8, with or without a byte order mark."""
    try:
        return data.decode("utf-8-sig")  # spreadsheets put a byte order mark in front
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{file} is not UTF-8 text (byte {error.start} is 0x{data[error.start]:02x}); "
            "save it again with encoding UTF-8"
        ) from None


def as_rows(file: Path, data: bytes) -> list[Row]:
    """Split CSV into (line number, stripped fields); a blank line has no fields."""
    reader = csv.reader(
        io.StringIO(as_text(file, data), newline=""), strict=True, skipinitialspace=True
    )
    rows: list[Row] = []
    try:
        for fields in reader:
            stripped = [field.strip() for field in fields]
            rows.append((reader.line_num, stripped if any(stripped) else []))
    except csv.Error as error:
        raise FileFormatError(
            f"{file}, line {reader.line_num}: not valid CSV ({error}); check its quotation marks"
        ) from None
    return rows


def as_json(file: Path, data: bytes) -> Any:
    """Parse JSON; objects keep their order and repeated keys."""
    text = as_text(file, data)
    try:
        return json.loads(text, object_pairs_hook=JsonObject)
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError) as error:  # thousands of digits, or of brackets
        reason = str(error)
    raise FileFormatError(f"{file} is not valid JSON ({reason})")


def as_array(file: Path, data: bytes) -> NDArray[Any]:
    """Read a one-dimensional .npy array; never a pickle."""
    if not data.startswith(_NPY_MAGIC):
        raise FileFormatError(
            f"{file} is not a NumPy .npy file (a pickle or an .npz perhaps); write it with "
            "numpy.save(path, array)"
        )
    if b"'|O'" in data[:128]:
        raise FileFormatError(
            f"{file} holds pickled Python objects, which can run code when loaded and are never "
            "read; save an integer or text array instead"
        )
    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (
        ValueError,
        EOFError,
        MemoryError,
        SyntaxError,
        TypeError,
        tokenize.TokenError,
    ) as error:
        raise FileFormatError(
            f"{file} is damaged or truncated ({len(data)} bytes: {error}); write it again"
        ) from None
    if array.ndim != 1:
        raise FileFormatError(
            f"{file} holds an array of shape {array.shape}; it must be one-dimensional"
        )
    return array
