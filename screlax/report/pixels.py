"""A matrix of colours as the bytes of a PNG, in the signed colours of the pictures."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from ..plots.colours import SIGNED, UNDEFINED

COLOURS = 255
"""Colours of the scale: the palette has one more, for what has no number."""


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a PNG of numbers of colours, the last of them for nothing (W3C, PNG, 2003)."""
    height, width = pixels.shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # filter type 0 before every row
    rows[:, 1:] = pixels
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    data = zlib.compress(rows.tobytes(), 9)
    parts = {b"IHDR": header, b"PLTE": _colours().tobytes(), b"IDAT": data}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(inside))
        + kind
        + inside
        + struct.pack(">I", zlib.crc32(kind + inside))
        for kind, inside in [*parts.items(), (b"IEND", b"")]
    )


def is_dark(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return on which colours white text stands out more than black (WCAG 2.2, contrast ratio)."""
    parts = _colours() / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return np.asarray((1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05)[pixels])


def _colours() -> NDArray[np.uint8]:
    """Return the colours of the pictures, evenly between those listed, and the grey of nothing."""
    listed, grey = ([_parts(colour) for colour in of] for of in (SIGNED, (UNDEFINED,)))
    at = np.linspace(0, len(SIGNED) - 1, COLOURS)
    columns = [np.interp(at, np.arange(len(SIGNED)), column) for column in np.transpose(listed)]
    return np.concatenate([np.rint(np.stack(columns, axis=1)), grey]).astype(np.uint8)


def _parts(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
