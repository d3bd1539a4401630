"""Losses as text, ``name:option=value,…``, as command line, sweep files and keys have them.

A value is a number, a truth value, a word, or JSON: a list of one number per class, or an object
from label to number. Text of this kind says a loss in full; what `str` shows of one is shorter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...containers import shown
from ...errors import InvalidInputError
from ..class_matrix import PerClassPair, PerOrbitPair
from ..per_class import PerClass
from ..text_labels import typed_labels

_NAME = re.compile(r"\s*(\w+)\s*=\s*")
_WORD = re.compile(r"[A-Za-z][\w./-]*")


def read_loss(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``name:option=value,…`` into the name and the options.

    Raises
    ------
    InvalidInputError
        If an option has no value, or is there twice, or its JSON is none.
    """
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    while rest.strip(" ,"):
        start = _NAME.match(rest)
        if start is None:
            raise InvalidInputError(
                f"an option of a loss is written option=value, got {shown(rest)} in {shown(text)}"
            )
        if start[1] in options:
            raise InvalidInputError(f"option {start[1]!r} is there twice in {shown(text)}")
        options[start[1]], rest = _value(rest[start.end() :], text)
    return name.strip(), options


def loss_text(name: str, options: dict[str, Any], short: Mapping[str, str] | None = None) -> str:
    """Return the text that `read_loss` splits into the same name and options.

    Where `short` has a word for an option, that stands in its place, which is not read again.
    """
    words = short or {}
    written = (f"{option}={words.get(option) or _written(v)}" for option, v in options.items())
    return name + (":" + ",".join(written) if options else "")


def json_ready(value: Any) -> Any:
    """Return the value of an option as JSON has it: numbers per class as lists, or by label.

    Labels that text cannot say (tuples, whole numbers as text) are in pairs, which are not read.
    """
    if isinstance(value, PerOrbitPair):
        return value.record()
    if isinstance(value, PerClassPair) and value.labels is not None:
        rows = [json_ready(PerClass(row, value.labels)) for row in value.numbers]
        value = PerClass(np.array(rows, dtype=object), value.labels)
    if isinstance(value, PerClass) and value.labels is not None:
        labels, numbers = list(value.labels), json_ready(value.numbers)
        keys = list(map(str, labels))
        if len(set(keys)) == len(keys) and typed_labels(keys, str) == labels:
            return dict(zip(keys, numbers, strict=True))
        return [[repr(label), number] for label, number in zip(labels, numbers, strict=True)]
    value = getattr(value, "numbers", value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [json_ready(entry) for entry in value] if isinstance(value, list) else _plain(value)


def _value(rest: str, text: str) -> tuple[Any, str]:
    """Return the value that text begins with, and what comes after it and a comma."""
    if rest[:1] in ("[", "{", '"'):
        try:
            value, end = _DECODER.raw_decode(rest)
        except (ValueError, RecursionError) as error:  # thousands of digits, or of brackets
            if isinstance(error, InvalidInputError):
                raise
            raise InvalidInputError(
                f"{shown(rest)} in {shown(text)} is not valid JSON ({error})"
            ) from None
    else:
        end = rest.find(",") if "," in rest else len(rest)
        value = _scalar(rest[:end].strip())
    after = rest[end:].lstrip()
    if after and not after.startswith(","):
        raise InvalidInputError(f"options of a loss are separated by commas, got {shown(after)}")
    return value, after[1:]


def _scalar(word: str) -> Any:
    """Return the number or truth value that a word is, else the word."""
    try:
        return json.loads(word)
    except ValueError:  # also of thousands of digits
        return word


def _by_label(pairs: list[tuple[str, Any]]) -> dict[Any, Any]:
    """Return an object of JSON as numbers by label, whole numbers as in files of labels."""
    keys = [label for label, _ in pairs]
    repeated = next((label for label in keys if keys.count(label) > 1), None)
    if repeated is not None:
        raise InvalidInputError(f"label {repeated!r} is there twice; give it one number")
    labels = typed_labels(keys, lambda position: f"entry {position} (from 0)")
    return dict(zip(labels, (value for _, value in pairs), strict=True))


_DECODER = json.JSONDecoder(object_pairs_hook=_by_label)


def _written(value: Any) -> str:
    if isinstance(value, str) and _WORD.fullmatch(value) and _scalar(value) == value:
        return value
    return json.dumps(json_ready(value), separators=(",", ":"), default=repr)


def _plain(number: Any) -> Any:
    """Write whole numbers alike, whatever type they have."""
    return int(number) if isinstance(number, float) and number.is_integer() else number
