"""Files of safetensors, memory-mapped; the format is a length, a JSON header and the numbers.

https://huggingface.co/docs/safetensors, section Format.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError
from .base import Contents, Entry

_TYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BOOL": "|b1"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1"},
}

_LONGEST_HEADER = 100_000_000
"""Bytes, as the format allows."""


def safetensors_contents(file: Path, allow_pickle: bool = False) -> Contents:
    """Return the tensors of a file; nothing in it is ever run."""
    size = file.stat().st_size
    with file.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        if not 2 <= length <= min(_LONGEST_HEADER, size - 8):
            raise ValueError(f"a header of {length:,} bytes in a file of {size:,}")
        header = json.loads(source.read(length).decode())
    if not isinstance(header, dict):
        raise ValueError("the header is no JSON object")
    header.pop("__metadata__", None)
    entries = {str(name): _entry(file, name, 8 + length, said) for name, said in header.items()}
    return Contents(file, entries)


def _entry(file: Path, name: str, start: int, said: Any) -> Entry:
    shape, kind = tuple(map(int, said["shape"])), str(said["dtype"])
    begin, end = map(int, said["data_offsets"])
    numbers = int(np.prod(shape, dtype=object))
    bits = np.dtype(_TYPES.get(kind, "<u2")).itemsize
    known = kind == "BF16" or kind in _TYPES
    if min(shape, default=1) < 0 or begin < 0 or (known and end - begin != numbers * bits):
        raise ValueError(f"tensor {name!r} of shape {shape} has {end - begin:,} bytes")
    if start + end > file.stat().st_size:
        raise ValueError(f"tensor {name!r} ends after the file")

    def read() -> NDArray[Any]:
        if not known:
            raise FileFormatError(
                f"{file}: {name!r} holds numbers of type {kind}, which NumPy has not; save "
                "tensor.float()"
            )
        if not numbers:
            return np.zeros(shape)
        dtype = np.dtype(_TYPES.get(kind, "<u2"))
        mapped = np.memmap(file, dtype, "r", start + begin, shape)
        if kind != "BF16":
            return mapped
        return (mapped.astype(np.uint32) << 16).view(np.float32)  # the upper half of a float32

    return Entry(shape, "bfloat16" if kind == "BF16" else _named(kind), read)


def _named(kind: str) -> str:
    return str(np.dtype(_TYPES[kind])) if kind in _TYPES else f"float ({kind})"
