"""Messages about arguments of Python in the words of the command line."""

import argparse
import re
from dataclasses import fields

from ..problem.losses.registry import LOSSES

_ARGUMENT = re.compile(
    r"(?<![\w:,.=\-])([a-z][a-z_]+)=('[^'\s]*'|\"[^\"\s]*\"|True|False|\d[\d.e-]*)?"
)
"""``name='value'``, but nothing within the text of a loss or a sampler."""


def in_option_names(message: str, options: argparse.Namespace) -> str:
    """Write ``level='orbits'`` as ``--level orbits``, and options of a loss as its text has them.

    Names that are neither stay as they are.
    """
    in_loss = {field.name for kind in LOSSES.values() for field in fields(kind)}

    def option(found: re.Match[str]) -> str:
        name, value = found[1], (found[2] or "").strip("'\"")
        if name in vars(options):
            written = f"--{name.replace('_', '-')}"
            if value in ("True", "False"):
                return written if value == "True" else f"no {written}"
            return f"{written} {value}".rstrip()
        if name in in_loss and isinstance(getattr(options, "loss", None), str):
            return f"--loss {options.loss.partition(':')[0]}:{name}={value.lower()}"
        if "option" in vars(options):  # of a solver
            return f"--option {name}={value}"
        return found[0]

    return _ARGUMENT.sub(option, message)
