"""Options that would change nothing: refused, so that nobody believes they did."""

import argparse

from ..errors import InvalidInputError


def refuse_idle(options: argparse.Namespace, *names: str, because: str) -> None:
    """Raise an `InvalidInputError` if one of these was given, which has no effect and why."""
    for name in names:
        value = getattr(options, name)
        if value is not None and value is not False:
            option = f"--{name.replace('_', '-')}"
            raise InvalidInputError(f"{option} has no effect {because}; leave out {option}")
