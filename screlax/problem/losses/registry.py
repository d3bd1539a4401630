"""Losses by name, as text and as records: what command line, sweeps and files say of one."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

from ...checks import check_registered
from ...errors import InvalidInputError
from ...extensions import registered
from ..class_matrix import PerOrbitPair
from ..per_orbit import of_list
from .base import Loss
from .text import read_loss

LOSSES: dict[str, type[Loss]] = {}
"""Every loss by name."""

Known = TypeVar("Known", bound=type[Loss])


def register_loss(loss: Known) -> Known:
    """Make a loss known to command line, sweeps and files; a class decorator.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from typing import ClassVar
    >>> import screlax
    >>> @screlax.register_loss
    ... @dataclass(frozen=True)
    ... class Halved(screlax.losses.SupCon):
    ...     name: ClassVar[str] = "halved"
    >>> screlax.UFM([5, 3], screlax.Sphere(1.0), loss="halved").loss
    Halved(class_weights=None, views=1)
    >>> del screlax.losses.LOSSES["halved"]
    """
    check_registered(loss, "loss")
    LOSSES[loss.name] = loss
    return loss


def loss_of_record(record: Any) -> Loss:
    """Return the loss of `Loss.record`; lists are numbers per orbit, mappings matrices by orbit."""
    if isinstance(record, str):  # files of 0.2
        return check_loss(record)
    rest = dict(record)
    batches = rest.pop("batches", None)
    loss = _loss_named(rest["name"], _options_of_record(rest))
    if batches is None:
        return loss
    return loss.in_batches(batches)


def _options_of_record(record: dict[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in record.items() if name != "name"}
    for name, value in options.items():
        options[name] = PerOrbitPair.of_record(value) if isinstance(value, dict) else of_list(value)
    return options


def check_loss(loss: object) -> Loss:
    """Return a loss unchanged, or made from its text ``name:option=value,…``.

    Raises
    ------
    InvalidInputError
        If it is neither, there is no such loss, or it has no such option.
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise InvalidInputError(f"loss must be a loss or its name, got {loss!r}")
    what, _, batches = loss.partition(" in ")
    found = _loss_named(*read_loss(what))
    return found.in_batches(batches) if batches else found


def _loss_named(name: str, options: dict[str, Any]) -> Loss:
    """Return the loss of that name with these options, or say what is wrong with them."""
    loss = registered(name, LOSSES, "loss", sorted)
    loss.check_options(options)
    missing = [f.name for f in fields(loss) if f.default is MISSING and f.name not in options]
    if missing:
        raise InvalidInputError(f"loss {name!r} needs {', '.join(missing)}, as {missing[0]}=value")
    return loss(**options)
