"""The command line: `screlax solve`, `screlax path`, `screlax landscape`, `screlax certify`.

Exit codes: 0 certified, 1 not certified (or the solver failed), 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..exceptions import InvalidInputError, ScrelaxError
from . import certify_command, landscape_command, path_command, solve_command
from .output import WrittenFiles

CERTIFIED, NOT_CERTIFIED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    from .. import __version__

    parser = argparse.ArgumentParser(
        prog="screlax",
        description="Certified optimal geometry of supervised contrastive learning.",
    )
    parser.add_argument("--version", action="version", version=f"screlax {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    solve_command.add_parser(commands)
    path_command.add_parser(commands)
    landscape_command.add_parser(commands)
    certify_command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = build_parser().parse_args(arguments)
    written = WrittenFiles(options)
    try:
        certified: bool = options.run(options)
    except InvalidInputError as error:
        return _fail(f"error: {error}", written, BAD_INPUT)
    except (ScrelaxError, OSError) as error:
        return _fail(f"failed: {error}", written, NOT_CERTIFIED)
    except KeyboardInterrupt:
        reason = "interrupted" if written else "interrupted; nothing was written"
        return _fail(reason, written, INTERRUPTED)
    return CERTIFIED if certified else NOT_CERTIFIED


def _fail(reason: str, written: WrittenFiles, code: int) -> int:
    """Say in one line what went wrong and which files there are nevertheless."""
    print(f"screlax: {reason}" + (f"; {written}" if written else ""), file=sys.stderr)
    return code
