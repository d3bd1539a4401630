"""The arguments of the command line, those in files put in their place."""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from ..errors import InvalidInputError
from ..io.shown import one_line
from ..spelling import hint

_MOST_BYTES = 1 << 20
"""Size up to which a file of arguments is read."""

_MOST_ARGUMENTS = 10_000


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, whatever it was given."""

    def error(self, message: str) -> NoReturn:
        """Print where the options are told and the message, which says what was meant, and exit."""
        told = one_line(self._numbered(self._spelled(message)))
        usage = f"usage: {self.prog} …; {self.prog} --help tells what it takes\n"
        self.exit(2, f"{usage}{self.prog}: error: {told}\n")

    def of_command(self, name: str) -> "Parser":
        """Return the parser of a command."""
        commands = next(a for a in self._actions if isinstance(a, argparse._SubParsersAction))
        found: Parser = commands.choices[name]
        return found

    def _spelled(self, message: str) -> str:
        """Add the option or choice that was meant."""
        chosen = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if chosen:
            choices = re.findall(r"[\w-]+", chosen[2])
            return message + hint(chosen[1], choices)
        unknown = re.match(r"unrecognized arguments: (--[^\s=]+)", message)
        if unknown is None:
            return message
        return f"{message}{hint(unknown[1], list(self._long_options()))}"

    def _long_options(self) -> Iterator[str]:
        """Yield all options, with those of commands."""
        for action in self._actions:
            yield from (option for option in action.option_strings if option.startswith("--"))
            if isinstance(action.choices, dict):
                for command in action.choices.values():
                    yield from command._long_options()

    def _numbered(self, message: str) -> str:
        """Name the values of an option that takes several."""
        short = re.match(r"argument (--[\w-]+): expected (\d+) arguments", message)
        for action in self._actions if short else ():
            if short and short[1] in action.option_strings and isinstance(action.metavar, tuple):
                names = " and ".join(action.metavar)
                meaning = (action.help or "").replace("%%", "%")
                return f"{short[1]} takes {short[2]} numbers, {names}: {meaning}"
        return message


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
