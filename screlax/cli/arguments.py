"""The arguments of the command line, those in files put in their place."""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from ..errors import InvalidInputError
from ..io.shown import one_line

_MOST_BYTES = 1 << 20
"""Size up to which a file of arguments is read."""

_MOST_ARGUMENTS = 10_000


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, whatever it was given."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message and exit."""
        super().error(one_line(message))


def expanded(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with every @FILE replaced by the lines of that file."""
    found: list[str] = []
    for argument in _expand(arguments, ()):
        if re.fullmatch(r"-[^=]*=--|-\w--", argument):  # no value at all before Python 3.13
            raise InvalidInputError(f"{argument}: '--' is not a value of an option")
        found.append(argument)
        if len(found) > _MOST_ARGUMENTS:
            raise InvalidInputError(f"more than {_MOST_ARGUMENTS:,} arguments, with those in files")
    return found


def without_modules(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split off every ``--with MODULE``: what they register belongs to all commands' options."""
    rest, modules = [], []
    pending = iter(arguments)
    for argument in pending:
        if argument == "--with":
            modules.append(next(pending, ""))
        elif argument.startswith("--with="):
            modules.append(argument.partition("=")[2])
        else:
            rest.append(argument)
    if not all(modules):
        raise InvalidInputError("--with needs the name of a module to import")
    return rest, modules


def _expand(arguments: Sequence[str], inside: tuple[Path, ...]) -> Iterator[str]:
    for argument in arguments:
        if not argument.startswith("@"):
            yield argument
            continue
        file = Path(argument[1:])
        if file in inside:
            raise InvalidInputError(f"{argument}: the file of arguments includes itself")
        yield from _expand(_lines(file), (*inside, file))


def _lines(file: Path) -> list[str]:
    """Return the lines with anything in them."""
    try:
        with file.open("rb") as source:
            data = source.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"@{file} cannot be read: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise InvalidInputError(f"@{file} is longer than {_MOST_BYTES:,} bytes of arguments")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"@{file} is not UTF-8 text (byte {error.start} is 0x{data[error.start]:02x}); "
            "save it again with encoding UTF-8"
        ) from None
    if "\0" in text:
        raise InvalidInputError(f"@{file} holds null characters, so it is no text")
    return [line for line in text.splitlines() if line.strip()]
