"""Losses, constraints, methods and certifiers from outside: modules that register them.

A module is loaded because somebody names it (``--with MODULE`` on every command, or an import), or
because an installed package declares it under the entry point group ``screlax.extensions``. A file
never names a module to import: loading a solution whose loss is unknown says which loss is missing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

from .errors import InvalidInputError
from .spelling import hint

Found = TypeVar("Found")

GROUP = "screlax.extensions"
"""Entry points of this group are modules that register something when they are imported."""


@cache
def load_installed() -> tuple[str, ...]:
    """Import the modules that installed packages declare, once; return their names."""
    from importlib import metadata  # takes longer than all the rest of --help

    found = metadata.entry_points(group=GROUP)
    for entry in found:
        entry.load()
    return tuple(entry.name for entry in found)


def registered(
    name: str,
    known: Mapping[str, Found],
    what: str,
    order: Callable[[Iterable[str]], list[str]] = list,
) -> Found:
    """Return what is registered under a name, by installed packages too.

    Raises
    ------
    InvalidInputError
        If there is nothing of that name; `what` it would be is for the message.
    """
    if name not in known:
        load_installed()
    if name not in known:
        from .containers import shown  # which loads NumPy

        raise InvalidInputError(
            f"there is no {what} {shown(name)}{hint(name, known)}; choose one of "
            f"{', '.join(order(known))}, or load the module that registers it (--with MODULE)"
        )
    return known[name]


_loaded: list[str] = []


def loaded_modules() -> tuple[str, ...]:
    """Return the modules that `load_modules` has imported, for processes that need them too."""
    return tuple(_loaded)


def load_modules(names: Iterable[str]) -> None:
    """Import modules by name, also from the working directory.

    Raises
    ------
    InvalidInputError
        If there is no such module, or importing it fails for want of another.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    for name in names:
        try:
            importlib.import_module(name)
            if name not in _loaded:
                _loaded.append(name)
        except (ImportError, ValueError) as error:
            raise InvalidInputError(
                f"module {name!r} cannot be imported: {error}; it is looked for among the "
                f"installed ones and in {here}"
            ) from error
