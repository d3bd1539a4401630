"""Standard input in the place of a file: written to one while a command runs."""

import argparse
import contextlib
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import FileFormatError, InvalidInputError
from ..optional import available_memory

_STANDARD_INPUT = "-"

_BLOCK = 1 << 20


class InputPath(str):
    """A file to read, as it was given; what a command writes is none."""


@contextlib.contextmanager
def standard_input_read(options: argparse.Namespace) -> Iterator[None]:
    """Put a file of what comes on standard input in the place of a ``-``, while a command runs."""
    names = [name for name, value in vars(options).items() if _asks(value)]
    if not names:
        yield
        return
    if len(names) > 1 or isinstance(getattr(options, names[0]), list):
        places = " and ".join(f"--{name.replace('_', '-')}" for name in names)
        raise InvalidInputError(f"- is given for {places}; standard input is one file")
    with tempfile.TemporaryDirectory(prefix="screlax-") as folder:
        file = _with_suffix(_spooled(Path(folder) / "input"))
        setattr(options, names[0], InputPath(file))
        try:
            with _warnings_of(file):
                yield
        except InvalidInputError as error:
            raise type(error)(str(error).replace(str(file), "standard input")) from None


@contextlib.contextmanager
def _warnings_of(file: Path) -> Iterator[None]:
    """Let warnings about the file speak of standard input, which is what was given."""
    show = warnings.showwarning

    def as_given(message: Warning | str, *rest: Any, **named: Any) -> None:
        show(str(message).replace(str(file), "standard input"), *rest, **named)

    warnings.showwarning = as_given
    try:
        yield
    finally:
        warnings.showwarning = show


def _asks(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_asks, value))
    return isinstance(value, InputPath) and value == _STANDARD_INPUT


def _spooled(file: Path) -> Path:
    """Write standard input to a file, so much as memory would hold."""
    if sys.stdin is None:
        raise FileFormatError("standard input is closed; give a file instead of -")
    rest = available_memory()
    with file.open("wb") as sink:
        while block := sys.stdin.buffer.read(_BLOCK):
            rest -= sink.write(block)
            if rest < 0:
                raise FileFormatError("standard input is larger than memory; write it to a file")
    return file


def _with_suffix(file: Path) -> Path:
    """Give a file the suffix of what it holds, by its first bytes."""
    with file.open("rb") as source:
        start = source.read(64)
    if start.startswith(b"PK"):
        torch = zipfile.is_zipfile(file) and any(
            name.endswith("/data.pkl") for name in zipfile.ZipFile(file).namelist()
        )
        return file.rename(file.with_suffix(".pt" if torch else ".npz"))
    marks = {b"\x93NUMPY": ".npy", b"PAR1": ".parquet", b"\x80": ".pkl"}
    found = [suffix for mark, suffix in marks.items() if start.startswith(mark)]
    if start[8:9] == b"{" and 0 in start[:8]:
        found = [".safetensors"]
    if start.lstrip()[:1] in (b"[", b"{"):
        found = [".json"]
    return file.rename(file.with_suffix(found[0] if found else ".txt"))
