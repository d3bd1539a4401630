"""All commands: parse, run one, say what went wrong."""

from __future__ import annotations

import argparse
import contextlib
import sys
import warnings
from collections.abc import Iterator, Sequence

from ..errors import InvalidInputError, ScrelaxError
from ..extensions import load_installed, load_modules
from ..io.shown import one_line
from ..version import __version__
from . import (
    bench_command,
    certify_command,
    compare_command,
    completion_command,
    landscape_command,
    loss_command,
    path_command,
    profiles_command,
    report_command,
    solve_command,
    sweep_command,
)
from .arguments import Parser, expanded, without_modules
from .exit_codes import BAD_INPUT, CERTIFIED, INTERRUPTED, NOT_CERTIFIED
from .output import WrittenFiles


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="screlax",
        description="Certified optimal geometry of supervised contrastive learning.",
        epilog="An argument @FILE stands for the arguments in a file, one a line.",
    )
    parser.add_argument("--version", action="version", version=f"screlax {__version__}")
    parser.add_argument(
        "--with",
        dest="modules",
        action="append",
        metavar="MODULE",
        help="import a module that registers losses, constraints or methods; with any command",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    solve_command.add_parser(commands)
    path_command.add_parser(commands)
    sweep_command.add_parser(commands)
    landscape_command.add_parser(commands)
    certify_command.add_parser(commands)
    compare_command.add_parser(commands)
    report_command.add_parser(commands)
    loss_command.add_parser(commands)
    bench_command.add_parser(commands)
    profiles_command.add_parser(commands)
    completion_command.add_parser(commands)
    return parser


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and return the exit code."""
    try:
        wanted, modules = without_modules(
            expanded(sys.argv[1:] if arguments is None else arguments)
        )
        load_installed()
        load_modules(modules)
    except InvalidInputError as error:
        return _fail(f"error: {error}", BAD_INPUT)
    options = build_parser().parse_args(wanted)
    written = WrittenFiles(options)
    try:
        with _warnings_in_one_line():
            certified: bool = options.run(options)
        sys.stdout.flush()  # a full disk is noticed here or not at all
    except BrokenPipeError:
        raise
    except InvalidInputError as error:
        return _fail(f"error: {error}", BAD_INPUT, written)
    except (ScrelaxError, OSError) as error:
        return _fail(f"failed: {error}", NOT_CERTIFIED, written)
    except KeyboardInterrupt as error:
        said = str(error)  # of a command that knows what it leaves behind
        reason = said or ("interrupted" if written else "interrupted; nothing was written")
        return _fail(reason, INTERRUPTED, written)
    return CERTIFIED if certified else NOT_CERTIFIED


@contextlib.contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show warnings as errors are shown, without a line of our source."""
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        yield


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    print(f"screlax: warning: {one_line(message)}", file=sys.stderr)


def _fail(reason: str, code: int, written: WrittenFiles | None = None) -> int:
    """Say in one line what went wrong and which files there are nevertheless."""
    print(f"screlax: {one_line(reason)}" + (f"; {written}" if written else ""), file=sys.stderr)
    return code
