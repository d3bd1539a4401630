"""Text, JSON and NumPy files, read in bounded memory, with an error that says what is wrong."""

import codecs
import contextlib
import csv
import json
import pickle
import stat
import tokenize
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FileFormatError
from ..optional import require_memory

SUFFIXES = (".csv", ".tsv", ".txt", ".npy", ".json")
"""File name endings that `read_counts` and `read_labels` understand."""

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""What may separate columns."""

_LONGEST_LINE = 1 << 20
_LARGEST_TEXT = 1 << 24
_SAMPLE = 1000
"""Rows that separators are told from."""

_JSON_OVERHEAD = 30
"""Bytes of Python objects that a byte of JSON may become, as in [1,1,1]."""

_NPY_MAGIC = b"\x93NUMPY"

_DAMAGED = (
    *(ValueError, EOFError, MemoryError, SyntaxError, TypeError, tokenize.TokenError),
    *(pickle.UnpicklingError, ImportError, AttributeError),
)
"""What NumPy raises of a damaged file."""

Row = tuple[int, list[str]]
"""Line number and fields."""


class JsonObject(list[tuple[str, Any]]):
    """A JSON object with its keys in order, repeated ones included."""


def existing_file(path: Any, suffixes: tuple[str, ...] | None = SUFFIXES) -> Path:
    """Return the path of a regular file that holds something: devices and pipes may be endless."""
    try:
        file = Path(path)
        with _explained(file):
            status = file.stat()
    except (TypeError, ValueError) as error:  # not a path, or with a null character in it
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"a path must be text or a Path, got {path!r}") from None
    if stat.S_ISDIR(status.st_mode):
        raise FileFormatError(f"{path} is a directory; name a file inside it")
    if not stat.S_ISREG(status.st_mode):
        raise FileFormatError(f"{path} is a device or a pipe; write what it gives to a file first")
    if suffixes is not None and file.suffix.lower() not in suffixes:
        raise FileFormatError(
            f"{file}: suffix {file.suffix!r} is not supported; use {', '.join(suffixes)}"
        )
    if status.st_size == 0:
        raise FileFormatError(f"{file} is empty; was it written completely?")
    return file


@contextlib.contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Say what is wrong with a file that cannot be opened or decoded."""
    try:
        yield
    except FileNotFoundError:
        raise FileFormatError(f"{file}: no such file, seen from {Path.cwd()}") from None
    except PermissionError:
        raise FileFormatError(
            f"{file}: no permission to read it; check its access rights"
        ) from None
    except OSError as error:
        raise FileFormatError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        place, byte = _first_bad_byte(file)
        raise FileFormatError(
            f"{file} is not UTF-8 text (byte {place} is 0x{byte:02x}); "
            "save it again with encoding UTF-8"
        ) from None


def _first_bad_byte(file: Path) -> tuple[int, int]:
    decoder, before = codecs.getincrementaldecoder("utf-8")(), 0
    with file.open("rb") as handle:
        while chunk := handle.read(_LONGEST_LINE):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return before - pending + error.start, error.object[error.start]
            before += len(chunk)
    return before - 1, chunk[-1] if chunk else 0


def lines_of(file: Path) -> Iterator[str]:
    """Yield the lines of UTF-8 text, with or without a byte order mark, with their ends."""
    # spreadsheets put a byte order mark in front
    with _explained(file), file.open(encoding="utf-8-sig", newline="") as handle:
        number = 0
        while line := handle.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE:
                raise FileFormatError(
                    f"{file}, line {number}: longer than a million characters; write one entry "
                    "per line"
                )
            if "\0" in line:
                raise FileFormatError(
                    f"{file}, line {number}: holds a null character, so this is not text; save it "
                    "again with encoding UTF-8"
                )
            yield line


def text_of(file: Path, most: int = _LARGEST_TEXT) -> str:
    """Return UTF-8 text of at most so many characters, 16 million by default."""
    with _explained(file), file.open(encoding="utf-8-sig") as handle:
        text = handle.read(most + 1)
    if len(text) > most:
        raise FileFormatError(f"{file} has more than {most:,} characters, too many for what it is")
    return text


def rows_of(file: Path, separator: str) -> Iterator[Row]:
    """Yield (line number, stripped fields) of CSV; a blank line has no fields."""
    reader = csv.reader(lines_of(file), delimiter=separator, strict=True, skipinitialspace=True)
    try:
        for fields in reader:
            stripped = [field.strip() for field in fields]
            yield reader.line_num, stripped if any(stripped) else []
    except csv.Error as error:
        raise FileFormatError(
            f"{file}, line {reader.line_num}: not valid CSV ({error}); check its quotation marks"
        ) from None


def widths_of(file: Path) -> dict[str, set[int]]:
    """Return the numbers of columns that each separator cuts the first rows into.

    `csv.Sniffer` takes a letter for a separator where there is one column, and finds none where a
    quoted label has a comma. A separator that leaves quotation marks open is left out.
    """
    found = {}
    for separator in SEPARATORS:
        with contextlib.suppress(FileFormatError):  # raised again by whoever reads it all
            rows = islice(rows_of(file, separator), _SAMPLE)
            found[separator] = {len(fields) for _, fields in rows if fields}
    return found


def separators_of(file: Path) -> dict[str, int]:
    """Return each separator that cuts the first rows alike, with the number of columns, over 1."""
    widths = widths_of(file).items()
    return {sep: max(found) for sep, found in widths if len(found) == 1 and max(found) > 1}


def json_of(file: Path, number: Callable[[str], Any] = float) -> Any:
    """Parse JSON; objects keep their order and repeated keys, `number` reads what has a dot."""
    require_memory(_JSON_OVERHEAD * file.stat().st_size, f"the content of {file}")
    text = text_of(file, file.stat().st_size)
    try:
        return json.loads(text, object_pairs_hook=JsonObject, parse_float=number)
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError) as error:  # thousands of digits, or of brackets
        reason = str(error)
    raise FileFormatError(f"{file} is not valid JSON ({reason})")


def array_of(
    file: Path, allow_pickle: bool = False, remedy: str = "save an integer or text array instead"
) -> NDArray[Any]:
    """Read a .npy array; never a pickle, unless that was asked for; a refusal has the remedy."""
    size = file.stat().st_size
    require_memory(size, f"the array in {file}")
    with _explained(file), file.open("rb") as handle:
        start = handle.read(128)
        if not start.startswith(_NPY_MAGIC):
            raise FileFormatError(
                f"{file} is not a NumPy .npy file (a pickle or an .npz perhaps); write it with "
                "numpy.save(path, array)"
            )
        if b"'|O'" in start and not allow_pickle:
            raise FileFormatError(
                f"{file} holds pickled Python objects, which can run code when loaded and are not "
                f"read; {remedy}"
            )
        handle.seek(0)
        try:
            array: NDArray[Any] = np.lib.format.read_array(handle, allow_pickle=allow_pickle)
        except _DAMAGED as error:
            raise FileFormatError(
                f"{file} is damaged or truncated ({size} bytes: {error}); write it again"
            ) from None
    return array
