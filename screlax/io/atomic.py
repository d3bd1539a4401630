"""Files that appear under their name only when they are complete; refused before any work."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..containers import shown
from ..errors import InvalidInputError


@contextlib.contextmanager
def atomic_file(target: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a binary file that appears under its name only when it is complete.

    A durable one is waited for until the bytes are on the disk, so that a failure of the machine
    right after leaves a whole file too. A name that cannot be written to is an `InvalidInputError`.
    """
    if target.is_dir():
        raise InvalidInputError(f"cannot write {target}: it is a folder")
    temporary = target.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        sink = open(temporary, "xb")  # noqa: SIM115  (closed below, before it is renamed)
    except OSError as error:
        raise InvalidInputError(f"cannot write {target}: {error.strerror}") from error
    try:
        with sink:
            yield sink
            sink.flush()
            if durable:
                os.fsync(sink.fileno())
        _rename(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(data: bytes, path: str | Path) -> Path:
    """Write a file atomically and return its path."""
    target = as_path(path)
    with atomic_file(target) as sink:
        sink.write(data)
    return target


def as_path(path: Any) -> Path:
    """Return a path that was given, or say what was given instead."""
    try:
        return Path(path)
    except TypeError:
        raise InvalidInputError(f"a path must be text or a Path, got {shown(path)}") from None


def refuse_unwritable(path: Path | None, *suffixes: str) -> None:
    """Raise an `InvalidInputError` unless a file of that name and a suffix could be written."""
    if path is None:
        return
    if path.suffix not in suffixes:
        raise InvalidInputError(f"{path} must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise InvalidInputError(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir():
        raise InvalidInputError(f"cannot write {path}: {path.parent} is not a folder")
    if not os.access(path.parent, os.W_OK):
        raise InvalidInputError(f"cannot write {path}: no permission in {path.parent}")


def _rename(temporary: Path, target: Path) -> None:
    try:
        os.replace(temporary, target)
    except OSError as error:
        raise InvalidInputError(f"cannot write {target}: {error.strerror}") from error
