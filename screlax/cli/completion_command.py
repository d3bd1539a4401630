"""`screlax completion`: what a shell needs to complete commands, options and files."""

import argparse

from ..errors import MissingExtraError

SHELLS = ("bash", "zsh", "tcsh")

DESCRIPTION = (
    "Print a script that completes screlax in a shell (by the package shtab, extra 'completion')."
)

EXAMPLES = """examples:
  screlax completion bash > ~/.local/share/bash-completion/completions/screlax
  screlax completion zsh > ~/.zfunc/_screlax
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    parser.add_argument("shell", choices=SHELLS)


def run(options: argparse.Namespace) -> bool:
    """Print the script."""
    from .commands import build_parser

    try:
        import shtab
    except ImportError:
        raise MissingExtraError(
            "completion needs shtab: pip install 'screlax[completion]'"
        ) from None
    print(shtab.complete(build_parser(), shell=options.shell))
    return True
