"""All commands: parse, run one, say what went wrong.

The command COMMAND is the module COMMAND_command, loaded only when it is named: its DESCRIPTION and
EXAMPLES, `add_options` and `run`. Help on all of them loads none, and so no NumPy.
"""

import argparse
import contextlib
import importlib
import sys
import warnings
from collections.abc import Collection, Iterator, Sequence

from ..errors import InaccurateWarning, InvalidInputError, ScrelaxError
from ..extensions import load_installed, load_modules
from ..io.shown import one_line
from ..tasks.progress import silence
from ..version import __version__
from .arguments import Parser, expanded, without_modules
from .exit_codes import BAD_INPUT, CERTIFIED, INTERRUPTED, NOT_CERTIFIED
from .interruption import ending_at_once
from .output import WrittenFiles
from .standard_input import standard_input_read

COMMANDS = {
    "solve": "solve a problem and prove the solution optimal",
    "path": "solve and certify along a path of λ, ρ, τ or batch sizes",
    "sweep": "solve and certify a grid of problems",
    "losses": "compare the geometry of several losses",
    "collapse": "say which classes share one mean, and from where on",
    "design": "find what brings the optimum nearest to a wanted geometry",
    "floor": "prove what the expected loss of mini-batches cannot fall below",
    "landscape": "descend from many starts in several dimensions, with proved gaps",
    "export": "write a problem as a cone program, for solvers of your own",
    "certify": "re-prove a saved solution",
    "compare": "measure embeddings against a saved optimum",
    "report": "write an interactive page about a saved optimum",
    "loss": "evaluate the loss of embeddings",
    "bench": "run the benchmark suite",
    "profiles": "list the named class-size profiles",
    "completion": "print a completion script for a shell",
}
"""Every command, and what it does in one line."""


def build_parser(loaded: Collection[str] = COMMANDS) -> Parser:
    """Return the parser of all commands, with the options of those that are to be loaded."""
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
    _add_quiet(parser, default=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, meaning in COMMANDS.items():
        command = commands.add_parser(name, help=meaning)
        if name in loaded:
            module = importlib.import_module(f".{name}_command", __package__)
            command.description, command.epilog = module.DESCRIPTION, module.EXAMPLES
            if module.EXAMPLES:
                command.formatter_class = argparse.RawDescriptionHelpFormatter
            module.add_options(command)
            _add_quiet(command, default=argparse.SUPPRESS)
            command.set_defaults(run=module.run)
    return parser


def _add_quiet(parser: argparse.ArgumentParser, default: object) -> None:
    """Register what may stand before the command or after it."""
    parser.add_argument(
        "--quiet",
        action="store_true",
        default=default,
        help="no signs of life of what takes long, only results, warnings and errors",
    )


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command that the arguments name, which is loaded for them."""
    wanted, modules = without_modules(expanded(arguments))
    named = [argument for argument in wanted if argument in COMMANDS][:1]
    if named:
        load_installed()
    load_modules(modules)
    parser = build_parser(named)
    options, unknown = parser.parse_known_args(wanted)
    if unknown:  # said by the command, whose help has what it takes
        parser.of_command(options.command).error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and return the exit code."""
    try:
        with ending_at_once():  # NumPy and SciPy are loaded, which takes a second
            options = parsed(sys.argv[1:] if arguments is None else arguments)
    except InvalidInputError as error:
        return _fail(f"error: {error}", BAD_INPUT)
    from .option_names import in_option_names  # loads NumPy, as the command has

    written = WrittenFiles(options)
    try:
        with _warnings_in_one_line(), silence(options.quiet), standard_input_read(options):
            certified: bool = options.run(options)
        sys.stdout.flush()  # a full disk is noticed here or not at all
    except BrokenPipeError:
        raise
    except InvalidInputError as error:
        return _fail(f"error: {in_option_names(str(error), options)}", BAD_INPUT, written)
    except (ScrelaxError, OSError) as error:
        return _fail(f"failed: {in_option_names(str(error), options)}", NOT_CERTIFIED, written)
    except KeyboardInterrupt as error:
        # some commands know themselves what they leave behind
        nothing = "interrupted" if str(written) else "interrupted; nothing was written"
        return _fail(str(error) or nothing, INTERRUPTED, written)
    return CERTIFIED if certified else NOT_CERTIFIED


@contextlib.contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show warnings as errors are shown, without a line of our source."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", InaccurateWarning)
        warnings.showwarning = _warn
        yield


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    start = "\r\033[K" if sys.stderr.isatty() else ""  # a sign of life may be on the line
    print(f"{start}screlax: warning: {one_line(message)}", file=sys.stderr)


def _fail(reason: str, code: int, written: WrittenFiles | str = "") -> int:
    """Say in one line what went wrong and which files there are nevertheless."""
    there = str(written)
    print(f"screlax: {one_line(reason)}" + (f"; {there}" if there else ""), file=sys.stderr)
    return code
