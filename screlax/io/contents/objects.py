"""Tensors, arrays and lists within Python objects, by the names that lead to them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...containers import is_tensor
from .base import Contents, Entry

_DEEPEST = 8


def contents_of(file: Path, value: Any) -> Contents:
    """Return what an object holds: itself, or the entries of dicts and lists, with dots between."""
    return Contents(file, {".".join(path): entry for path, entry in _entries(value, ())})


def _entries(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Entry]]:
    if len(path) > _DEEPEST:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _entries(inner, (*path, str(name)))
    elif is_tensor(value) or hasattr(value, "__array__"):
        yield path, Entry(tuple(np.shape(value)), _type(value), lambda: value)
    elif isinstance(value, list | tuple) and value:
        if all(type(one) in (int, str) for one in value):
            yield path, Entry((len(value),), f"list of {type(value[0]).__name__}", lambda: value)
        else:
            for number, inner in enumerate(value, 1):
                yield from _entries(inner, (*path, str(number)))


def _type(value: Any) -> str:
    name = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
    return name if len(name) < 40 else type(value).__name__
